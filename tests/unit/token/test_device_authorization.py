"""Where a device begins (RFC 8628 §3.1, §3.2), and the code a person types (§6.1)."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.audit import Action
from kit.errors import Missing
from kit.oauth import GrantType
from services.token.devices import ALPHABET, LENGTH, UserCodes, letters, new_user_code
from tests.support.fakes_token import FILES, ISSUER, NOTES, PUBLIC, SECRET, TELEVISION, WEB, TokenPlane, basic

DEVICE = frozenset({GrantType.DEVICE_CODE.value})


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


async def test_a_device_is_given_its_two_codes(plane: TokenPlane) -> None:
    """RFC 8628 §3.2."""
    answer = await plane.device()
    assert answer.status == 200, answer.body
    body = answer.json
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", body["user_code"])
    assert len(body["device_code"]) == 43
    assert body["verification_uri"] == f"{ISSUER}/device"
    assert body["verification_uri_complete"] == f"{ISSUER}/device?user_code={body['user_code']}"
    assert (body["expires_in"], body["interval"]) == (600, 5)
    assert answer.headers["cache-control"] == "no-store"
    assert plane.store.actions() == [Action.DEVICE_CODE_ISSUED]


async def test_only_hashes_of_the_codes_are_kept(plane: TokenPlane) -> None:
    """Law 9."""
    body = (await plane.device()).json
    (entry,) = plane.store.devices.values()
    kept = repr(entry) + repr(plane.store.events)
    assert body["device_code"] not in kept
    assert body["user_code"] not in kept
    assert letters(body["user_code"]) not in kept


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_id": PUBLIC.id}, "unauthorized_client"),
        ({"client_id": WEB.id}, "invalid_client"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": "https://api.github.example"}, "invalid_target"),
        ({"scope": "files:read"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"scope": "x" * 5000}, "invalid_scope"),
    ],
)
async def test_who_may_not_begin(plane: TokenPlane, changes: dict[str, str], error: str) -> None:
    refused = await plane.device(TELEVISION, None, **changes)
    assert refused.error == error
    assert plane.store.devices == {}


async def test_a_confidential_client_authenticates_as_at_the_token_endpoint(plane: TokenPlane) -> None:
    """RFC 8628 §3.1."""
    plane.registry.put(replace(WEB, grant_types=DEVICE))
    assert (await plane.device(WEB)).error == "invalid_client"
    assert (await plane.device(WEB, basic(WEB.id, "wrong"))).error == "invalid_client"
    assert (await plane.device(WEB, basic(WEB.id, SECRET))).status == 200


@pytest.mark.parametrize(
    ("resource", "scope", "expected"),
    [
        (NOTES.uri, "", ("notes:read", "notes:write")),
        ("notes", "notes:read offline_access", ("notes:read",)),
        (FILES.uri, "offline_access", ("files:read",)),
        ("", "", ("notes:read", "notes:write", "files:read")),
        ("", "anything", ("anything",)),
    ],
)
async def test_what_is_asked_for_follows_the_rules_of_the_authorization_endpoint(
    plane: TokenPlane, resource: str, scope: str, expected: tuple[str, ...]
) -> None:
    """A2, A3."""
    assert (await plane.device(TELEVISION, None, resource=resource, scope=scope)).status == 200
    (entry,) = plane.store.devices.values()
    assert entry.device.scopes == expected


async def test_defaults_and_ceilings_narrow_what_is_asked_for(plane: TokenPlane) -> None:
    """A2, wire contract §3.7."""
    plane.registry.resources = (replace(NOTES, default_scopes=("notes:read",)), FILES)
    await plane.device(TELEVISION, None, scope="")
    assert [entry.device.scopes for entry in plane.store.devices.values()] == [("notes:read",)]
    plane.registry.put(replace(TELEVISION, ceiling=("notes:write",)))
    assert (await plane.device(TELEVISION, None, scope="")).error == "invalid_scope"
    assert (await plane.device(TELEVISION, None, scope="notes:read")).error == "invalid_scope"
    assert (await plane.device(TELEVISION, None, scope="notes:write")).status == 200


async def test_it_is_advertised_where_it_is_served(plane: TokenPlane) -> None:
    """RFC 8628 §4."""
    document = (await plane.call("GET", "/.well-known/oauth-authorization-server")).json
    assert document["device_authorization_endpoint"] == f"{ISSUER}/oauth/device_authorization"
    assert GrantType.DEVICE_CODE in document["grant_types_supported"]
    off = (await TokenPlane(disabled=[GrantType.DEVICE_CODE.value]).call("GET", "/.well-known/oauth-authorization-server")).json
    assert "device_authorization_endpoint" not in off


async def test_a_code_is_found_however_it_is_typed(plane: TokenPlane) -> None:
    """RFC 8628 §6.1."""
    code = (await plane.device()).json["user_code"]
    for typed in (code, code.lower(), code.replace("-", ""), f"  {code[:2]} {code[2:]}. "):
        assert (await plane.decisions.find(typed)).client_id == TELEVISION.id
    for typed in ("", code[:-1], code + "B", "AEIO-UAEI", code * 20, "\u0131" * 8):
        with pytest.raises(Missing):
            await plane.decisions.find(typed)
        with pytest.raises(Missing):
            await plane.decide(typed)


async def test_a_code_is_not_found_once_it_expired(plane: TokenPlane) -> None:
    code = (await plane.device()).json["user_code"]
    plane.clock.advance(timedelta(minutes=10))
    with pytest.raises(Missing):
        await plane.decisions.find(code)
    with pytest.raises(Missing):
        await plane.decide(code)


async def test_a_user_code_that_is_taken_is_drawn_again(plane: TokenPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["BBBB-BBBB", "BBBB-BBBB", "CCCC-CCCC"])
    monkeypatch.setattr("services.token.devices.new_user_code", lambda: next(drawn))
    assert (await plane.device()).json["user_code"] == "BBBB-BBBB"
    assert (await plane.device()).json["user_code"] == "CCCC-CCCC"


def test_user_codes_are_drawn_from_all_of_the_alphabet() -> None:
    """RFC 8628 §6.1: 20^8, and nothing that spells a word."""
    seen = {letter for _ in range(200) for letter in letters(new_user_code())}
    assert seen == set(ALPHABET)
    assert len(ALPHABET) ** LENGTH > 2**34
    assert not set("AEIOUY").intersection(ALPHABET)


def test_a_new_key_still_finds_codes_of_the_old_one() -> None:
    old, new = UserCodes([b"a" * 32]), UserCodes([b"b" * 32, b"a" * 32])
    assert old.tag("BCDF-GHJK") in new.tags("bcdfghjk")
    assert new.tag("BCDF-GHJK") not in old.tags("BCDF-GHJK")
