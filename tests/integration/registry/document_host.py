"""An HTTPS host for client metadata documents, on loopback, with a certificate of a private authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from kit.rpc_server import TlsFiles


@dataclass
class DocumentHost:
    """`pages` maps a path to status, headers and body; `delay` is in seconds."""

    port: int = 0
    delay: float = 0
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"

    def publish(self, path: str, cache_control: str = "max-age=600", **members: Any) -> str:
        """Put a document at `path`; its URL."""
        url = self.url(path)
        document = {"client_id": url, "client_name": "Documented", "redirect_uris": ["http://127.0.0.1:7777/cb"]} | members
        self.pages[path] = (200, {"content-type": "application/json", "cache-control": cache_control}, orjson.dumps(document))
        return url

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.asked.append(path)
            await asyncio.sleep(self.delay)
            status, headers, body = self.pages.get(path, (404, {}, b""))
            lines = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(tls: TlsFiles) -> AsyncIterator[DocumentHost]:
    host = DocumentHost()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert, tls.key)
    server = await asyncio.start_server(host.answer, "127.0.0.1", 0, ssl=context)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
