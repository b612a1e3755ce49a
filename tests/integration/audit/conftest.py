"""The audit log on a real database."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from kit.pg import Pool, open_pool
from tests.support.servers import Database, migrated

log_database = migrated("audit")

Append = Callable[..., Awaitable[None]]


@pytest.fixture
async def pool(log_database: Database) -> AsyncIterator[Pool]:
    """The audit service's own pool."""
    made = await open_pool(log_database.dsn_for("audit"), application_name="test audit")
    yield made
    await made.close()


@pytest.fixture
async def append(log_database: Database) -> AsyncIterator[Append]:
    """`audit.append` as the token service calls it."""
    connection = await asyncpg.connect(log_database.dsn_for("token"))

    async def call(*rows: str) -> None:
        await connection.execute("SELECT audit.append($1::jsonb[])", list(rows))

    yield call
    await connection.close()


@pytest.fixture
async def superuser(log_database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Whoever may do anything to the database, with triggers out of the way."""
    connection = await asyncpg.connect(log_database.superuser_dsn)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()
