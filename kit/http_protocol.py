"""uvicorn's HTTP/1.1 protocol with what it leaves open: the size of a request's head, the peer's name, and one write per response."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kit import log

LARGEST_HEAD: Final = 64 * 1024

logger = log.get(__name__)


class _Joining:
    """A transport that sends a response's head with the first part of its body: one system call instead of two.

    ASGI wants it so: nothing is sent before the first `http.response.body`.
    """

    __slots__ = ("_held", "_inner")

    def __init__(self, inner: asyncio.Transport) -> None:
        self._inner = inner
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._held = data
            return
        self._inner.write(data)

    def flush(self) -> None:
        if self._held:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on request heads and, over TLS, on who may speak at all."""

    peer: str | None = None  # the URI SAN demanded of the client

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse a client whose certificate is genuine but another's."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and not _names(tls.getpeercert(), self.peer):
            logger.warning("http.refused_peer", wanted=self.peer)
            transport.abort()
        self.transport = _Joining(transport)  # type: ignore[assignment]

    def on_response_complete(self) -> None:
        """A response without a body ends here."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def on_message_begin(self) -> None:
        """Start counting this request's head."""
        self._head = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD:
            raise ValueError("request head too large")  # the parser reports it, and uvicorn answers 400 and closes


def _names(certificate: Any, wanted: str | None) -> bool:
    return wanted is not None and ("URI", wanted) in (certificate or {}).get("subjectAltName", ())
