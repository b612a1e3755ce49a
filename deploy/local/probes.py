"""Asking a program whether it is ready, in as few bytes as the question needs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

_PATIENCE = 4.0
Probe = Callable[[], Awaitable[bool]]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def http_on_socket(path: Path, target: str) -> Probe:
    """Whether `GET target` over the unix socket answers 200."""

    async def probe() -> bool:
        return await _answers_ok(lambda: asyncio.open_unix_connection(str(path)), target)

    return probe


def http_on_port(port: int, target: str) -> Probe:
    """Whether `GET target` on loopback answers 200."""

    async def probe() -> bool:
        return await _answers_ok(lambda: asyncio.open_connection("127.0.0.1", port), target)

    return probe


def listens_on_port(port: int) -> Probe:
    """Whether anybody accepts connections on loopback."""

    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    return probe


async def _answers_ok(connect: Callable[[], Awaitable[Connection]], target: str) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await connect()
            try:
                writer.write(f"GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]
