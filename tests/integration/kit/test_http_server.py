"""The listener itself: sockets, who may speak, limits, and the drain."""

import asyncio
import contextlib
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kit.http_server import HttpServer, bind, host_and_port, is_loopback, mutual_tls
from kit.rpc_server import TlsFiles
from tests.support.tls import Authority

GATEWAY = "spiffe://authplane/gateway"
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"18")]})
        for part in (b"HTTP/1.1 ", b"HTTP/1.1 "):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] == "/none":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] == "/echo":
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.4)
    if scope["path"] == "/stuck":
        await asyncio.sleep(60)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[HttpServer]:
    running = HttpServer(hello, bind(f"unix:{tmp_path}/s"))
    running.start()
    yield running
    await running.drain(0)


@pytest.fixture
async def wire(server: HttpServer, tmp_path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    yield reader, writer
    writer.close()


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def test_only_the_owner_may_use_the_socket(tmp_path: Path) -> None:
    with bind(f"unix:{tmp_path}/deep/s"):
        assert stat.S_IMODE((tmp_path / "deep/s").stat().st_mode) == 0o600


def test_a_dead_processs_socket_file_is_replaced_and_a_live_ones_is_not(tmp_path: Path) -> None:
    bind(f"unix:{tmp_path}/s").close()
    with bind(f"unix:{tmp_path}/s"), pytest.raises(OSError, match="listening"):
        bind(f"unix:{tmp_path}/s")


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(OSError):
        bind(f"unix:{tmp_path}/s")
    assert (tmp_path / "s").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "nowhere", "host:", ":x", "h:70000", "h:-1"])
def test_what_is_no_address_is_said_so(text: str) -> None:
    with pytest.raises(ValueError):
        host_and_port(text)


@pytest.mark.parametrize(
    ("listen", "local"), [("unix:/x", True), ("127.0.0.1:1", True), ("[::1]:1", True), (":1", False), ("0.0.0.0:1", False)]
)
def test_what_only_this_machine_reaches(listen: str, local: bool) -> None:
    assert is_loopback(listen) is local


async def test_one_connection_serves_many_requests(wire: Wire) -> None:
    reader, writer = wire
    for _ in range(3):
        writer.write(GET)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"\r\ndate: " in head
        assert b"server:" not in head
        assert await reader.readexactly(5) == b"hello"


async def test_head_and_body_arrive_whole_however_they_were_sent(wire: Wire) -> None:
    reader, writer = wire
    for request, ending in [
        (b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n\r\nHTTP/1.1 HTTP/1.1 "),
        (b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n\r\n"),
        (b"GET /none HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n\r\n"),
        (GET + GET, b"hello"),
    ]:
        writer.write(request)
        answer = await asyncio.wait_for(reader.readuntil(ending), 2)
        assert answer.startswith(b"HTTP/1.1 20")
    assert (await asyncio.wait_for(reader.readuntil(b"hello"), 2)).startswith(b"HTTP/1.1 200")
    writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert (await asyncio.wait_for(reader.readuntil(b"abc"), 2)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(wire: Wire, request_bytes: bytes) -> None:
    reader, writer = wire
    writer.write(request_bytes)
    assert (await reader.read()).startswith(b"HTTP/1.1 400")


async def test_a_drain_finishes_what_is_running_and_closes_what_is_idle(server: HttpServer, wire: Wire, tmp_path: Path) -> None:
    reader, writer = wire
    idle_reader, idle_writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(GET.replace(b"/ ", b"/slow "))
    await asyncio.sleep(0.1)
    draining = asyncio.create_task(server.drain(5))
    answer = await reader.read()
    assert answer.endswith(b"hello")
    assert b"connection: close" in answer
    assert await idle_reader.read() == b""
    await asyncio.wait_for(draining, 1)
    with pytest.raises(ConnectionError):
        await asyncio.open_unix_connection(str(tmp_path / "s"))
    idle_writer.close()


async def test_a_request_that_does_not_end_is_cut_off(server: HttpServer, wire: Wire) -> None:
    reader, writer = wire
    writer.write(GET.replace(b"/ ", b"/stuck "))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(server.drain(0.2), 1)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(5), 1)


async def over_tls(port: int, authority: Authority, client: TlsFiles | None) -> bytes:
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    if client is not None:
        context.load_cert_chain(client.cert, client.key)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(GET)
        return await asyncio.wait_for(reader.read(15), 2)
    finally:
        writer.close()


async def test_over_tcp_only_the_gateways_certificate_is_served(tmp_path: Path) -> None:
    """Architecture §6: a forwarded client address is believed from the gateway alone, and nobody else may use that port."""
    authority = Authority(tmp_path)
    listening = bind("127.0.0.1:0")
    port = listening.getsockname()[1]
    running = HttpServer(hello, listening, tls=mutual_tls(authority.files("token")), peer=GATEWAY)
    running.start()
    assert (await over_tls(port, authority, authority.files("gateway"))).startswith(b"HTTP/1.1 200")
    forged = Authority(tmp_path / "other").files("gateway")
    for client in (None, authority.files("admin"), authority.issue("demo", "gateway", "gateway.authplane"), forged):
        try:
            answer = await over_tls(port, authority, client)
        except (OSError, ssl.SSLError):
            answer = b""
        assert answer == b""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(plain, GET)
        with contextlib.suppress(ConnectionError):
            assert not (await asyncio.wait_for(loop.sock_recv(plain, 100), 2)).startswith(b"HTTP")
    await running.drain(0)
