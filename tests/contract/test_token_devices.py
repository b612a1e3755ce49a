"""Device authorizations in memory and in Postgres: what the unit tests believe about their storage is what storage does."""

from datetime import timedelta
from typing import Any

import pytest

from kit.audit import Action, Event
from kit.errors import AccessDenied, Conflict, InvalidRequest, Missing
from services.token import devices
from services.token.devices import Decision, NewDevice
from services.token.families import hash_of
from services.token.model import Operator
from services.token.ports import WholeGrant
from tests.contract import test_token_store
from tests.contract.test_token_store import actions
from tests.support.fakes_token import NOTES, TELEVISION, TokenPlane, code_request

server = test_token_store.server
plane = test_token_store.plane

OPERATOR = Operator("root")


async def begun(plane: TokenPlane) -> dict[str, Any]:
    return dict((await plane.device()).json)


async def test_from_request_to_tokens(plane: TokenPlane) -> None:
    body = await begun(plane)
    assert (await plane.decisions.find(body["user_code"])).scopes == ("notes:read", "notes:write")
    assert (await plane.poll(body["device_code"])).error == "authorization_pending"
    await plane.decide(body["user_code"], scopes=("notes:read",))
    with pytest.raises(Missing):
        await plane.decisions.find(body["user_code"])
    answer = await plane.poll(body["device_code"])
    assert (answer.status, answer.json["scope"]) == (200, "notes:read")
    assert await plane.active(answer.json["access_token"])
    assert (await plane.refresh(answer.json["refresh_token"], TELEVISION)).json["scope"] == "notes:read"
    assert (await plane.poll(body["device_code"])).error == "invalid_grant"
    assert (await actions(plane))[:3] == [Action.DEVICE_CODE_ISSUED, Action.DEVICE_CODE_APPROVED, Action.TOKEN_ISSUED]


async def test_a_decision_is_taken_once_and_a_bad_one_not_at_all(plane: TokenPlane) -> None:
    body = await begun(plane)
    with pytest.raises(InvalidRequest):
        await plane.decide(body["user_code"], scopes=("admin",))
    await plane.decide(body["user_code"], approve=False)
    with pytest.raises(Missing):
        await plane.decide(body["user_code"])
    assert (await plane.poll(body["device_code"])).error == "access_denied"
    stored = await plane.store.device(devices.hash_of(body["device_code"]))
    assert stored is not None
    assert (stored.decision, stored.grant_id) == (Decision.DENIED, None)


async def test_who_polls_early_is_slowed(plane: TokenPlane) -> None:
    code = (await begun(plane))["device_code"]
    answers = []
    for seconds in (0, 3, 7, 15, 4.5):
        plane.clock.advance(timedelta(seconds=seconds))
        answers.append((await plane.poll(code)).error)
    assert answers == ["authorization_pending", "slow_down", "slow_down", "authorization_pending", "slow_down"]


async def test_expiry(plane: TokenPlane) -> None:
    body = await begun(plane)
    plane.clock.advance(timedelta(minutes=10))
    with pytest.raises(Missing):
        await plane.decide(body["user_code"])
    assert (await plane.poll(body["device_code"])).error == "expired_token"


async def test_a_refused_person_neither_approves_nor_is_served(plane: TokenPlane) -> None:
    """K15."""
    approved, body = await plane.approved(), await begun(plane)
    await plane.endings.refuse("ada", "disabled", OPERATOR)
    with pytest.raises(AccessDenied):
        await plane.decide(body["user_code"])
    assert (await plane.poll(approved)).error == "invalid_grant"
    await plane.endings.allow("ada", OPERATOR)
    await plane.decide(body["user_code"])
    assert (await plane.poll(body["device_code"])).status == 200


async def test_a_device_joins_the_grant_that_is_there_and_ends_with_it(plane: TokenPlane) -> None:
    """T4, A5."""
    await plane.code(TELEVISION, scopes=("notes:read",))
    first = (await plane.poll(await plane.approved())).json
    waiting = await plane.approved()
    stored = await plane.store.refresh_token(hash_of(first["refresh_token"]))
    assert stored is not None
    assert isinstance(await plane.code_issuing.issue(code_request(TELEVISION, scopes=("notes:read",), consent=None)), str)
    assert not isinstance(await plane.code_issuing.issue(code_request(TELEVISION, consent=None)), str)
    ended = await plane.store.end(WholeGrant(stored.grant_id), reason="x", now=plane.clock.now(), events=lambda _: [])
    assert (ended.families, ended.issuances) == (1, 1)
    assert not await plane.active(first["access_token"])
    assert (await plane.poll(waiting)).error == "invalid_grant"


async def test_ending_a_person_or_a_client_ends_what_waits(plane: TokenPlane) -> None:
    approved = await plane.approved()
    await plane.endings.subject("ada", OPERATOR)
    assert (await plane.poll(approved)).error == "expired_token"
    pending = (await begun(plane))["device_code"]
    await plane.endings.client(TELEVISION.id, OPERATOR)
    assert (await plane.poll(pending)).error == "expired_token"


async def test_two_devices_never_share_a_user_code(plane: TokenPlane) -> None:
    now = plane.clock.now()
    for number, taken in ((1, False), (2, True)):
        device = NewDevice(
            devices.hash_of(str(number)), "tag", TELEVISION.id, NOTES.uri, ("notes:read",), 5, now, now + timedelta(minutes=1)
        )
        event = Event(action=Action.DEVICE_CODE_ISSUED)
        if taken:
            with pytest.raises(Conflict):
                await plane.store.add(device, event)
        else:
            await plane.store.add(device, event)
    assert await actions(plane) == [Action.DEVICE_CODE_ISSUED]
