"""The device asks until the person has decided (RFC 8628 §3.4, §3.5), and nothing decided earlier is believed unseen (K15)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kit.audit import Action
from kit.errors import AccessDenied, InvalidRequest, Missing
from kit.oauth import AuthMethod, GrantType
from services.token.model import Operator
from tests.support.fakes_token import FILES, NOTES, OTHER, SECRET, TELEVISION, WEB, TokenPlane, basic, code_request
from tests.unit.token.test_dpop import Prover

OPERATOR = Operator("root")


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


async def test_an_approved_device_gets_its_tokens_once(plane: TokenPlane) -> None:
    """RFC 8628 §3.5, T9."""
    begun = (await plane.device()).json
    assert (await plane.poll(begun["device_code"])).error == "authorization_pending"
    await plane.decide(begun["user_code"])
    answer = await plane.poll(begun["device_code"])
    assert answer.status == 200, answer.body
    body = answer.json
    assert body["scope"] == "notes:read notes:write"
    claims = plane.access_tokens.read(body["access_token"]).claims
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("ada", TELEVISION.id, [NOTES.uri])
    assert (await plane.refresh(body["refresh_token"], TELEVISION)).status == 200
    again = await plane.poll(begun["device_code"])
    assert (again.status, again.error) == (400, "invalid_grant")
    assert await plane.active(body["access_token"])
    assert plane.store.actions()[:3] == [Action.DEVICE_CODE_ISSUED, Action.DEVICE_CODE_APPROVED, Action.TOKEN_ISSUED]


async def test_a_device_without_the_refresh_grant_gets_no_refresh_token(plane: TokenPlane) -> None:
    client = plane.registry.put(replace(TELEVISION, grant_types=frozenset({GrantType.DEVICE_CODE.value})))
    assert "refresh_token" not in (await plane.poll(await plane.approved(client), client)).json


async def test_what_the_person_unticked_is_not_granted(plane: TokenPlane) -> None:
    begun = (await plane.device()).json
    await plane.decide(begun["user_code"], scopes=("notes:read",))
    body = (await plane.poll(begun["device_code"])).json
    assert body["scope"] == "notes:read"
    assert (await plane.refresh(body["refresh_token"], TELEVISION)).json["scope"] == "notes:read"


@pytest.mark.parametrize("scopes", [("files:read",), ("notes:read", "admin"), ()])
async def test_a_decision_cannot_allow_what_was_not_asked(plane: TokenPlane, scopes: tuple[str, ...]) -> None:
    begun = (await plane.device()).json
    with pytest.raises(InvalidRequest):
        await plane.decide(begun["user_code"], scopes=scopes)
    assert (await plane.poll(begun["device_code"])).error == "authorization_pending"


async def test_a_denied_device_is_told_so(plane: TokenPlane) -> None:
    """RFC 8628 §3.5: with the 400 of RFC 6749 §5.2."""
    begun = (await plane.device()).json
    await plane.decide(begun["user_code"], approve=False)
    answer = await plane.poll(begun["device_code"])
    assert (answer.status, answer.error) == (400, "access_denied")
    assert plane.store.actions() == [Action.DEVICE_CODE_ISSUED, Action.DEVICE_CODE_DENIED, Action.TOKEN_ISSUE_DENIED]


async def test_a_decision_is_taken_once(plane: TokenPlane) -> None:
    begun = (await plane.device()).json
    await plane.decide(begun["user_code"], approve=False)
    with pytest.raises(Missing):
        await plane.decide(begun["user_code"])
    assert (await plane.poll(begun["device_code"])).error == "access_denied"


async def test_a_code_expires_whether_or_not_it_was_approved(plane: TokenPlane) -> None:
    """RFC 8628 §3.5."""
    pending, approved = (await plane.device()).json["device_code"], await plane.approved()
    plane.clock.advance(timedelta(minutes=10))
    for code in (pending, approved):
        answer = await plane.poll(code)
        assert (answer.status, answer.error) == (400, "expired_token")


async def test_who_asks_too_often_is_told_to_slow_down_ever_more(plane: TokenPlane) -> None:
    """RFC 8628 §3.5: each time five seconds more, for this code only."""
    code, other = (await plane.device()).json["device_code"], (await plane.device()).json["device_code"]
    assert (await plane.poll(code)).error == "authorization_pending"
    plane.clock.advance(timedelta(seconds=3))
    early = await plane.poll(code)
    assert (early.status, early.error, early.headers["retry-after"]) == (400, "slow_down", "5")
    plane.clock.advance(timedelta(seconds=7))
    assert (await plane.poll(code)).error == "slow_down"
    assert (await plane.poll(other)).error == "authorization_pending"
    plane.clock.advance(timedelta(seconds=15))
    assert (await plane.poll(code)).error == "authorization_pending"
    assert set(plane.store.actions()) == {Action.DEVICE_CODE_ISSUED}


async def test_an_approval_is_answered_at_once_even_to_the_impatient(plane: TokenPlane) -> None:
    begun = (await plane.device()).json
    await plane.poll(begun["device_code"])
    await plane.decide(begun["user_code"])
    assert (await plane.poll(begun["device_code"])).status == 200


async def test_a_code_is_bound_to_its_client(plane: TokenPlane) -> None:
    other = plane.registry.put(replace(OTHER, grant_types=TELEVISION.grant_types))
    code = await plane.approved()
    assert (await plane.poll(code, other)).error == "invalid_grant"
    assert (await plane.poll(code)).status == 200


async def test_a_confidential_client_redeems_with_its_secret_only(plane: TokenPlane) -> None:
    web = plane.registry.put(replace(WEB, grant_types=TELEVISION.grant_types))
    header = basic(WEB.id, SECRET)
    begun = (await plane.device(web, header)).json
    await plane.decide(begun["user_code"])
    assert (await plane.poll(begun["device_code"], web)).error == "invalid_client"
    assert (await plane.poll(begun["device_code"], web, header)).status == 200
    assert web.auth_method is AuthMethod.CLIENT_SECRET_BASIC


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"device_code": ""}, "invalid_request"),
        ({"device_code": "x" * 43}, "invalid_grant"),
        ({"resource": FILES.uri}, "invalid_target"),
    ],
)
async def test_what_is_refused_leaves_the_code_unspent(plane: TokenPlane, changes: dict[str, str], error: str) -> None:
    code = await plane.approved()
    assert (await plane.poll(code, TELEVISION, None, **changes)).error == error
    assert (await plane.poll(code)).status == 200


async def test_a_person_disabled_after_approving_lends_the_device_nothing(plane: TokenPlane) -> None:
    """K15."""
    code = await plane.approved()
    await plane.endings.refuse("ada", "disabled", OPERATOR)
    assert (await plane.poll(code)).error == "invalid_grant"
    await plane.endings.allow("ada", OPERATOR)
    assert (await plane.poll(code)).status == 200


async def test_a_disabled_person_cannot_approve(plane: TokenPlane) -> None:
    begun = (await plane.device()).json
    await plane.endings.refuse("ada", "disabled", OPERATOR)
    with pytest.raises(AccessDenied):
        await plane.decide(begun["user_code"])
    assert (await plane.poll(begun["device_code"])).error == "authorization_pending"


async def test_a_client_suspended_after_approval_gets_nothing(plane: TokenPlane) -> None:
    """K15."""
    code = await plane.approved()
    plane.registry.put(replace(TELEVISION, active=False))
    assert (await plane.poll(code)).error == "invalid_client"
    plane.registry.put(replace(TELEVISION, grant_types=frozenset({"refresh_token"})))
    assert (await plane.poll(code)).error == "unauthorized_client"
    plane.registry.put(replace(TELEVISION, ceiling=("notes:read",)))
    assert (await plane.poll(code)).json["scope"] == "notes:read"


async def test_ending_the_person_or_the_client_ends_what_waits_for_the_device(plane: TokenPlane) -> None:
    code = await plane.approved()
    await plane.endings.subject("ada", OPERATOR)
    assert (await plane.poll(code)).error == "expired_token"
    pending, approved = (await plane.device()).json["device_code"], await plane.approved()
    await plane.endings.client(TELEVISION.id, OPERATOR)
    assert (await plane.poll(pending)).error == "expired_token"
    assert (await plane.poll(approved)).error == "expired_token"


async def test_approving_a_device_spares_no_later_question(plane: TokenPlane) -> None:
    """RFC 8628 §5.4: a remembered device consent would let a stolen code through unseen."""
    plane.registry.put(replace(TELEVISION, grant_types=TELEVISION.grant_types | {"authorization_code"}))
    await plane.poll(await plane.approved())
    issued = await plane.code_issuing.issue(code_request(TELEVISION, consent=None))
    assert not isinstance(issued, str)


async def test_a_device_may_bind_its_tokens_to_a_key() -> None:
    """RFC 9449 §5."""
    plane = TokenPlane(dpop=True)
    code = await plane.approved()
    answer = await plane.poll(code, TELEVISION, Prover(plane)())
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP")
    assert (await plane.refresh(answer.json["refresh_token"], TELEVISION)).error == "invalid_grant"


async def test_a_failing_commit_leaves_the_code_unspent(plane: TokenPlane) -> None:
    """Law 5."""
    code = await plane.approved()
    plane.store.fail_next = RuntimeError("the database is gone")
    assert (await plane.poll(code)).status == 500
    assert (await plane.poll(code)).status == 200


async def test_of_the_switched_off_grant_nothing_is_left() -> None:
    plane = TokenPlane(disabled=[GrantType.DEVICE_CODE.value])
    answer = await plane.poll("x" * 43)
    assert (answer.error, answer.json["detail"].endswith(".enabled switches it on")) == ("unsupported_grant_type", True)
    assert (await plane.device()).status == 404
