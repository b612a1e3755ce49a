"""What a person sees and ends of their own, over fakes (A9)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kit.audit import Action
from kit.errors import Missing, Unavailable
from services.authorize.account import AccountDesk, Grant
from services.authorize.browser_name import browser_name
from services.authorize.model import ClientId, Session, Visit
from services.authorize.sessions import SessionKeeper, SessionLimits
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import NOTES, FakeClients, FakeResources, FakeSessions, FakeTables, a_client, a_user
from tests.support.fakes_authorize_token import FakeGrants, FakeOwnSessions
from tests.unit.authorize.test_authorization import signed_in

VISIT = Visit("203.0.113.9", "req", "trace")
ME = signed_in()


class Stage:
    def __init__(self) -> None:
        self.tables, self.grants, self.clients = FakeTables(), FakeGrants(), FakeClients(a_client())
        self.tables.users[ME.user_id] = a_user(MIDSUMMER, ME.user_id)
        keeper = SessionKeeper(FakeSessions(self.tables), SessionLimits(timedelta(hours=8), timedelta(hours=24)), FrozenClock())
        self.desk = AccountDesk(self.grants, FakeOwnSessions(self.tables), keeper, self.clients, FakeResources(NOTES))
        self.keep(ME)

    def keep(self, session: Session) -> Session:
        self.tables.sessions[session.digest] = session
        return session


@pytest.fixture
def stage() -> Stage:
    return Stage()


def a_grant(client_id: str = "client-a", resource: str = NOTES.uri) -> Grant:
    return Grant(f"grant-of-{client_id}", ClientId(client_id), resource, ("notes:read",), MIDSUMMER)


async def test_an_agent_is_shown_by_name_resource_and_what_it_may_do(stage: Stage) -> None:
    document = a_client("https://app.example/client.json", document_url="https://app.example/client.json")
    stage.clients.known[document.id] = document
    stage.grants.known[ME.user_id] = [a_grant(), a_grant(document.id, "")]
    first, second = (await stage.desk.of(ME, VISIT)).agents
    assert (first.name, first.resource_name, first.scopes[0].description) == ("Notebook", "Notes", "Read your notes")
    assert (second.verified_domain, second.resource_name, second.scopes[0].name) == ("app.example", "", "notes:read")


async def test_an_agent_nobody_can_describe_can_still_be_ended(stage: Stage) -> None:
    stage.clients.known["client-a"] = Unavailable("registry is away")
    stage.grants.known[ME.user_id] = [a_grant(resource="https://gone.example/"), a_grant("unknown")]
    names = [(agent.name, agent.resource_name) for agent in (await stage.desk.of(ME, VISIT)).agents]
    assert names == [("client-a", "https://gone.example/"), ("unknown", "Notes")]
    await stage.desk.revoke(ME, "grant-of-client-a", VISIT)
    await stage.desk.revoke(ME, "grant-of-client-a", VISIT)
    assert stage.grants.revoked == [(ME.user_id, "grant-of-client-a")]


async def test_another_persons_agent_is_not_there(stage: Stage) -> None:
    other = signed_in("user-2")
    stage.grants.known[other.user_id] = [a_grant()]
    assert (await stage.desk.of(ME, VISIT)).agents == ()
    await stage.desk.revoke(ME, "grant-of-client-a", VISIT)
    assert stage.grants.revoked == []


async def test_only_standing_sessions_of_this_person_are_listed_and_this_one_is_marked(stage: Stage) -> None:
    elsewhere = stage.keep(replace(ME, digest=b"e", last_seen_at=MIDSUMMER - timedelta(hours=1)))
    stage.keep(replace(ME, digest=b"idle", last_seen_at=MIDSUMMER - timedelta(hours=9)))
    stage.keep(replace(signed_in("user-2"), digest=b"other"))
    browsers = (await stage.desk.of(ME, VISIT)).browsers
    assert [(browser.id, browser.current) for browser in browsers] == [(ME.digest.hex(), True), (elsewhere.digest.hex(), False)]


async def test_a_person_ends_one_or_all_of_their_own_sessions_on_record(stage: Stage) -> None:
    stage.keep(replace(ME, digest=b"e"))
    theirs = stage.keep(replace(signed_in("user-2"), digest=b"other"))
    for session_id in (b"e".hex(), b"other".hex(), "nonsense"):
        await stage.desk.end(ME, session_id, VISIT)
    assert set(stage.tables.sessions) == {ME.digest, theirs.digest}
    await stage.desk.end_all(ME, VISIT)
    assert set(stage.tables.sessions) == {theirs.digest}
    assert [(event.action, event.subject, event.actor_id) for event in stage.tables.events] == [
        (Action.SESSION_ENDED, ME.user_id, ME.user_id)
    ] * 2


async def test_token_out_of_reach_is_not_an_empty_list(stage: Stage) -> None:
    """Law 10: nobody reads 'no application has access' because a service was down."""
    stage.grants.fault = Unavailable("token is away")
    with pytest.raises(Unavailable):
        await stage.desk.of(ME, VISIT)
    with pytest.raises(Unavailable):
        await stage.desk.revoke(ME, "grant-of-client-a", VISIT)
    stage.grants.fault = Missing("gone")
    await stage.desk.revoke(ME, "grant-of-client-a", VISIT)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/139.0 Safari/537.36 Edg/139.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/139.0 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/139.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "A browser"),
        ("", "A browser"),
        ("<script>alert(1)</script>", "A browser"),
    ],
)
def test_a_browser_goes_by_the_name_its_owner_knows(header: str, name: str) -> None:
    assert browser_name(header) == name
