"""Pushed requests: the fake of unit tests and the real store keep the same promises (RFC 9126, A4)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.credentials import digest
from kit.pg import open_pool
from services.authorize.adapters.store.housekeeping import Purge
from services.authorize.adapters.store.pushed import PushedRequestStore
from services.authorize.pushed import PushedRequests
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize_token import FakePushedRequests
from tests.support.servers import PostgresServer, fresh_database
from tests.unit.authorize.test_checks import GOOD

FULL = replace(GOOD, state="s🦊", prompt="login consent", max_age="30", login_hint="ada@example.com", dpop_jkt="j" * 43, pushed=True)
SOON = MIDSUMMER + timedelta(seconds=60)
KEY = digest("urn:ietf:params:oauth:request_uri:x")


@pytest.fixture(params=["fake", "postgres"])
async def store(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> AsyncIterator[PushedRequests]:
    if request.param == "fake":
        yield FakePushedRequests()
        return
    database = await fresh_database(postgres_server, "authorize")
    pool = await open_pool(database.dsn_for("authorize"), max_size=20, application_name="contract")
    yield PushedRequestStore(pool)
    await pool.close()
    await postgres_server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


@pytest.mark.parametrize("raw", [FULL, replace(FULL, resources=(), state=None, login_hint=None)])
async def test_a_request_comes_back_as_it_went_in(store: PushedRequests, raw: object) -> None:
    await store.add(KEY, raw, SOON)  # type: ignore[arg-type]
    assert await store.take(KEY, "client-a", MIDSUMMER) == raw


async def test_of_many_browsers_one_gets_it(store: PushedRequests) -> None:
    """Law 4."""
    await store.add(KEY, FULL, SOON)
    taken = await asyncio.gather(*(store.take(KEY, "client-a", MIDSUMMER) for _ in range(20)))
    assert sum(found is not None for found in taken) == 1


async def test_neither_another_client_nor_a_late_browser_gets_it_or_takes_it_away(store: PushedRequests) -> None:
    await store.add(KEY, FULL, SOON)
    assert await store.take(KEY, "client-b", MIDSUMMER) is None
    assert await store.take(KEY, "client-a", SOON) is None
    assert await store.take(digest("another"), "client-a", MIDSUMMER) is None
    assert await store.take(KEY, "client-a", MIDSUMMER) == FULL


async def test_what_nobody_came_for_is_removed(postgres_server: PostgresServer) -> None:
    """O5."""
    database = await fresh_database(postgres_server, "authorize")
    pool = await open_pool(database.dsn_for("authorize"), application_name="contract")
    store, clock = PushedRequestStore(pool), FrozenClock()
    await store.add(KEY, FULL, SOON)
    assert await Purge(pool, clock).once() == 0
    clock.advance(61)
    assert await Purge(pool, clock).once() == 1
    await pool.close()
    await postgres_server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')
