"""What a handler sees of a request."""

from typing import Any

import pytest

from kit.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from kit.http import Request
from kit.http.request import ClientGone

FORM = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
JSON = ("content-type", "application/json")


def request(*headers: tuple[str, str], chunks: tuple[bytes, ...] = (b"",), cut: bool = False, query: bytes = b"") -> Request:
    incoming = [{"type": "http.request", "body": chunk, "more_body": cut or chunk is not chunks[-1]} for chunk in chunks]

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query, "headers": raw, "client": ("192.0.2.1", 1)}
    return Request(scope, receive)


def test_the_gateways_word_is_taken_for_address_and_request_id() -> None:
    seen = request(("x-authplane-client-address", "2001:db8::1"), ("x-request-id", "0a-1"), ("traceparent", "00-a-b-01"))
    assert (seen.client_address, seen.request_id, seen.traceparent) == ("2001:db8::1", "0a-1", "00-a-b-01")


def test_without_the_gateway_the_peer_is_the_client() -> None:
    seen = request()
    assert seen.client_address == "192.0.2.1"
    assert len(seen.request_id) == 22
    assert seen.traceparent is None


@pytest.mark.parametrize("forged", ["a b", "x" * 65, "a\tb", "é", ""])
def test_a_request_id_that_could_confuse_a_log_is_replaced(forged: str) -> None:
    assert request(("x-request-id", forged)).request_id != forged


def test_a_header_given_twice_is_refused_where_one_is_expected() -> None:
    """RFC 9449 §4.3 (1) rests on this."""
    seen = request(("DPoP", "a"), ("DPoP", "b"), ("accept", "x"))
    with pytest.raises(InvalidRequest, match="DPoP"):
        seen.header("DPoP")
    assert seen.headers_all("dpop") == ("a", "b")
    assert seen.header("Accept") == "x"
    assert seen.header("absent") is None


def test_of_two_cookies_with_one_name_the_first_counts() -> None:
    assert request(("cookie", "a=1; b=x=y; a=2"), ("cookie", "c=3; junk")).cookies() == {"a": "1", "b": "x=y", "c": "3"}


async def test_a_form_is_read_whole_however_it_arrives() -> None:
    seen = request(FORM, chunks=(b"a=1&", b"b=2"))
    assert (await seen.form()).required("b") == "2"
    assert await seen.body(100) == b"a=1&b=2"


@pytest.mark.parametrize("headers", [(), (JSON,), (("content-type", "text/plain"),)])
async def test_a_form_of_another_media_type_is_refused(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(UnsupportedMediaType):
        await request(*headers, chunks=(b"a=1",)).form()


@pytest.mark.parametrize("declared", [(), (("content-length", "11"),), (("content-length", "9" * 400),)])
@pytest.mark.parametrize("chunks", [(b"x" * 11,), (b"x" * 6, b"y" * 6)])
async def test_a_body_beyond_its_limit_is_refused(declared: tuple[tuple[str, str], ...], chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(PayloadTooLarge):
        await request(*declared, chunks=chunks).body(10)


async def test_a_client_that_leaves_early_is_noticed() -> None:
    with pytest.raises(ClientGone):
        await request(chunks=(b"half",), cut=True).body(10)


async def test_json_is_read_strictly() -> None:
    assert await request(JSON, chunks=(b'{"a": [1, null]}',)).json() == {"a": [1, None]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b'{"x":{"a":1,"\\u0061":2}}',
        b"NaN",
        b"[1e999]",
        b'"\\ud800"',
        b'"\\u0000"',
        b'"\xff"',
        b"[" * 3000 + b"]" * 3000,
        b'{"a":1}{"a":1}',
    ],
)
async def test_json_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await request(JSON, chunks=(body,)).json()


def test_a_bad_query_is_the_clients_fault() -> None:
    with pytest.raises(InvalidRequest):
        _ = request(query=b"a=%zz").query
    assert request(query=b"a=1").query.one("a") == "1"
