"""One suite for the store in memory and the one in Postgres: what the unit tests believe about storage is what storage does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from inspect import isawaitable
from typing import Any

import pytest

from kit.audit import Action
from kit.errors import AccessDenied
from services.token.consents import Consent, ConsentMissing
from services.token.families import hash_of
from services.token.model import Context, Operator, StoredRefresh
from services.token.ports import OneIssuance, WholeClient, WholeFamily, WholeGrant, WholeSubject
from tests.support.clock import FrozenClock
from tests.support.fakes_token import MACHINE, OTHER, PUBLIC, SECRET, FakeStore, TokenPlane, basic, code_request
from tests.support.postgres_token import open_store
from tests.support.servers import PostgresServer, fresh_database

OPERATOR = Operator("root", Context("192.0.2.1", "req", ""))


@pytest.fixture(params=["memory", "postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer | None:
    """The running Postgres for the suite's second half; asked for here because it starts outside any event loop."""
    return request.getfixturevalue("postgres_server") if request.param == "postgres" else None


@pytest.fixture
async def plane(server: PostgresServer | None) -> AsyncIterator[TokenPlane]:
    clock = FrozenClock()
    if server is None:
        yield TokenPlane(store=FakeStore(), clock=clock)
        return
    database = await fresh_database(server, "token")
    store = await open_store(database, clock)
    yield TokenPlane(store=store, clock=clock)
    await store.close()
    await server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


async def actions(plane: TokenPlane) -> list[Action]:
    said: Any = plane.store.actions()
    return list(await said if isawaitable(said) else said)


async def family(plane: TokenPlane) -> dict[str, str]:
    return dict((await plane.redeem(await plane.code())).json)


async def test_a_code_is_redeemed_once(plane: TokenPlane) -> None:
    code = await plane.code()
    first = await plane.redeem(code)
    assert first.status == 200, first.body
    assert await plane.active(first.json["access_token"])
    assert (await plane.redeem(code)).error == "invalid_grant"
    assert not await plane.active(first.json["access_token"])
    told = await actions(plane)
    assert told[:2] == [Action.AUTH_CODE_ISSUED, Action.TOKEN_ISSUED]
    assert told.index(Action.AUTH_CODE_REUSED) < told.index(Action.FAMILY_REVOKED) < told.index(Action.TOKEN_ISSUE_DENIED)


async def test_a_code_without_refresh_family(plane: TokenPlane) -> None:

    client = plane.registry.put(replace(PUBLIC, grant_types=frozenset({"authorization_code"})))
    code = await plane.code(client)
    token = (await plane.redeem(code)).json["access_token"]
    assert await plane.active(token)
    await plane.redeem(code)
    assert not await plane.active(token)


async def test_rotation_race_and_reuse(plane: TokenPlane) -> None:
    first = (await family(plane))["refresh_token"]
    second, raced = (await plane.refresh(first)).json, (await plane.refresh(first)).json
    assert second["refresh_token"] == raced["refresh_token"]
    assert await plane.active(second["access_token"])
    assert await plane.active(raced["access_token"])
    third = (await plane.refresh(second["refresh_token"])).json
    assert (await plane.refresh(first)).error == "invalid_grant"
    for body in (second, raced, third):
        assert not await plane.active(body["access_token"])
    told = await actions(plane)
    assert [action for action in told if action in (Action.TOKEN_REFRESHED, Action.TOKEN_REFRESH_RACED, Action.FAMILY_REVOKED)] == [
        Action.TOKEN_REFRESHED,
        Action.TOKEN_REFRESH_RACED,
        Action.TOKEN_REFRESHED,
        Action.FAMILY_REVOKED,
    ]


async def test_refresh_tokens_expire(plane: TokenPlane) -> None:
    first = (await family(plane))["refresh_token"]
    plane.clock.advance(timedelta(days=7))
    assert (await plane.refresh(first)).error == "invalid_grant"


async def test_refused_subject(plane: TokenPlane) -> None:
    """Law 13."""
    code, body = await plane.code(), await family(plane)
    await plane.endings.refuse("ada", "disabled", OPERATOR)
    await plane.endings.refuse("ada", "disabled", OPERATOR)
    assert (await plane.redeem(code)).error == "invalid_grant"
    assert (await plane.refresh(body["refresh_token"])).error == "invalid_grant"
    assert not await plane.active(body["access_token"])
    with pytest.raises(AccessDenied):
        await plane.code()
    await plane.endings.allow("ada", OPERATOR)
    await plane.endings.allow("ada", OPERATOR)
    assert await plane.active(body["access_token"])
    assert (await plane.redeem(code)).status == 200
    told = await actions(plane)
    assert (told.count(Action.SUBJECT_REFUSED), told.count(Action.SUBJECT_ADMITTED)) == (2, 1)


async def test_ending_a_grant_ends_all_that_descends_from_it(plane: TokenPlane) -> None:
    """T4."""
    body, unredeemed = await family(plane), await plane.code()
    grant = (await _stored(plane, body["refresh_token"])).grant_id
    now = plane.clock.now()
    strangers = await plane.store.end(WholeGrant(grant, "eve"), reason="x", now=now, events=lambda _: [])
    assert not strangers.found
    assert await plane.active(body["access_token"])
    ended = await plane.endings.grant(grant, "ada", Operator())
    assert (ended.grants, ended.families, ended.issuances) == (1, 1, 1)
    assert not await plane.active(body["access_token"])
    assert (await plane.refresh(body["refresh_token"])).error == "invalid_grant"
    assert (await plane.redeem(unredeemed)).error == "invalid_grant"
    again = await plane.endings.grant(grant, "ada", Operator())
    assert (again.families, again.issuances) == (0, 0)


async def test_ending_a_family_an_issuance_a_client_a_subject(plane: TokenPlane) -> None:
    """T4."""
    now = plane.clock.now()
    machine = (await plane.token({"grant_type": "client_credentials"}, basic(MACHINE.id, SECRET))).json["access_token"]
    one, two, three = await family(plane), await family(plane), await family(plane)
    other = (await plane.redeem(await plane.code(OTHER), OTHER)).json
    ids = [plane.access_tokens.read(body["access_token"]).issuance_id for body in (one, two, three)]
    first_family = (await _stored(plane, one["refresh_token"])).family_id

    assert (await plane.store.end(WholeFamily(first_family), reason="x", now=now, events=lambda _: [])).issuances == 1
    assert [await _live(plane, i) for i in ids] == [False, True, True]
    assert (await plane.store.end(OneIssuance(ids[1]), reason="x", now=now, events=lambda _: [])).issuances == 1
    assert [await _live(plane, i) for i in ids] == [False, False, True]
    assert (await plane.refresh(two["refresh_token"])).status == 200

    ended = await plane.store.end(WholeClient("public"), reason="x", now=now, events=lambda _: [])
    assert (ended.grants, ended.families) == (1, 2)
    assert not await plane.active(three["access_token"])
    assert await plane.active(other["access_token"])
    unredeemed = await plane.code(OTHER)
    assert (await plane.store.end(WholeSubject("ada"), reason="x", now=now, events=lambda _: [])).families == 1
    assert not await plane.active(other["access_token"])
    assert (await plane.redeem(unredeemed, OTHER)).error == "invalid_grant"
    assert await plane.active(machine, MACHINE)
    assert (await plane.store.end(WholeClient(MACHINE.id), reason="x", now=now, events=lambda _: [])).issuances == 1
    assert not await plane.active(machine, MACHINE)
    assert not (await plane.store.end(WholeFamily("nobody"), reason="x", now=now, events=lambda _: [])).found


async def test_what_is_remembered_about_consent(plane: TokenPlane) -> None:
    """A5, A6."""
    ask = code_request(consent=None)
    first = await plane.code_issuing.issue(ask)
    assert first == ConsentMissing((), ("notes:read", "notes:write"), first_time=True)

    once = code_request(scopes=("notes:read",), consent=Consent(("notes:read",), remember=False))
    assert isinstance(await plane.code_issuing.issue(once), str)
    still = await plane.code_issuing.issue(code_request(scopes=("notes:read",), consent=None))
    assert still == ConsentMissing((), ("notes:read",), first_time=False)

    kept = code_request(scopes=("notes:read",), consent=Consent(("notes:read",), remember=True))
    assert isinstance(await plane.code_issuing.issue(kept), str)
    assert isinstance(await plane.code_issuing.issue(code_request(scopes=("notes:read",), consent=None)), str)
    step_up = await plane.code_issuing.issue(ask)
    assert step_up == ConsentMissing(("notes:read",), ("notes:write",), first_time=False)

    both = await plane.code_issuing.issue(code_request(consent=Consent(("notes:write",), remember=True)))
    assert isinstance(both, str)
    assert (await plane.redeem(both)).json["scope"] == "notes:read notes:write"
    assert isinstance(await plane.code_issuing.issue(ask), str)
    elsewhere = await plane.code_issuing.issue(code_request(consent=None, origin="https://other.example"))
    assert isinstance(elsewhere, ConsentMissing)


async def _stored(plane: TokenPlane, token: str) -> StoredRefresh:
    stored = await plane.store.refresh_token(hash_of(token))
    assert stored is not None
    return stored


async def _live(plane: TokenPlane, issuance_id: Any) -> bool:
    known = await plane.store.liveness(issuance_id)
    return known is not None and not known.revoked and not known.lineage_ended
