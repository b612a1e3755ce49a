"""Several processes behind one listening socket: the parent binds and watches, the children serve, and none outlives the parent."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kit import log

# "<descriptor of the listening socket>:<parent's pid>"; set by the parent for its children only.
_WORKER: Final = "SERVICE_WORKER"
_PR_SET_PDEATHSIG: Final = 1
_POLL_SECONDS = 0.1
# A child that ends sooner than this never served; starting it again would only repeat the failure.
_SHORTEST_LIFE = 60.0

logger = log.get(__name__)


def inherited(environ: Mapping[str, str]) -> socket.socket | None:
    """In a worker: the listening socket its parent bound, with this process's life tied to the parent's. Otherwise None.

    Raises SystemExit when the parent has already gone.
    """
    value = environ.get(_WORKER)
    if value is None:
        return None
    descriptor, _, parent = value.partition(":")
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died between our start and the call above
        raise SystemExit(1)
    listening = socket.socket(fileno=int(descriptor))
    listening.setblocking(False)  # noqa: FBT003 - its only parameter
    return listening


@dataclass
class Workers:
    """`count` copies of this very command, restarted one by one when they die after having served."""

    count: int
    listening: socket.socket
    environ: Mapping[str, str]
    patience: float
    command: list[str] = field(default_factory=lambda: [sys.executable, *sys.orig_argv[1:]])
    clock: Callable[[], float] = time.monotonic
    _running: dict[subprocess.Popen[Any], float] = field(default_factory=dict)
    _signals: int = 0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code: 0 after a drain, 1 when a worker cannot start or had to be killed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for _ in range(self.count):
            self._spawn()
        while not self._signals:
            time.sleep(_POLL_SECONDS)
            if not self._replace_dead():
                self._stop()
                return 1
        return 0 if self._stop() else 1

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        if self._signals > 1:
            self._each(signal.SIGKILL)

    def _spawn(self) -> None:
        descriptor = self.listening.fileno()
        environ = {**self.environ, _WORKER: f"{descriptor}:{os.getpid()}"}
        # A group of its own: the terminal's Ctrl-C reaches a worker through us, once.
        child = subprocess.Popen(self.command, env=environ, pass_fds=(descriptor,), process_group=0)  # noqa: S603 - our own command
        self._running[child] = self.clock()

    def _replace_dead(self) -> bool:
        """False when a worker ended before it can have served."""
        for child, since in list(self._running.items()):
            code = child.poll()
            if code is None:
                continue
            del self._running[child]
            lived = self.clock() - since
            logger.error("worker.died", pid=child.pid, exit_code=code, seconds=round(lived, 1))
            if lived < _SHORTEST_LIFE:
                return False
            self._spawn()
        return True

    def _stop(self) -> bool:
        """Drain every worker; False when one did not end well in time."""
        self._each(signal.SIGTERM)
        until = self.clock() + self.patience
        while any(child.poll() is None for child in self._running) and self.clock() < until:
            time.sleep(_POLL_SECONDS)
        self._each(signal.SIGKILL)
        return all(child.wait() == 0 for child in self._running)

    def _each(self, number: int) -> None:
        for child in self._running:
            if child.poll() is None:
                child.send_signal(number)
