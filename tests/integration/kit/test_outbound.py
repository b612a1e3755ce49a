"""Fetching from strangers, with a resolver and a server that behave as badly as the test wants."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.errors import Unavailable
from kit.outbound import AddressRefused, AnswerRefused, Outbound
from tests.support.tls import Authority

PUBLIC = "93.184.216.34"


@dataclass
class Stranger:
    """An HTTPS server that answers every connection with `answer`, written by the test."""

    port: int = 0
    heads: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    answer: Callable[[asyncio.StreamWriter], object] = lambda writer: writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            result = self.answer(writer)
            if asyncio.iscoroutine(result):
                await result
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass
class Resolver:
    """Gives each answer once, in order, the last for ever."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def stranger(authority: Authority) -> AsyncIterator[Stranger]:
    made = Stranger()
    files = authority.issue("stranger", "client.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    context.sni_callback = lambda _socket, name, _context: made.names.append(name)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


def outbound(authority: Authority, resolver: Resolver, *, allow_private: bool = True, timeout: float = 2) -> Outbound:
    return Outbound(allow_private=allow_private, ca_file=str(authority.ca_file), timeout=timeout, resolve=resolver)


def local() -> Resolver:
    return Resolver([["127.0.0.1"]])


async def test_the_checked_address_is_dialled_under_the_hosts_own_name(authority: Authority, stranger: Stranger) -> None:
    client = outbound(authority, local())
    fetched = await client.get(f"https://client.example:{stranger.port}/doc?x=1", accept="application/json", max_bytes=100)
    assert (fetched.status, fetched.body) == (200, b"ok")
    assert stranger.names == ["client.example"]
    head = stranger.heads[0].lower()
    assert head.startswith("get /doc?x=1 http/1.1")
    assert f"host: client.example:{stranger.port}\r\n" in head
    assert "accept-encoding: identity" in head
    assert "accept: application/json" in head


async def test_the_certificate_must_be_the_names_not_the_addresss(authority: Authority, stranger: Stranger) -> None:
    with pytest.raises(Unavailable):
        await outbound(authority, local()).get(f"https://other.example:{stranger.port}/", accept="*/*", max_bytes=100)
    assert stranger.heads == []


async def test_a_name_that_resolves_differently_a_second_time_gains_nothing(authority: Authority, stranger: Stranger) -> None:
    """Known attack: DNS rebinding. One look-up decides, and what it said is what is dialled."""
    resolver = Resolver([[PUBLIC], ["127.0.0.1"]])
    client = outbound(authority, resolver, allow_private=False, timeout=0.5)
    with pytest.raises(Unavailable):  # nobody answers at the public address in a test
        await client.get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=100)
    assert resolver.asked == ["client.example"]
    assert stranger.heads == []
    with pytest.raises(AddressRefused):
        await client.get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=100)
    assert stranger.heads == []


@pytest.mark.parametrize("found", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:7f00:1"], ["64:ff9b::a9fe:a9fe"], ["fe80::1%2"]])
async def test_one_forbidden_address_refuses_the_host(authority: Authority, found: list[str]) -> None:
    with pytest.raises(AddressRefused):
        await outbound(authority, Resolver([found]), allow_private=False).get("https://client.example/", accept="*/*", max_bytes=100)


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example/",
        "ftp://client.example/",
        "https://user@client.example/",
        "https://user:pass@client.example/",
        "https://@client.example/",
        "https:///x",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "not a url",
        "https://[::1/",
    ],
)
async def test_a_url_we_do_not_fetch_is_refused_before_any_look_up(authority: Authority, url: str) -> None:
    resolver = Resolver([[PUBLIC]])
    with pytest.raises(AddressRefused):
        await outbound(authority, resolver, allow_private=False).get(url, accept="*/*", max_bytes=100)
    assert resolver.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1"])
async def test_addresses_written_as_hosts_are_judged_too(host: str) -> None:
    client = Outbound(allow_private=False, ca_file=None, timeout=2)
    with pytest.raises((AddressRefused, Unavailable)):
        await client.get(f"https://{host}/", accept="*/*", max_bytes=100)


async def test_a_redirect_is_an_answer_and_not_followed(authority: Authority, stranger: Stranger) -> None:
    stranger.answer = lambda writer: writer.write(b"HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1/\r\ncontent-length: 0\r\n\r\n")
    fetched = await outbound(authority, local()).get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=100)
    assert fetched.status == 302
    assert len(stranger.heads) == 1


async def test_a_body_that_trickles_is_cut_by_the_whole_time(authority: Authority, stranger: Stranger) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    stranger.answer = trickle
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable, match="too long"):
        await outbound(authority, local(), timeout=0.5).get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=5000)
    assert asyncio.get_running_loop().time() - started < 1.5


async def test_a_slow_resolver_counts_too(authority: Authority) -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    with pytest.raises(Unavailable):
        await Outbound(allow_private=True, ca_file=None, timeout=0.2, resolve=slow).get("https://x.example/", accept="*/*", max_bytes=1)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_beyond_the_limit_is_not_read_to_its_end(authority: Authority, stranger: Stranger, announced: bool) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n" + (b"content-length: 100000000\r\n\r\n" if announced else b"\r\n"))
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            sent += 100_000
            await writer.drain()

    stranger.answer = flood
    with pytest.raises(AnswerRefused):
        await outbound(authority, local()).get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=1000)
    await asyncio.sleep(0.1)
    assert sent < 20_000_000


async def test_a_compressed_answer_is_refused_unopened(authority: Authority, stranger: Stranger) -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    stranger.answer = lambda writer: writer.write(head + bomb)
    with pytest.raises(AnswerRefused):
        await outbound(authority, local()).get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=10_000_000)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n"])
async def test_an_answer_that_is_no_http_is_unavailable(authority: Authority, stranger: Stranger, answer: bytes) -> None:
    stranger.answer = lambda writer: writer.write(answer)
    with pytest.raises(Unavailable):
        await outbound(authority, local()).get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=100)


async def test_a_form_is_posted_with_basic_authentication(authority: Authority, stranger: Stranger) -> None:
    fetched = await outbound(authority, local()).post_form(
        f"https://client.example:{stranger.port}/token", {"grant_type": "refresh_token"}, max_bytes=100, basic=("me", "hush")
    )
    assert fetched.status == 200
    assert "authorization: basic bwu6ahvzaa==" in stranger.heads[0].lower()
    assert "content-type: application/x-www-form-urlencoded" in stranger.heads[0].lower()


async def test_no_proxy_is_taken_from_the_environment(
    authority: Authority, stranger: Stranger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Target O10: the environment does not decide where requests go."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await outbound(authority, local()).get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=100)
    assert len(stranger.heads) == 1


async def test_the_next_address_is_tried_when_one_takes_no_connection(authority: Authority, stranger: Stranger) -> None:
    client = outbound(authority, Resolver([["127.0.0.9", "127.0.0.1"]]))
    assert (await client.get(f"https://client.example:{stranger.port}/", accept="*/*", max_bytes=100)).status == 200
