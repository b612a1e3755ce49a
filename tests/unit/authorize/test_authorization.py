"""From request to answer over fakes: what needs no person, what does, and what happens when token says no."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.audit import Action
from kit.credentials import digest
from kit.errors import AccessDenied, AuthPlaneError, Conflict, InvalidRequest, Unavailable
from services.authorize.authorization import Authorization, GoTo, SendBack
from services.authorize.consent import ConsentDesk
from services.authorize.interaction import Interaction
from services.authorize.model import Client, ClientStatus, Session, UserId, Visit
from services.authorize.refusals import AlreadyAnswered, ForeignBrowser, InteractionGone, NothingTicked, UnknownClient
from services.authorize.request import RawRequest
from services.authorize.response import Responder
from services.authorize.steps import Step
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import NOTES, FakeClients, FakeCodes, FakeInteractions, FakeResources, FakeTables, a_client
from tests.unit.authorize.test_checks import GOOD

VISIT = Visit("203.0.113.9", "req", "trace")
BROWSER = "b" * 43


def signed_in(user_id: str = "user-1", age: float = 60) -> Session:
    at = MIDSUMMER - timedelta(seconds=age)
    return Session(digest(user_id), UserId(user_id), f"{user_id}@example.com", "", at, at, MIDSUMMER + timedelta(hours=9))


@dataclass
class Stage:
    authorization: Authorization
    desk: ConsentDesk
    tables: FakeTables
    codes: FakeCodes
    clients: FakeClients
    resources: FakeResources
    clock: FrozenClock

    async def begin(self, session: Session | None = None, **changes: object) -> SendBack | GoTo:
        return await self.authorization.begin(replace(GOOD, **changes), session, BROWSER, VISIT)  # type: ignore[arg-type]

    async def pending(self, session: Session | None = None, **changes: object) -> Interaction:
        outcome = await self.begin(session, **changes)
        assert isinstance(outcome, GoTo)
        return self.tables.interactions[outcome.interaction_id]


@pytest.fixture
def stage() -> Stage:
    tables, codes, clock = FakeTables(), FakeCodes(), FrozenClock()
    clients, resources = FakeClients(a_client(), a_client("client-b")), FakeResources(NOTES)
    authorization = Authorization(clients, resources, codes, FakeInteractions(tables), Responder("https://auth.example"), clock)
    return Stage(authorization, ConsentDesk(authorization), tables, codes, clients, resources, clock)


def told(outcome: SendBack | GoTo) -> dict[str, str]:
    assert isinstance(outcome, SendBack)
    return {name: values[0] for name, values in parse_qs(urlsplit(outcome.location).query).items()}


async def test_nobody_signed_in_leads_to_login_without_asking_token(stage: Stage) -> None:
    """Architecture §7: one hop per step at most."""
    outcome = await stage.begin()
    assert isinstance(outcome, GoTo)
    assert outcome.step is Step.LOGIN
    assert stage.codes.calls == 0


async def test_signed_in_and_consented_answers_in_one_hop_and_writes_nothing(stage: Stage) -> None:
    stage.codes.remembered["user-1", "client-a", "", NOTES.uri] = ("notes:read",)
    answer = told(await stage.begin(signed_in()))
    assert answer["code"].startswith("code-1-")
    assert (answer["iss"], answer["state"], stage.codes.calls, stage.tables.interactions) == ("https://auth.example", "s", 1, {})


async def test_signed_in_without_consent_leads_to_the_question(stage: Stage) -> None:
    interaction = await stage.pending(signed_in())
    assert interaction.needed is not None
    assert (interaction.user_id, interaction.needed.missing, interaction.needed.first_time) == ("user-1", ("notes:read",), True)


@pytest.mark.parametrize(
    ("session", "changes", "error"),
    [
        (None, {"prompt": "none"}, "login_required"),
        (signed_in(age=600), {"prompt": "none", "max_age": "300"}, "login_required"),
        (signed_in(), {"prompt": "none"}, "consent_required"),
        (None, {"response_type": "token", "prompt": "none"}, "unsupported_response_type"),
    ],
)
async def test_prompt_none_never_shows_a_page(stage: Stage, session: Session | None, changes: dict[str, str], error: str) -> None:
    """A4; OpenID Connect Core §3.1.2.6."""
    answer = told(await stage.begin(session, **changes))
    assert (answer["error"], answer["iss"]) == (error, "https://auth.example")
    assert stage.tables.interactions == {}


async def test_prompt_none_with_consent_gets_a_code(stage: Stage) -> None:
    stage.codes.remembered["user-1", "client-a", "", NOTES.uri] = ("notes:read",)
    assert "code" in told(await stage.begin(signed_in(), prompt="none"))


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "30"}, {"max_age": "0"}, {"prompt": "select_account"}])
async def test_an_old_login_is_not_enough_and_a_new_one_is(stage: Stage, changes: dict[str, str]) -> None:
    """A4."""
    stage.codes.remembered["user-1", "client-a", "", NOTES.uri] = ("notes:read",)
    interaction = await stage.pending(signed_in(age=60), **changes)
    assert await stage.authorization.proceed(interaction, signed_in(age=60), VISIT) == GoTo(Step.LOGIN, interaction.id)
    assert "code" in told(await stage.authorization.proceed(interaction, signed_in(age=0), VISIT))


async def test_prompt_consent_asks_again_for_everything(stage: Stage) -> None:
    stage.codes.remembered["user-1", "client-a", "", NOTES.uri] = ("notes:read",)
    interaction = await stage.pending(signed_in(), prompt="consent")
    question = await stage.desk.question(interaction, signed_in(), VISIT)
    assert [scope.name for scope in question.asked] == ["notes:read"]
    assert stage.codes.calls == 0


async def test_consent_for_one_client_is_silent_about_another(stage: Stage) -> None:
    """K18: confused deputy."""
    first = await stage.pending(signed_in())
    await stage.desk.allow(first, signed_in(), ("notes:read",), remember=True, visit=VISIT)
    assert "code" in told(await stage.begin(signed_in()))
    assert isinstance(await stage.begin(signed_in(), client_id="client-b"), GoTo)
    assert isinstance(await stage.begin(signed_in("user-2")), GoTo)


async def test_a_documents_client_is_remembered_per_origin_of_its_redirect_uri(stage: Stage) -> None:
    """A6, K18: editing the document does not carry consent elsewhere."""
    url = "https://app.example/client.json"
    uris = ("https://app.example/callback", "https://other.example/callback")
    stage.clients.known[url] = a_client(url, document_url=url, redirect_uris=uris)
    interaction = await stage.pending(signed_in(), client_id=url)
    await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT)
    assert "code" in told(await stage.begin(signed_in(), client_id=url))
    assert isinstance(await stage.begin(signed_in(), client_id=url, redirect_uri=uris[1]), GoTo)


async def test_step_up_asks_only_for_what_is_new(stage: Stage) -> None:
    """A5."""
    stage.codes.remembered["user-1", "client-a", "", NOTES.uri] = ("notes:read",)
    interaction = await stage.pending(signed_in(), scope="notes:read notes:write")
    question = await stage.desk.question(interaction, signed_in(), VISIT)
    assert ([scope.name for scope in question.asked], [scope.name for scope in question.kept]) == (["notes:write"], ["notes:read"])
    await stage.desk.allow(interaction, signed_in(), ("notes:write",), remember=True, visit=VISIT)
    assert stage.codes.remembered["user-1", "client-a", "", NOTES.uri] == ("notes:read", "notes:write")


async def test_what_was_unticked_is_not_consented_to(stage: Stage) -> None:
    """A5."""
    interaction = await stage.pending(signed_in(), scope="notes:read notes:write")
    await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=False, visit=VISIT)
    consent = stage.codes.issued[0].consent
    assert consent is not None
    assert (consent.scopes, consent.remember) == (("notes:read",), False)
    assert stage.codes.remembered == {}
    [event] = stage.tables.events
    assert (event.action, event.detail) == (Action.CONSENT_GRANTED, {"scopes": ["notes:read"], "remember": False})


async def test_a_scope_that_was_not_asked_for_cannot_be_ticked(stage: Stage) -> None:
    interaction = await stage.pending(signed_in())
    with pytest.raises(InvalidRequest):
        await stage.desk.allow(interaction, signed_in(), ("notes:read", "notes:write"), remember=True, visit=VISIT)
    with pytest.raises(NothingTicked):
        await stage.desk.allow(interaction, signed_in(), (), remember=True, visit=VISIT)
    assert stage.codes.issued == []


async def test_denying_tells_the_client_and_spends_the_authorization(stage: Stage) -> None:
    """A5."""
    interaction = await stage.pending(signed_in())
    answer = told(await stage.desk.deny(interaction, signed_in(), VISIT))
    assert (answer["error"], answer["iss"], answer["state"]) == ("access_denied", "https://auth.example", "s")
    assert (stage.tables.interactions, stage.tables.events[0].action) == ({}, Action.CONSENT_DENIED)
    with pytest.raises(AlreadyAnswered):
        await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT)


async def test_nobody_answers_for_somebody_else(stage: Stage) -> None:
    """Wire contract §4.9: owner binding."""
    interaction = await stage.pending(signed_in())
    for work in (
        stage.desk.allow(interaction, signed_in("user-2"), ("notes:read",), remember=True, visit=VISIT),
        stage.desk.deny(interaction, signed_in("user-2"), VISIT),
    ):
        with pytest.raises(ForeignBrowser):
            await work


async def test_somebody_else_in_the_same_browser_is_asked_for_themselves(stage: Stage) -> None:
    interaction = await stage.pending(signed_in())
    stage.codes.remembered["user-2", "client-a", "", NOTES.uri] = ("notes:read",)
    assert "code" in told(await stage.authorization.proceed(interaction, signed_in("user-2"), VISIT))
    assert stage.codes.issued[0].user_id == "user-2"


async def test_of_fifty_answers_at_once_one_gets_a_code(stage: Stage) -> None:
    """Law 4."""
    interaction = await stage.pending(signed_in())

    async def answer() -> str:
        try:
            await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT)
        except AlreadyAnswered:
            return "refused"
        return "code"

    assert Counter(await asyncio.gather(*(answer() for _ in range(50)))) == {"code": 1, "refused": 49}
    assert len(stage.codes.issued) == 1


@pytest.mark.parametrize("fault", [Unavailable("down"), RuntimeError("bug")])
async def test_when_token_cannot_be_reached_the_person_may_try_again(stage: Stage, fault: Exception) -> None:
    """Law 10: nothing is spent by an outage."""
    interaction = await stage.pending(signed_in())
    stage.codes.fault = fault
    with pytest.raises(type(fault)):
        await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT)
    assert stage.tables.events == []
    stage.codes.fault = None
    assert "code" in told(await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT))


async def test_a_subject_token_refuses_is_denied_to_the_client(stage: Stage) -> None:
    interaction = await stage.pending(signed_in())
    stage.codes.fault = AccessDenied("this account is disabled")
    assert told(await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT))["error"] == "access_denied"
    assert stage.tables.interactions == {}


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Unavailable("down"), "temporarily_unavailable"), (AuthPlaneError("row 7"), "server_error"), (Conflict("x"), "invalid_target")],
)
async def test_after_trust_even_our_own_failures_go_to_the_client(stage: Stage, fault: AuthPlaneError, error: str) -> None:
    """RFC 6749 §4.1.2.1: a 503 cannot be returned through a redirect."""
    stage.resources.fault = fault
    answer = told(await stage.begin(signed_in()))
    assert (answer["error"], answer["iss"]) == (error, "https://auth.example")
    assert "row 7" not in answer["error_description"]


async def test_an_expired_authorization_cannot_be_answered(stage: Stage) -> None:
    interaction = await stage.pending(signed_in())
    stage.clock.advance(timedelta(minutes=10, seconds=1))
    with pytest.raises((AlreadyAnswered, InteractionGone)):
        await stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT)
    assert stage.codes.issued == []


@pytest.mark.parametrize("changed", [a_client(status=ClientStatus.SUSPENDED), a_client(redirect_uris=("https://app.example/new",))])
async def test_a_client_suspended_or_changed_meanwhile_gets_nothing(stage: Stage, changed: Client) -> None:
    interaction = await stage.pending(signed_in())
    stage.clients.known["client-a"] = changed
    for work in (
        stage.desk.question(interaction, signed_in(), VISIT),
        stage.desk.allow(interaction, signed_in(), ("notes:read",), remember=True, visit=VISIT),
        stage.desk.deny(interaction, signed_in(), VISIT),
    ):
        with pytest.raises(AuthPlaneError):
            await work
    assert stage.codes.issued == []


@pytest.mark.parametrize(
    "raw",
    [
        RawRequest(),
        replace(GOOD, client_id="nobody"),
        replace(GOOD, client_id=None, repeated=frozenset({"client_id"})),
        replace(GOOD, redirect_uri=None),
        replace(GOOD, redirect_uri="https://evil.example/cb"),
        replace(GOOD, redirect_uri="https://evil.example/cb", response_type="token"),
        replace(GOOD, redirect_uri="https://evil.example/cb", prompt="none"),
        replace(GOOD, redirect_uri="https://evil.example/cb", scope='"', state="x" * 9000),
        replace(GOOD, redirect_uri="https://evil.example/cb", request="x"),
        replace(GOOD, redirect_uri="https://evil.example/cb", repeated=frozenset({"scope", "state"})),
        replace(GOOD, redirect_uri="https://evil.example/cb", resources=("https://unknown.example",)),
    ],
)
async def test_an_unregistered_redirect_uri_never_receives_anything(stage: Stage, raw: RawRequest) -> None:
    """K12, A1."""
    for session in (None, signed_in()):
        with pytest.raises((InvalidRequest, UnknownClient)):
            await stage.authorization.begin(raw, session, BROWSER, VISIT)
    assert (stage.codes.calls, stage.tables.interactions) == (0, {})
