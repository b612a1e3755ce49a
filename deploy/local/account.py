"""An unprivileged account for the database: Postgres refuses to run as root, and is right to.

Owns finding that account and giving it places it can reach. Nothing here matters when the plane is started by an ordinary user.
"""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

NAME = "authplane"
SYSTEM_HOME = Path("/var/lib/authplane")


def unprivileged_account() -> int | None:
    """The uid Postgres runs as: None for "the one who asks", the system account `authplane` (created once) for root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(NAME).pw_uid
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", NAME],
            check=False,
            capture_output=True,
        )
    try:
        return pwd.getpwnam(NAME).pw_uid
    except KeyError:
        # A minimal image without useradd still has the account every system ships.
        return pwd.getpwnam("nobody").pw_uid


def reachable(path: Path, account: int | None) -> bool:
    """Whether `account` may traverse every folder down to and including `path` (the nearest existing ancestor stands for it)."""
    if account is None:
        return True
    entry = pwd.getpwuid(account)
    for folder in (path, *path.resolve().parents):
        if not folder.exists():
            continue
        found = folder.stat()
        if found.st_uid == entry.pw_uid:
            bit = stat.S_IXUSR
        elif found.st_gid == entry.pw_gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not found.st_mode & bit:
            return False
    return True


def account_owner(account: int | None) -> tuple[int | None, int | None]:
    """The uid and primary gid to start a program with; (None, None) leaves the caller's own."""
    if account is None:
        return None, None
    return account, pwd.getpwuid(account).pw_gid


def hand_over(folder: Path, account: int | None) -> None:
    """Create `folder`, private to `account` (to the caller when None)."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account, pwd.getpwuid(account).pw_gid)


def reachable_copy(folder: Path, name: str, account: int | None) -> Path:
    """`folder` itself when `account` can reach it, else a copy of it named `name` under /var/lib/authplane.

    A checkout below /root is closed to every other account; opening a home directory would be the worse cure.
    """
    if reachable(folder, account):
        return folder
    copy = SYSTEM_HOME / name
    if not copy.exists():
        SYSTEM_HOME.mkdir(parents=True, exist_ok=True, mode=0o755)
        partial = SYSTEM_HOME / f".{name}.{os.getpid()}"
        shutil.copytree(folder, partial, symlinks=True)
        for entry in (partial, *partial.rglob("*")):
            if not entry.is_symlink():
                entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            partial.rename(copy)
        except OSError:
            # Somebody else finished the same copy first.
            shutil.rmtree(partial)
    return copy
