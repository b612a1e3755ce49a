"""One suite for authorize's stores: the fakes used in unit tests and the real ones keep the same promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from kit.audit import Action, ActorKind, Event, Recorder
from kit.credentials import digest, random_secret
from kit.errors import Conflict
from kit.pg import Pool, open_pool
from services.authorize.adapters.store.interactions import InteractionStore
from services.authorize.adapters.store.sessions import SessionStore
from services.authorize.adapters.store.users import LoginStore, UserStore
from services.authorize.interaction import CLAIM_SECONDS, Interaction, Needed, open_interaction
from services.authorize.model import ClientId, Session, User, UserId, UserStatus
from services.authorize.ports import Directory, DirectoryWrites, Interactions, Logins, Sessions
from services.authorize.request import AuthorizationRequest, Prompt
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import FakeInteractions, FakeSessions, FakeTables, FakeUsers, a_user, new_id
from tests.support.servers import PostgresServer, fresh_database

EVENT = Event(action=Action.USER_UPDATED, actor_kind=ActorKind.SYSTEM)
REQUEST = AuthorizationRequest(
    client_id=ClientId("https://app.example/client.json"),
    redirect_uri="http://127.0.0.1:5/cb?x=é",
    code_challenge="c" * 43,
    scopes=("a", "b"),
    resource="https://notes.example/mcp",
    state="s🦊",
    dpop_jkt="j" * 43,
    prompt=frozenset({Prompt.LOGIN, Prompt.CONSENT}),
    signed_in_since=MIDSUMMER - timedelta(seconds=3.25),
    login_hint="ada@example.com",
)


@dataclass
class Stores:
    interactions: Interactions
    sessions: Sessions
    logins: Logins
    directory: Directory
    writes: DirectoryWrites
    pool: Pool | None

    async def person(self, **changes: object) -> User:
        user = a_user(MIDSUMMER, new_id(), f"{new_id()}@Example.com")
        user = replace(user, **changes)  # type: ignore[arg-type]
        await self.directory.add(user, "hash", EVENT)
        return user

    async def session(self, user: User, replaces: bytes | None = None) -> Session:
        made = Session(digest(random_secret()), user.id, user.email, user.name, MIDSUMMER, MIDSUMMER, MIDSUMMER + timedelta(hours=24))
        assert await self.sessions.start(made, replaces, EVENT)
        return made

    async def stands(self, session: Session, now: datetime = MIDSUMMER) -> bool:
        return await self.sessions.find(session.digest, now, now - timedelta(hours=8)) is not None


@pytest.fixture(params=["fake", "postgres"])
async def stores(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> AsyncIterator[Stores]:
    if request.param == "fake":
        tables = FakeTables()
        users = FakeUsers(tables)
        yield Stores(FakeInteractions(tables), FakeSessions(tables), users, users, users, None)
        return
    database = await fresh_database(postgres_server, "authorize")
    pool = await open_pool(database.dsn_for("authorize"), max_size=20, application_name="contract")
    recorder = Recorder("authorize", FrozenClock())
    people = UserStore(pool, recorder)
    yield Stores(InteractionStore(pool, recorder), SessionStore(pool, recorder), LoginStore(pool), people, people, pool)
    await pool.close()
    await postgres_server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


def pending(user_id: UserId | None = None, needed: Needed | None = None) -> Interaction:
    return open_interaction(random_secret(), REQUEST, MIDSUMMER, user_id, needed)


async def test_an_interaction_comes_back_as_it_went(stores: Stores) -> None:
    interaction = pending(UserId("u"), Needed(("a",), ("b",), first_time=True))
    await stores.interactions.add(interaction)
    assert await stores.interactions.find(interaction.id, MIDSUMMER) == interaction


async def test_an_expired_interaction_is_neither_found_nor_claimed(stores: Stores) -> None:
    interaction = pending()
    await stores.interactions.add(interaction)
    later = MIDSUMMER + timedelta(minutes=10)
    assert await stores.interactions.find(interaction.id, later) is None
    assert not await stores.interactions.claim(interaction.id, later)


async def test_of_many_claims_one_succeeds(stores: Stores) -> None:
    """Law 4."""
    interaction = pending()
    await stores.interactions.add(interaction)
    claims = await asyncio.gather(*(stores.interactions.claim(interaction.id, MIDSUMMER) for _ in range(50)))
    assert sorted(claims) == [False] * 49 + [True]


async def test_a_released_claim_can_be_taken_again_and_remembers_what_is_needed(stores: Stores) -> None:
    interaction = pending()
    await stores.interactions.add(interaction)
    assert await stores.interactions.claim(interaction.id, MIDSUMMER)
    needed = Needed((), ("a",), first_time=False)
    await stores.interactions.release(interaction.id, UserId("u"), needed)
    found = await stores.interactions.find(interaction.id, MIDSUMMER)
    assert found is not None
    assert (found.user_id, found.needed) == ("u", needed)
    assert await stores.interactions.claim(interaction.id, MIDSUMMER)


async def test_the_claim_of_a_process_that_died_lapses(stores: Stores) -> None:
    interaction = pending()
    await stores.interactions.add(interaction)
    assert await stores.interactions.claim(interaction.id, MIDSUMMER)
    assert not await stores.interactions.claim(interaction.id, MIDSUMMER + timedelta(seconds=CLAIM_SECONDS - 1))
    assert await stores.interactions.claim(interaction.id, MIDSUMMER + timedelta(seconds=CLAIM_SECONDS + 1))


async def test_of_many_finishers_one_succeeds(stores: Stores) -> None:
    interaction = pending()
    await stores.interactions.add(interaction)
    ends = await asyncio.gather(*(stores.interactions.finish(interaction.id, (EVENT,)) for _ in range(20)))
    assert sorted(ends) == [False] * 19 + [True]


async def test_a_session_is_found_until_its_limits(stores: Stores) -> None:
    """A8."""
    session = await stores.session(await stores.person())
    assert await stores.stands(session, MIDSUMMER + timedelta(hours=7, minutes=59))
    assert not await stores.stands(session, MIDSUMMER + timedelta(hours=8))
    await stores.sessions.touch(session.digest, MIDSUMMER + timedelta(hours=20))
    assert await stores.stands(session, MIDSUMMER + timedelta(hours=23))
    assert not await stores.stands(session, MIDSUMMER + timedelta(hours=24))


async def test_a_session_replaces_the_one_before(stores: Stores) -> None:
    user = await stores.person()
    first = await stores.session(user)
    second = await stores.session(user, replaces=first.digest)
    assert (await stores.stands(first), await stores.stands(second)) == (False, True)


async def test_nobody_who_is_not_active_gets_a_session(stores: Stores) -> None:
    disabled = await stores.person(status=UserStatus.DISABLED)
    for user_id in (disabled.id, new_id()):
        session = Session(digest(random_secret()), user_id, "", "", MIDSUMMER, MIDSUMMER, MIDSUMMER + timedelta(hours=1))
        assert not await stores.sessions.start(session, None, EVENT)


async def test_ending_a_session_twice_ends_it_once(stores: Stores) -> None:
    session = await stores.session(await stores.person())
    assert await stores.sessions.end(session.digest, EVENT)
    assert not await stores.sessions.end(session.digest, EVENT)
    assert not await stores.stands(session)


async def test_an_address_is_unique_whatever_its_case(stores: Stores) -> None:
    user = await stores.person()
    with pytest.raises(Conflict):
        await stores.person(email=user.email.upper())
    other = await stores.person()
    with pytest.raises(Conflict):
        await stores.writes.change(replace(other, email=user.email.lower()), None, EVENT)
    found = await stores.logins.credentials(user.email.lower())
    assert found is not None
    assert (found.user_id, found.password_hash) == (user.id, "hash")


async def test_people_without_an_address_do_not_collide(stores: Stores) -> None:
    await stores.person(email="", provider="okta")
    await stores.person(email="", provider="okta")
    assert await stores.logins.credentials("") is None


async def test_people_are_listed_by_creation(stores: Stores) -> None:
    made = [await stores.person(created_at=MIDSUMMER + timedelta(seconds=second)) for second in range(3)]
    assert [user.id for user in await stores.directory.all(2, 1, "")] == [user.id for user in made[1:]]
    assert await stores.directory.all(10, 0, made[0].email.upper()) == (made[0],)
    assert await stores.directory.counts() == (3, 3)


async def test_disabling_ends_sessions_and_is_idempotent(stores: Stores) -> None:
    user = await stores.person()
    session = await stores.session(user)
    for _ in range(2):
        changed = await stores.writes.set_status(user.id, UserStatus.DISABLED, MIDSUMMER, EVENT)
        assert changed is not None
        assert changed.status is UserStatus.DISABLED
    assert not await stores.stands(session)
    assert await stores.directory.counts() == (1, 0)
    assert await stores.writes.set_status(new_id(), UserStatus.DISABLED, MIDSUMMER, EVENT) is None


async def test_a_new_password_ends_the_sessions_the_old_one_began(stores: Stores) -> None:
    user = await stores.person()
    session = await stores.session(user)
    assert await stores.writes.change(replace(user, name="New"), None, EVENT)
    assert await stores.stands(session)
    assert await stores.writes.change(user, "other", EVENT)
    assert not await stores.stands(session)


async def test_a_hash_is_not_upgraded_over_a_new_password(stores: Stores) -> None:
    user = await stores.person()
    await stores.logins.rehash(user.id, "stale", "better")
    found = await stores.logins.credentials(user.email.lower())
    assert found is not None
    assert found.password_hash == "hash"


async def test_removing_takes_the_sessions_along(stores: Stores) -> None:
    user = await stores.person()
    session = await stores.session(user)
    assert await stores.writes.remove(user.id, EVENT)
    assert not await stores.writes.remove(user.id, EVENT)
    assert not await stores.stands(session)
    assert await stores.directory.get(user.id) is None


async def test_ending_sessions_counts_them(stores: Stores) -> None:
    user = await stores.person()
    for _ in range(3):
        await stores.session(user)
    assert [await stores.writes.end_sessions(user.id, EVENT) for _ in range(2)] == [3, 0]
