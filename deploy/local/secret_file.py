"""The secrets of one local plane: generated once, kept in a file of mode 0600, the same after every restart."""

import os
import secrets
from pathlib import Path

SERVICES = ("registry", "authorize", "token", "vault", "audit", "admin")


def ensure(path: Path) -> dict[str, str]:
    """Read the file, add whatever is missing, and return everything by name."""
    found = read(path)
    wanted = {
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        **{f"POSTGRES_PASSWORD_{service.upper()}": secrets.token_urlsafe(24) for service in SERVICES},
        "DATA_ENCRYPTION_KEY": secrets.token_hex(32),
        "SESSION_SECRET": secrets.token_urlsafe(32),
        "CONNECT_STATE_SECRET": secrets.token_urlsafe(32),
        "CLIENT_SECRET_PEPPER": secrets.token_urlsafe(32),
        "ADMIN_API_KEY": secrets.token_urlsafe(32),
        "DEMO_USER_PASSWORD": secrets.token_urlsafe(12),
    }
    complete = wanted | found
    if complete != found:
        write(path, complete)
    return complete


def read(path: Path) -> dict[str, str]:
    """The file's NAME=value lines; empty when there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def write(path: Path, values: dict[str, str]) -> None:
    """Replace the file in one step, private from its first byte on."""
    partial = path.with_suffix(".new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("# Secrets of this local plane. Delete the whole state directory to start afresh; this file alone locks its data.\n")
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    partial.replace(path)
