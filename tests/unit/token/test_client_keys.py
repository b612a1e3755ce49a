"""Where clients' keys come from: target C2."""

from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from kit import jose
from kit.errors import InvalidRequest, InvalidToken, Unavailable
from kit.outbound import Fetched, Outbound
from services.token.adapters.client_keys import FetchedClientKeys
from tests.support.fakes_token import MACHINE

JWK = {**jose.public_jwk(jose.generate_key(jose.Alg.ES256)), "kid": "k1"}
REMOTE = replace(MACHINE, jwks_uri="https://client.example/jwks")


class Web:
    """The stranger's server: what it answers, and how often it was asked."""

    def __init__(self) -> None:
        self.answer: Fetched | Exception = Fetched(200, {}, orjson.dumps({"keys": [JWK]}), "")
        self.asked = 0

    async def get(self, url: str, **_: Any) -> Fetched:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def keys(web: Web) -> FetchedClientKeys:
    return FetchedClientKeys(cast("Outbound", web))


async def test_inline_keys_need_no_fetch(keys: FetchedClientKeys, web: Web) -> None:
    inline = replace(REMOTE, jwks=orjson.dumps({"keys": [JWK]}).decode())
    assert set(await keys.keys(inline, refetch=True)) == {"k1"}
    assert web.asked == 0


async def test_client_without_keys_has_none(keys: FetchedClientKeys) -> None:
    assert await keys.keys(MACHINE, refetch=False) == {}


async def test_fetched_keys_are_kept_and_refetched_seldom(keys: FetchedClientKeys, web: Web) -> None:
    for _ in range(3):
        assert set(await keys.keys(REMOTE, refetch=False)) == {"k1"}
    assert web.asked == 1
    for _ in range(5):
        await keys.keys(REMOTE, refetch=True)
    assert web.asked == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":1}', b"{", b'{"keys":[],"keys":[]}', b"[" * 10000])
async def test_a_document_that_is_no_key_set(keys: FetchedClientKeys, web: Web, body: bytes) -> None:
    web.answer = Fetched(200, {}, body, "")
    with pytest.raises(InvalidToken):
        await keys.keys(REMOTE, refetch=False)
    with pytest.raises(InvalidToken):
        await keys.keys(replace(MACHINE, jwks=body.decode() or "x"), refetch=False)


async def test_whose_fault_it_is(keys: FetchedClientKeys, web: Web) -> None:
    """A bad address is the client's fault, an unreachable one nobody's."""
    web.answer = InvalidRequest("this host may not be contacted")
    with pytest.raises(InvalidToken):
        await keys.keys(REMOTE, refetch=False)
    web.answer = Fetched(404, {}, b"", "")
    with pytest.raises(InvalidToken):
        await keys.keys(replace(REMOTE, jwks_uri="https://client.example/moved"), refetch=False)
    web.answer = Unavailable("the other side cannot be reached")
    with pytest.raises(Unavailable):
        await keys.keys(replace(REMOTE, jwks_uri="https://client.example/slow"), refetch=False)
