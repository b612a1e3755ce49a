"""What the clients need, installed on first use below .local/clients from lock files; afterwards nothing is fetched.

Each Python client has an environment of its own, because their requirements contradict each other and ours.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.node import Node, node_of_wheel

HERE = Path(__file__).parent
INSTALLED = HERE.parents[2] / ".local" / "clients"


@cache
def python_of(name: str) -> Path:
    """The interpreter of the environment that requirements/<name>.txt describes."""
    requirements = HERE / "requirements" / f"{name}.txt"
    folder = INSTALLED / name
    python = folder / "bin" / "python"

    def install() -> None:
        _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder))
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet")
        _run(*pip, "--root-user-action=ignore", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements))

    _once(folder, sys.version.encode() + requirements.read_bytes(), install)
    return python


@cache
def node() -> Node:
    """The pinned Node."""
    return node_of_wheel(python_of("node"))


@cache
def node_client(name: str) -> Path:
    """A folder with the scripts of clients/<name> beside the packages of its lock file."""
    source, folder = HERE / name, INSTALLED / name

    def install() -> None:
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        for listing in ("package.json", "package-lock.json"):
            shutil.copy(source / listing, folder)
        node().install(folder)

    _once(folder, (source / "package.json").read_bytes() + (source / "package-lock.json").read_bytes(), install)
    for script in (*source.glob("*.mjs"), HERE / "dialogue.mjs"):
        shutil.copy(script, folder)
    return folder


def _once(folder: Path, described: bytes, install: Callable[[], None]) -> None:
    """Runs `install` unless `folder` already holds what `described` says; a half-done folder is done again."""
    folder.mkdir(parents=True, exist_ok=True)
    fingerprint = hashlib.sha256(described).hexdigest()
    stamp = INSTALLED / f"{folder.name}.installed"
    with _alone(folder.name):
        if stamp.is_file() and stamp.read_text() == fingerprint:
            return
        stamp.unlink(missing_ok=True)
        install()
        stamp.write_text(fingerprint)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Two test runs in one checkout must not install into the same folder at once."""
    with (INSTALLED / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
