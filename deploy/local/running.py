"""Is the plane of this state directory running, and what is it made of?

The supervisor holds a lock on a file for as long as it lives. The kernel releases it however the supervisor ends, so a stale state
directory is recognised without guessing from process ids.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from deploy.local.places import Places


class AlreadyRunning(Exception):
    """Another supervisor owns this state directory."""


@contextmanager
def owned(places: Places) -> Iterator[None]:
    """Hold the plane's lock. Raises AlreadyRunning when somebody else does."""
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise AlreadyRunning(f"a plane is already running from {places.state}") from held
        yield
    finally:
        os.close(descriptor)


def is_running(places: Places) -> bool:
    """Whether a supervisor holds the lock now."""
    try:
        descriptor = os.open(places.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read(places: Places) -> dict[str, Any]:
    """What the supervisor last wrote about itself; empty when nothing is known."""
    try:
        found = json.loads(places.running.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(places: Places, facts: Mapping[str, Any]) -> None:
    """Replace running.json in one step."""
    partial = places.running.with_suffix(".new")
    partial.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    partial.replace(places.running)


def clear_leftovers(places: Places) -> list[str]:
    """End what a supervisor that was killed left behind, and say what was found. Call with the lock held."""
    found = read(places)
    if not found:
        return []
    said = [f"the last plane of {places.state} ended without being stopped; cleaning up after it"]
    leftovers = [process for process in map(_process, (found.get("services") or {}).values()) if process]
    # The kernel has told them to end when their supervisor did; draining takes them a moment.
    _, alive = psutil.wait_procs(leftovers, timeout=15)
    for process in alive:
        said.append(f"ending process {process.pid} ({process.name()})")
        with suppress(psutil.Error):
            process.kill()
    places.running.unlink(missing_ok=True)
    return said


def stop(places: Places, *, seconds: float = 60) -> bool:
    """Ask the supervisor to stop everything and wait until it has; False when nothing was running. Raises TimeoutError."""
    if not is_running(places):
        return False
    pid = int(read(places).get("pid") or 0)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while is_running(places):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the plane (process {pid}) did not stop within {seconds:g} s")
        time.sleep(0.1)
    return True


def _process(service: Mapping[str, Any]) -> psutil.Process | None:
    try:
        process = psutil.Process(int(service.get("pid") or 0))
    except (psutil.Error, ValueError):
        return None
    # A process id is reused; the start time tells whether it is still the one we knew.
    return process if abs(process.create_time() - float(service.get("started") or 0)) < 1 else None
