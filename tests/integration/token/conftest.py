"""The token service on a real database."""

from collections.abc import AsyncIterator

import pytest

from tests.support.clock import FrozenClock
from tests.support.fakes_token import TokenPlane
from tests.support.postgres_token import PostgresStore, open_store
from tests.support.servers import Database, migrated

database = migrated("token")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[PostgresStore]:
    opened = await open_store(database, FrozenClock())
    yield opened
    await opened.close()


@pytest.fixture
def plane(store: PostgresStore) -> TokenPlane:
    return TokenPlane(store=store)
