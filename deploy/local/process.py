"""Starting child processes that can never outlive the process that started them.

Owns the spawn; leaves what to run, and when to run it again, to the supervisor.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.account import account_owner

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: opening a library between fork and exec is not safe.
_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """What a child runs before exec so that the kernel sends it `death_signal` when its parent thread ends (prctl(2))."""
    parent = os.getpid()

    def arm() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        # The parent may have ended between fork and prctl; then nobody would send the signal.
        if os.getppid() != parent:
            os._exit(1)

    return arm


def spawn(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    log: Path,
    directory: Path,
    account: int | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, output appended to `log`, as uid `account` when given (root only).

    Raises OSError when the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environ),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account,
            group=account_owner(account)[1],
            extra_groups=None if account is None else [],
            preexec_fn=end_with_parent(death_signal),
        )


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, *, patience: float) -> None:
    """Ask `process` to end, wait `patience` seconds, then end its whole session by force."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
