"""A client whose `jwks_uri` fails must not be able to make this server knock on a stranger's door with every request (C2, T19)."""

from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from kit import jose
from kit.errors import AuthPlaneError, InvalidRequest, InvalidToken, Unavailable
from kit.outbound import Fetched, Outbound
from services.token.adapters.client_keys import FAILURE_SECONDS, FetchedClientKeys
from tests.support.fakes_token import MACHINE

JWK = {**jose.public_jwk(jose.generate_key(jose.Alg.ES256)), "kid": "k1"}
REMOTE = replace(MACHINE, jwks_uri="https://victim.example/jwks")


class Web:
    """The stranger's server: what it answers, and how often it was asked."""

    def __init__(self, answer: Fetched | Exception) -> None:
        self.answer = answer
        self.asked = 0

    async def get(self, url: str, **_: Any) -> Fetched:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Seconds:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Fetched(500, {}, b"", ""), InvalidToken),
        (Fetched(200, {}, b"<html>", ""), InvalidToken),
        (InvalidRequest("this host may not be contacted"), InvalidToken),
        (Unavailable("the other side took too long"), Unavailable),
    ],
)
@pytest.mark.parametrize("refetch", [False, True])
async def test_a_failed_fetch_is_not_tried_again_for_a_while_and_fails_alike(
    answer: Fetched | Exception, expected: type[AuthPlaneError], refetch: bool
) -> None:
    web, seconds = Web(answer), Seconds()
    keys = FetchedClientKeys(cast("Outbound", web), now=seconds)
    for _ in range(20):
        with pytest.raises(expected):
            await keys.keys(REMOTE, refetch=refetch)
    assert web.asked == 1
    web.answer = Fetched(200, {}, orjson.dumps({"keys": [JWK]}), "")
    seconds.now += FAILURE_SECONDS + 1
    assert set(await keys.keys(REMOTE, refetch=refetch)) == {"k1"}


async def test_the_failure_of_one_address_is_not_another_ones() -> None:
    web = Web(Fetched(500, {}, b"", ""))
    keys = FetchedClientKeys(cast("Outbound", web))
    for path in "ab":
        with pytest.raises(InvalidToken):
            await keys.keys(replace(MACHINE, jwks_uri=f"https://victim.example/{path}"), refetch=False)
    assert web.asked == 2


async def test_a_failed_refetch_leaves_the_known_keys_in_use() -> None:
    """An unknown kid is what a stranger may send; it must not cost the client the keys that work."""
    web = Web(Fetched(200, {}, orjson.dumps({"keys": [JWK]}), ""))
    keys = FetchedClientKeys(cast("Outbound", web))
    assert set(await keys.keys(REMOTE, refetch=False)) == {"k1"}
    web.answer = Fetched(500, {}, b"", "")
    with pytest.raises(InvalidToken):
        await keys.keys(REMOTE, refetch=True)
    assert set(await keys.keys(REMOTE, refetch=False)) == {"k1"}
