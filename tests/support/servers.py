"""Real Postgres and Valkey for integration tests, started once per test process; every test gets a database of its own.

A conftest imports the fixtures it wants by name:

    from tests.support.servers import Database, database, postgres_server, valkey_server, valkey_url
"""

import asyncio
import itertools
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from deploy.local import postgres, process, valkey

ROOT = Path(__file__).parents[2]
PASSWORD = "only-for-tests"  # the servers live for one test run, behind a socket in a private folder
ALL = postgres.SERVICES
_numbers = itertools.count(1)


@dataclass
class PostgresServer:
    """The running server and the template databases made so far."""

    server: postgres.Postgres
    templates: dict[tuple[str, ...], str] = field(default_factory=dict)

    def dsn(self, user: str, database: str) -> str:
        return self.server.dsn(user, PASSWORD, database)

    async def administer(self, statement: str) -> None:
        """Run one statement as the superuser, outside any database a test uses."""
        connection = await asyncpg.connect(self.dsn(postgres.SUPERUSER, "postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True)
class Database:
    """A fresh database with roles.sql applied and the migrations of `migrated` run."""

    on: PostgresServer
    name: str

    def dsn_for(self, service: str) -> str:
        """What the service itself would be given: its own login role."""
        return self.on.dsn(f"authplane_{service}", self.name)

    @property
    def superuser_dsn(self) -> str:
        return self.on.dsn(postgres.SUPERUSER, self.name)


@contextmanager
def running_postgres(home: Path) -> Iterator[PostgresServer]:
    server = postgres.postgres(home)
    server.initialise(PASSWORD)
    child = process.spawn(
        server.command(durable=False),
        environ={"LC_ALL": "C", "TZ": "UTC"},
        log=home / "postgres.log",
        directory=Path("/"),
        account=server.account,
        death_signal=signal.SIGQUIT,
    )
    try:
        asyncio.run(postgres.wait_until_ready(server, PASSWORD))
        yield PostgresServer(server)
    finally:
        process.end(child, signal.SIGINT, patience=10)


@contextmanager
def running_valkey(home: Path) -> Iterator[valkey.Valkey]:
    server = valkey.valkey(home)
    child = process.spawn(server.command(durable=False), environ={}, log=home / "valkey.log", directory=Path("/"))
    try:
        asyncio.run(valkey.wait_until_ready(server))
        yield server
    finally:
        process.end(child, patience=5)


def _home() -> "tempfile.TemporaryDirectory[str]":
    # Short, because socket paths are limited, and open to the account Postgres runs as when the tests run as root.
    home = tempfile.TemporaryDirectory(prefix="ap-", ignore_cleanup_errors=True)
    Path(home.name).chmod(0o711)
    return home


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with _home() as home, running_postgres(Path(home)) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[valkey.Valkey]:
    with _home() as home, running_valkey(Path(home)) as server:
        yield server


@pytest.fixture
async def valkey_url(valkey_server: valkey.Valkey) -> AsyncIterator[str]:
    """The address of an emptied Valkey."""
    from redis.asyncio import Redis

    redis: Redis = Redis.from_url(valkey_server.url)
    await redis.flushall()
    await redis.aclose()
    yield valkey_server.url


async def fresh_database(on: PostgresServer, *services: str) -> Database:
    """A new database, migrated for `services` (audit always first, because everybody appends to it); none = roles only."""
    order = tuple(service for service in ALL if service in {*services, "audit"}) if services else ()
    if order not in on.templates:
        on.templates[order] = await _template(on, order)
    name = f"t{os.getpid()}_{next(_numbers)}"
    await on.administer(f'CREATE DATABASE "{name}" TEMPLATE "{on.templates[order]}"')
    database = Database(on, name)
    # A copy carries tables and grants inside the database, not those on the database or settings of roles in it.
    await postgres.prepare_database(on.server, PASSWORD, {}, name)
    return database


async def _template(on: PostgresServer, order: tuple[str, ...]) -> str:
    name = "_".join(("template", *order))
    await postgres.prepare_database(on.server, PASSWORD, dict.fromkeys(ALL, PASSWORD), name)
    if order:
        from kit.migrate import migrate

        for service in order:
            await migrate(on.dsn(f"authplane_{service}", name), ROOT / "services" / service / "migrations", service)
    return name


@pytest.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    """A fresh database with roles and empty schemas."""
    made = await fresh_database(postgres_server)
    yield made
    await postgres_server.administer(f'DROP DATABASE "{made.name}" WITH (FORCE)')


def migrated(*services: str) -> Callable[..., AsyncIterator[Database]]:
    """A fixture for a fresh database with the tables of `services` and audit: `database = migrated("token")` in a conftest."""

    @pytest.fixture
    async def migrated_database(postgres_server: PostgresServer) -> AsyncIterator[Database]:
        made = await fresh_database(postgres_server, *services)
        yield made
        await postgres_server.administer(f'DROP DATABASE "{made.name}" WITH (FORCE)')

    return migrated_database


@pytest.fixture
def postgres_dsn_for(database: Database) -> Callable[[str], str]:
    """`postgres_dsn_for("token")` is the address the token service would be given for this test's database."""
    return database.dsn_for
