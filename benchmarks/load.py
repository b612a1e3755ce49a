"""A small closed-loop load generator: one request in flight per connection, HTTP/1.1 kept alive, no HTTP library in the way.

A general client costs several times what the server under test does and would be measured in its place.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

RequestMaker = Callable[[], bytes]


@dataclass
class Outcome:
    """What one run measured. Latencies in seconds, in order of completion."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    first_refusal: str = ""

    @property
    def per_second(self) -> float:
        """Successful requests per second of wall-clock time."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that `share` of the requests stayed under."""
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def post_form(path: str, host: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of a form POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One kept-alive connection that sends its next request as soon as the last was answered."""

    def __init__(self, make: RequestMaker, outcome: Outcome, until: float, done: asyncio.Event) -> None:
        self._make = make
        self._outcome = outcome
        self._until = until
        self._done = done
        self._buffer = bytearray()
        self._sent = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts the loop."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream transport is needed")
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._make())

    def data_received(self, data: bytes) -> None:
        """Collects one whole answer, notes it and goes on."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        mark = head.find(b"content-length:")
        length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        now = time.perf_counter()
        if head[9:12] == b"200":
            self._outcome.latencies.append(now - self._sent)
        else:
            self._outcome.refused += 1
            self._outcome.first_refusal = self._outcome.first_refusal or bytes(self._buffer[:400]).decode(errors="replace")
        self._buffer.clear()
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of this connection's share of the run."""
        if exc is not None:
            self._outcome.refused += 1
            self._outcome.first_refusal = self._outcome.first_refusal or repr(exc)
        self._done.set()


async def run(target: str, make: RequestMaker, *, connections: int, seconds: float) -> Outcome:
    """Keeps `connections` requests in flight against `target` ("host:port" or "unix:/path") for `seconds`."""
    loop = asyncio.get_running_loop()
    outcome = Outcome()
    began = time.perf_counter()
    finished = [asyncio.Event() for _ in range(connections)]

    for done in finished:
        protocol = partial(Connection, make, outcome, began + seconds, done)
        if target.startswith("unix:"):
            await loop.create_unix_connection(protocol, target.removeprefix("unix:"))
        else:
            host, _, port = target.rpartition(":")
            await loop.create_connection(protocol, host, int(port))
    await asyncio.gather(*(done.wait() for done in finished))
    outcome.seconds = time.perf_counter() - began
    return outcome
