"""refresh_token: OAuth 2.1 §4.3, RFC 9700 §4.14, targets T1, T2; K2 of the known attacks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kit.audit import Action
from kit.errors import Unavailable
from services.token.families import Successors, hash_of
from tests.support.fakes_token import FILES, NOTES, OTHER, PUBLIC, SECRET, WEB, TokenPlane, basic


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


async def family(plane: TokenPlane) -> tuple[str, str]:
    """The first access and refresh token of a new family."""
    body = (await plane.redeem(await plane.code())).json
    return body["access_token"], body["refresh_token"]


async def test_every_use_rotates(plane: TokenPlane) -> None:
    access, first = await family(plane)
    answer = (await plane.refresh(first)).json
    assert answer["refresh_token"] != first
    assert answer["access_token"] != access
    assert answer["scope"] == "notes:read notes:write"
    assert plane.store.events[-1].action is Action.TOKEN_REFRESHED
    assert (await plane.refresh(answer["refresh_token"])).status == 200


async def test_a_race_is_given_the_same_successor(plane: TokenPlane) -> None:
    """T1."""
    _, first = await family(plane)
    one, two = (await plane.refresh(first)).json, (await plane.refresh(first)).json
    assert one["refresh_token"] == two["refresh_token"]
    assert one["access_token"] != two["access_token"]
    assert plane.store.events[-1].action is Action.TOKEN_REFRESH_RACED
    assert await plane.active(two["access_token"])
    assert (await plane.refresh(one["refresh_token"])).status == 200


async def test_reused_refresh_token_ends_the_family_and_all_its_tokens(plane: TokenPlane) -> None:
    """T1: outside the window nobody can tell which of two holders is honest."""
    access, first = await family(plane)
    second = (await plane.refresh(first)).json
    plane.clock.advance(60)
    assert (await plane.refresh(first)).error == "invalid_grant"
    assert Action.FAMILY_REVOKED in plane.store.actions()
    assert not await plane.active(access)
    assert not await plane.active(second["access_token"])
    assert (await plane.refresh(second["refresh_token"])).error == "invalid_grant"


async def test_with_no_window_any_reuse_ends_the_family() -> None:
    """T1: refresh.reuse_window 0 is strict."""
    plane = TokenPlane(reuse_window=timedelta())
    _, first = await family(plane)
    second = (await plane.refresh(first)).json["refresh_token"]
    assert (await plane.refresh(first)).error == "invalid_grant"
    assert (await plane.refresh(second)).error == "invalid_grant"


async def test_a_token_two_generations_old_is_no_race(plane: TokenPlane) -> None:
    """T1: only the token consumed last is answered again; once its successor was used, an older one tells of theft."""
    _, first = await family(plane)
    second = (await plane.refresh(first)).json["refresh_token"]
    assert (await plane.refresh(second)).status == 200
    assert (await plane.refresh(first)).error == "invalid_grant"
    assert Action.FAMILY_REVOKED in plane.store.actions()


async def test_token_of_another_client_changes_nothing(plane: TokenPlane) -> None:
    """K2."""
    _, first = await family(plane)
    assert (await plane.refresh(first, OTHER)).error == "invalid_grant"
    assert (await plane.refresh(first, WEB, basic("web", SECRET))).error == "invalid_grant"
    assert (await plane.refresh(first)).status == 200
    plane.clock.advance(3600)
    assert (await plane.refresh(first, OTHER)).error == "invalid_grant"
    assert Action.FAMILY_REVOKED not in plane.store.actions()


async def test_client_that_lost_the_grant_is_refused_unspent(plane: TokenPlane) -> None:
    _, first = await family(plane)
    plane.registry.put(replace(PUBLIC, grant_types=frozenset({"authorization_code"})))
    assert (await plane.refresh(first)).error == "unauthorized_client"
    plane.registry.put(PUBLIC)
    assert (await plane.refresh(first)).status == 200


async def test_suspended_client_is_refused_unspent(plane: TokenPlane) -> None:
    """K5."""
    _, first = await family(plane)
    plane.registry.put(replace(PUBLIC, active=False))
    refused = await plane.refresh(first)
    assert (refused.status, refused.error) == (401, "invalid_client")
    plane.registry.put(PUBLIC)
    assert (await plane.refresh(first)).status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "notes:read files:read"}, "invalid_scope"),
        ({"scope": 'no"tes'}, "invalid_scope"),
        ({"resource": FILES.uri}, "invalid_target"),
        ({"refresh_token": ""}, "invalid_request"),
        ({"refresh_token": "A" * 43}, "invalid_grant"),
    ],
)
async def test_whatever_is_refused_leaves_the_token_unspent(plane: TokenPlane, changes: dict[str, str], error: str) -> None:
    _, first = await family(plane)
    assert (await plane.refresh(first, **changes)).error == error
    assert plane.store.events[-1].action is Action.TOKEN_REFRESH_DENIED
    assert (await plane.refresh(first)).status == 200


async def test_scope_narrows_for_one_token_only(plane: TokenPlane) -> None:
    """RFC 6749 §6."""
    _, first = await family(plane)
    narrowed = (await plane.refresh(first, scope="notes:read", resource="notes")).json
    assert narrowed["scope"] == "notes:read"
    assert (await plane.refresh(narrowed["refresh_token"])).json["scope"] == "notes:read notes:write"


async def test_offline_access_is_no_scope_to_exceed(plane: TokenPlane) -> None:
    """A6: several MCP clients add what the metadata advertises to every request."""
    _, first = await family(plane)
    assert (await plane.refresh(first, scope="notes:read offline_access")).json["scope"] == "notes:read"


async def test_ceiling_of_today_narrows_what_was_granted(plane: TokenPlane) -> None:
    _, first = await family(plane)
    plane.registry.put(replace(PUBLIC, ceiling=("notes:read",)))
    assert (await plane.refresh(first, scope="notes:write")).error == "invalid_scope"
    body = (await plane.refresh(first)).json
    assert body["scope"] == "notes:read"
    plane.registry.put(replace(PUBLIC, ceiling=("other",)))
    assert (await plane.refresh(body["refresh_token"])).error == "invalid_scope"


async def test_disabled_person_is_refused_and_admitted_again(plane: TokenPlane) -> None:
    """K5, law 13."""
    _, first = await family(plane)
    plane.store.refused.add("ada")
    assert (await plane.refresh(first)).error == "invalid_grant"
    plane.store.refused.discard("ada")
    assert (await plane.refresh(first)).status == 200


async def test_token_expires_by_its_own_clock(plane: TokenPlane) -> None:
    _, first = await family(plane)
    plane.clock.advance(timedelta(days=7))
    assert (await plane.refresh(first)).error == "invalid_grant"


async def test_family_ends_however_often_it_is_renewed(plane: TokenPlane) -> None:
    """T2: refresh.max_lifetime, 30 days."""
    _, token = await family(plane)
    for _ in range(5):
        plane.clock.advance(timedelta(days=5, hours=23))
        token = (await plane.refresh(token)).json["refresh_token"]
    plane.clock.advance(timedelta(hours=6))
    assert (await plane.refresh(token)).error == "invalid_grant"


async def test_a_failing_commit_spends_nothing(plane: TokenPlane) -> None:
    """Law 5."""
    _, first = await family(plane)
    plane.store.fail_next = Unavailable("the database cannot be reached")
    assert (await plane.refresh(first)).status == 503
    again = await plane.refresh(first)
    assert again.status == 200
    assert plane.store.events[-1].action is Action.TOKEN_REFRESHED


def test_successor_follows_from_predecessor_and_key_alone() -> None:
    """T1: nothing is stored but hashes, so the same answer must be derivable again."""
    one, two = Successors([b"1" * 32]), Successors([b"2" * 32, b"1" * 32])
    made = one.of("token")
    assert len(made) == 43
    assert one.of("token") == made
    assert one.of("tokem") != made
    assert two.of("token") != made
    assert two.recognised("token", hash_of(made)) == made
    assert one.recognised("token", hash_of(two.of("token"))) is None
    assert one.recognised("token", None) is None


async def test_resource_of_the_family_is_kept(plane: TokenPlane) -> None:
    _, first = await family(plane)
    token = (await plane.refresh(first)).json["access_token"]
    assert plane.access_tokens.read(token).audience == (NOTES.uri,)
