"""One suite for federation's stores: the fakes of the unit tests and the real ones keep the same promises (A9)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from kit.audit import Action, ActorKind, Event, Recorder
from kit.credentials import digest, random_secret
from kit.errors import Conflict
from kit.pg import open_pool
from services.authorize.adapters.store.housekeeping import Purge
from services.authorize.adapters.store.identities import IdentityStore, PendingSignInStore
from services.authorize.adapters.store.users import UserStore
from services.authorize.federation import Pending, PendingSignIns
from services.authorize.identities import Identities, Identity
from services.authorize.model import InteractionId, User
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import a_user, new_id
from tests.support.fakes_federation import FakeIdentities, FakePendingSignIns
from tests.support.servers import PostgresServer, fresh_database

EVENT = Event(action=Action.USER_CREATED, actor_kind=ActorKind.SYSTEM)


@dataclass
class Stores:
    identities: Identities
    pending: PendingSignIns


@pytest.fixture(params=["fake", "postgres"])
async def stores(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> AsyncIterator[Stores]:
    if request.param == "fake":
        yield Stores(FakeIdentities(), FakePendingSignIns())
        return
    database = await fresh_database(postgres_server, "authorize")
    pool = await open_pool(database.dsn_for("authorize"), application_name="contract")
    yield Stores(IdentityStore(pool, Recorder("authorize", FrozenClock())), PendingSignInStore(pool))
    await pool.close()
    await postgres_server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


def person(email: str = "") -> User:
    return a_user(MIDSUMMER, new_id(), email, provider="oidc")


def identity(subject: str = "1", **changes: object) -> Identity:
    return replace(Identity("oidc", "https://login.example", subject, groups=("a", "b é")), **changes)  # type: ignore[arg-type]


def pending(interaction: InteractionId | None = None) -> tuple[str, str, Pending]:
    state, browser = random_secret(), random_secret()
    until = MIDSUMMER + timedelta(minutes=10)
    return state, browser, Pending(digest(state), digest(browser), "oidc", "nonce", "verifier", "/account", interaction, until)


async def test_an_identity_finds_its_person(stores: Stores) -> None:
    user = person("Ada@example.com")
    assert await stores.identities.find("oidc", "1") is None
    assert await stores.identities.add(user, identity(), EVENT)
    known = await stores.identities.find("oidc", "1")
    assert known is not None
    assert (known.user, known.issuer, known.groups) == (user, "https://login.example", ("a", "b é"))
    assert await stores.identities.find("other", "1") is None


async def test_people_without_an_address_are_many(stores: Stores) -> None:
    assert await stores.identities.add(person(), identity("1"), EVENT)
    assert await stores.identities.add(person(), identity("2"), EVENT)


async def test_an_address_belongs_to_one_whatever_its_case(stores: Stores) -> None:
    assert await stores.identities.add(person("ada@example.com"), identity("1"), EVENT)
    with pytest.raises(Conflict):
        await stores.identities.add(person("ADA@example.com"), identity("2"), EVENT)
    assert await stores.identities.find("oidc", "2") is None
    other = person("eve@example.com")
    assert await stores.identities.add(other, identity("2"), EVENT)
    with pytest.raises(Conflict):
        await stores.identities.update(replace(other, email="Ada@Example.com"), identity("2"), EVENT)


async def test_the_same_identity_is_added_once_also_with_the_same_address(stores: Stores) -> None:
    added = await asyncio.gather(*(stores.identities.add(person("ada@example.com"), identity(), EVENT) for _ in range(10)))
    assert sum(added) == 1
    added = await asyncio.gather(*(stores.identities.add(person(), identity("2"), EVENT) for _ in range(10)))
    assert sum(added) == 1


async def test_an_update_replaces_what_was_said(stores: Stores) -> None:
    user = person("ada@example.com")
    await stores.identities.add(user, identity(), EVENT)
    changed = replace(user, email="lovelace@example.com", name="Ada L.", updated_at=MIDSUMMER + timedelta(days=1))
    await stores.identities.update(changed, identity(groups=()), EVENT)
    known = await stores.identities.find("oidc", "1")
    assert known is not None
    assert (known.user, known.groups) == (changed, ())


async def test_a_sign_in_is_taken_once_by_its_own_browser_and_in_time(stores: Stores) -> None:
    """Law 4."""
    state, browser, row = pending(InteractionId(new_id()))
    await stores.pending.add(row)
    assert await stores.pending.take(digest(state), digest("another"), MIDSUMMER) is None
    assert await stores.pending.take(digest(state), digest(browser), row.expires_at) is None
    taken = await asyncio.gather(*(stores.pending.take(digest(state), digest(browser), MIDSUMMER) for _ in range(20)))
    assert [found for found in taken if found is not None] == [row]


async def test_deleting_a_person_deletes_their_identity_and_expired_sign_ins_are_purged(postgres_server: PostgresServer) -> None:
    """O5."""
    database = await fresh_database(postgres_server, "authorize")
    pool = await open_pool(database.dsn_for("authorize"), application_name="contract")
    recorder, clock = Recorder("authorize", FrozenClock()), FrozenClock()
    identities, waiting = IdentityStore(pool, recorder), PendingSignInStore(pool)
    user = person("ada@example.com")
    await identities.add(user, identity(), EVENT)
    assert await UserStore(pool, recorder).remove(user.id, EVENT)
    assert await identities.find("oidc", "1") is None
    await waiting.add(pending()[2])
    assert await Purge(pool, clock).once() == 0
    clock.advance(timedelta(minutes=11))
    assert await Purge(pool, clock).once() == 1
    await pool.close()
    await postgres_server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')
