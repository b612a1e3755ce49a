"""Pushed authorization requests over fakes (RFC 9126, A4)."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from kit.errors import AuthPlaneError, InvalidClient, InvalidRequest, PayloadTooLarge, Unavailable
from services.authorize.authorization import Authorization, GoTo
from services.authorize.model import Client, ClientId, ClientStatus, Visit
from services.authorize.pushed import PREFIX, Proof, Pushing, RequestUriGone
from services.authorize.refusals import UnknownClient
from services.authorize.request import RawRequest
from services.authorize.response import Responder
from tests.support.clock import FrozenClock
from tests.support.fakes_authorize import NOTES, FakeClients, FakeCodes, FakeInteractions, FakeResources, FakeTables, a_client
from tests.support.fakes_authorize_token import FakeClientAuthentication, FakePushedRequests
from tests.unit.authorize.test_checks import GOOD

VISIT = Visit("203.0.113.9", "req", "trace")


@dataclass
class Desk:
    pushing: Pushing
    requests: FakePushedRequests
    clients: FakeClients
    resources: FakeResources
    clock: FrozenClock

    async def push(self, raw: RawRequest = GOOD, **proof: str) -> str:
        return await self.pushing.push(raw, Proof(**({"client_id": raw.client_id or ""} | proof)), VISIT)

    async def open(self, reference: str, client_id: str | None = "client-a") -> RawRequest:
        return await self.pushing.collect(RawRequest(client_id=client_id, request_uri=reference), VISIT)


def a_desk(*clients: Client, require_push: bool = False) -> Desk:
    clock, requests = FrozenClock(), FakePushedRequests()
    known, resources = FakeClients(*(clients or (a_client(), a_client("client-b")))), FakeResources(NOTES)
    interactions = FakeInteractions(FakeTables())
    responder = Responder("https://auth.example")
    authorization = Authorization(known, resources, FakeCodes(), interactions, responder, clock, require_push=require_push)
    return Desk(Pushing(FakeClientAuthentication(), requests, authorization, timedelta(seconds=60)), requests, known, resources, clock)


async def test_a_reference_is_unguessable_and_kept_only_as_a_digest() -> None:
    """RFC 9126 §2.2, §7.1."""
    desk = a_desk()
    first, second = await desk.push(), await desk.push()
    assert first.startswith(PREFIX)
    assert len(first) >= len(PREFIX) + 43
    assert first != second
    assert all(first[-43:].encode() not in key for key in desk.requests.waiting)


async def test_a_reference_opens_what_was_pushed_once() -> None:
    """A4."""
    desk = a_desk()
    reference = await desk.push()
    assert await desk.open(reference) == replace(GOOD, pushed=True)
    with pytest.raises(RequestUriGone):
        await desk.open(reference)


async def test_another_client_cannot_open_a_reference_nor_spend_it() -> None:
    """RFC 9126 §2.2: bound to the client that posted it; K18."""
    desk = a_desk()
    reference = await desk.push()
    with pytest.raises(RequestUriGone):
        await desk.open(reference, "client-b")
    assert (await desk.open(reference)).client_id == "client-a"


async def test_a_reference_lives_for_its_time_only() -> None:
    desk = a_desk()
    reference = await desk.push()
    desk.clock.advance(60)
    with pytest.raises(RequestUriGone):
        await desk.open(reference)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "notes:delete"}, "invalid_scope"),
        ({"resources": ("https://nowhere.example/",)}, "invalid_target"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": PREFIX + "x" * 43}, "invalid_request"),
        ({"repeated": frozenset({"scope"})}, "invalid_request"),
    ],
)
async def test_what_the_authorization_endpoint_refuses_is_refused_at_push_time(changes: dict[str, object], code: str) -> None:
    """RFC 9126 §2.1 (3), §2.3; request_uri in a push: §2.1 (2)."""
    desk = a_desk()
    with pytest.raises(AuthPlaneError) as caught:
        await desk.push(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert desk.requests.waiting == {}


async def test_who_cannot_authenticate_pushes_nothing() -> None:
    desk = a_desk()
    with pytest.raises(InvalidClient):
        await desk.push(secret="wrong")
    assert desk.requests.waiting == {}


async def test_the_request_is_of_the_client_that_authenticated() -> None:
    desk = a_desk()
    raw = replace(GOOD, client_id=None)
    reference = await desk.push(raw, client_id="client-b")
    assert (await desk.open(reference, "client-b")).client_id == ClientId("client-b")


async def test_what_is_kept_for_a_stranger_is_bounded() -> None:
    desk = a_desk()
    with pytest.raises(PayloadTooLarge):
        await desk.push(replace(GOOD, prompt="login " * 4000))


async def test_a_client_told_to_push_is_served_only_that_way() -> None:
    """RFC 9126 §6."""
    desk = a_desk(a_client(must_push=True))
    outcome = await desk.pushing.authorization.begin(await desk.open(await desk.push()), None, "b" * 43, VISIT)
    assert isinstance(outcome, GoTo)
    direct = await desk.pushing.authorization.begin(GOOD, None, "b" * 43, VISIT)
    assert "error=invalid_request" in getattr(direct, "location", "")


async def test_a_plane_told_to_require_pushing_refuses_everybody_elses_direct_request() -> None:
    """RFC 9126 §5."""
    desk = a_desk(require_push=True)
    assert isinstance(await desk.pushing.authorization.begin(await desk.open(await desk.push()), None, "b" * 43, VISIT), GoTo)
    direct = await desk.pushing.authorization.begin(GOOD, None, "b" * 43, VISIT)
    assert "error=invalid_request" in getattr(direct, "location", "")


async def test_a_request_without_a_reference_of_ours_stays_as_it_is() -> None:
    desk = a_desk()
    for raw in (GOOD, replace(GOOD, request_uri="https://app.example/request.jwt")):
        assert await desk.pushing.collect(raw, VISIT) is raw


async def test_a_reference_without_its_client_is_refused_before_it_is_spent() -> None:
    """RFC 9126 §4: client_id is required beside request_uri."""
    desk = a_desk()
    reference = await desk.push()
    with pytest.raises(InvalidRequest):
        await desk.open(reference, None)
    with pytest.raises(UnknownClient):
        await desk.open(reference, "nobody")
    desk.clients.known["client-a"] = Unavailable("registry is away")
    with pytest.raises(Unavailable):
        await desk.open(reference)
    desk.clients.known["client-a"] = a_client()
    assert (await desk.open(reference)).pushed


async def test_a_client_suspended_meanwhile_is_judged_again_when_the_browser_comes() -> None:
    desk = a_desk()
    reference = await desk.push()
    desk.clients.known["client-a"] = a_client(status=ClientStatus.SUSPENDED)
    raw = await desk.open(reference)
    with pytest.raises(AuthPlaneError, match="switched off"):
        await desk.pushing.authorization.begin(raw, None, "b" * 43, VISIT)
