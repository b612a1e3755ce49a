"""Calls an ASGI application as a server would, without one."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

App = Callable[[MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application sent."""

    status: int
    raw_headers: list[tuple[bytes, bytes]]
    body: bytes
    messages: int

    def header(self, name: str) -> str | None:
        """The header's value; fails the test if it was sent twice."""
        values = [value.decode() for key, value in self.raw_headers if key == name.encode()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


async def call(
    app: App, method: str, target: str, *, headers: Headers = (), chunks: Sequence[bytes] = (b"",), disconnect: bool = False
) -> Answer | None:
    """One request; None when the application sent nothing. `disconnect`: the client leaves after the chunks instead of finishing."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("192.0.2.1", 1234),
    }
    incoming: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": disconnect or number < len(chunks) - 1} for number, chunk in enumerate(chunks)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return None
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], list(sent[0]["headers"]), body, len(sent))


async def answer(app: App, method: str, target: str, *, headers: Headers = (), body: bytes = b"") -> Answer:
    """One complete request and its answer."""
    found = await call(app, method, target, headers=headers, chunks=(body,))
    assert found is not None
    return found
