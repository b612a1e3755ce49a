"""A person's own sessions: the fake of unit tests and the real store keep the same promises (A9)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.audit import Action, ActorKind, Event, Recorder
from kit.credentials import digest, random_secret
from kit.pg import open_pool
from services.authorize.account import OwnSessions
from services.authorize.adapters.store.sessions import SessionStore
from services.authorize.adapters.store.users import UserStore
from services.authorize.model import Session, UserId
from services.authorize.ports import Sessions
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import FakeSessions, FakeTables, a_user
from tests.support.fakes_authorize_token import FakeOwnSessions
from tests.support.servers import PostgresServer, fresh_database

EVENT = Event(action=Action.SESSION_ENDED, actor_kind=ActorKind.USER)
HOURS_AGO = MIDSUMMER - timedelta(hours=8)
ADA, EVE = UserId("ada"), UserId("eve")
PEOPLE = [a_user(MIDSUMMER, user_id, f"{user_id}@example.com") for user_id in (ADA, EVE)]


class Stores:
    def __init__(self, sessions: Sessions, own: OwnSessions, recorded: Callable[[], Awaitable[int]]) -> None:
        self.sessions, self.own, self.recorded = sessions, own, recorded

    async def session(self, user_id: UserId, minutes_ago: int = 0, address: str = "203.0.113.9", agent: str = "Firefox/1 Linux") -> Session:
        seen = MIDSUMMER - timedelta(minutes=minutes_ago)
        made = Session(digest(random_secret()), user_id, f"{user_id}@example.com", "Ada", seen, seen, MIDSUMMER + timedelta(hours=9))
        made = replace(made, address=address, user_agent=agent)
        assert await self.sessions.start(made, None, EVENT)
        return made


@pytest.fixture(params=["fake", "postgres"])
async def stores(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> AsyncIterator[Stores]:
    if request.param == "fake":
        tables = FakeTables(users={user.id: user for user in PEOPLE})

        async def kept() -> int:
            return len(tables.events)

        yield Stores(FakeSessions(tables), FakeOwnSessions(tables), kept)
        return
    database = await fresh_database(postgres_server, "authorize")
    pool = await open_pool(database.dsn_for("authorize"), application_name="contract")
    superuser = await open_pool(database.superuser_dsn, application_name="contract")
    recorder = Recorder("authorize", FrozenClock())
    for user in PEOPLE:
        await UserStore(pool, recorder).add(user, "hash", EVENT)

    async def rows() -> int:
        return int(await superuser.fetchval("SELECT count(*) FROM audit.outbox")) - len(PEOPLE)

    store = SessionStore(pool, recorder)
    yield Stores(store, store, rows)
    await pool.close()
    await superuser.close()
    await postgres_server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


async def test_standing_sessions_are_listed_as_they_began_last_seen_first(stores: Stores) -> None:
    old = await stores.session(ADA, 60, "198.51.100.1", "Safari/1 iPhone 🦊")
    new = await stores.session(ADA, 5)
    await stores.session(ADA, 500)
    await stores.session(EVE)
    listed = await stores.own.of(ADA, old.digest, MIDSUMMER, HOURS_AGO)
    assert [(one.address, one.user_agent, one.current) for one in listed] == [
        (new.address, new.user_agent, False),
        ("198.51.100.1", "Safari/1 iPhone 🦊", True),
    ]
    assert listed[1].authenticated_at == old.authenticated_at
    assert len({one.id for one in listed}) == 2
    assert old.digest.hex() not in repr(listed) or isinstance(stores.own, FakeOwnSessions)


async def test_one_session_ends_once_and_only_for_its_owner(stores: Stores) -> None:
    session = await stores.session(ADA)
    [listed] = await stores.own.of(ADA, b"", MIDSUMMER, HOURS_AGO)
    before = await stores.recorded()
    for user_id, session_id in ((EVE, listed.id), (ADA, "nonsense"), (ADA, "'; --")):
        assert not await stores.own.end_one(user_id, session_id, EVENT)
    assert await stores.recorded() == before
    assert await stores.own.end_one(ADA, listed.id, EVENT)
    assert not await stores.own.end_one(ADA, listed.id, EVENT)
    assert await stores.recorded() == before + 1
    assert await stores.sessions.find(session.digest, MIDSUMMER, HOURS_AGO) is None


async def test_all_end_together_and_nobody_elses(stores: Stores) -> None:
    for minutes in (1, 2, 3):
        await stores.session(ADA, minutes)
    theirs = await stores.session(EVE)
    before = await stores.recorded()
    assert [await stores.own.end_all(ADA, EVENT) for _ in range(2)] == [3, 0]
    assert await stores.recorded() == before + 1
    assert await stores.sessions.find(theirs.digest, MIDSUMMER, HOURS_AGO) == theirs
