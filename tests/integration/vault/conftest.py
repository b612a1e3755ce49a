"""The vault's tables on a real database."""

from collections.abc import AsyncIterator

import pytest

from kit.pg import Pool, open_pool
from tests.support.servers import Database, migrated

vault_database = migrated("vault")


@pytest.fixture
async def pool(vault_database: Database) -> AsyncIterator[Pool]:
    """The vault's own pool."""
    made = await open_pool(vault_database.dsn_for("vault"), application_name="test vault")
    yield made
    await made.close()
