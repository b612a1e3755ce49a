"""Clients in Postgres."""

from collections.abc import Callable, Sequence
from typing import Final

from kit.audit import Event
from kit.clock import Clock
from kit.errors import Missing
from kit.pg import Pool
from services.registry.adapters import metrics
from services.registry.adapters.client_rows import COLUMNS, INSERT, LOCK, client_of, replaced, values
from services.registry.adapters.commit import Commit
from services.registry.model import ChangeKind, Client, ClientId, ClientStatus, Counts, Source
from services.registry.ports import ClientEdit

FIND: Final = f"SELECT {COLUMNS} FROM registry.clients WHERE id = $1"  # noqa: S608 - constants
DELETE: Final = "DELETE FROM registry.clients WHERE id = $1 RETURNING id"
PAGE: Final = f"""
SELECT {COLUMNS}
  FROM registry.clients
 WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR registration_source = $2)
 ORDER BY issued_at DESC, id DESC
 LIMIT $3 OFFSET $4
"""  # noqa: S608 - constants
COUNT: Final = """
SELECT count(*) AS clients,
       count(*) FILTER (WHERE status = 'active') AS active_clients,
       (SELECT count(*) FROM registry.resources) AS resources
  FROM registry.clients
"""


class PostgresClients:
    """See ports.Clients and ports.Counting."""

    def __init__(self, pool: Pool, commit: Commit, clock: Clock) -> None:
        self._pool = pool
        self._commit = commit
        self._clock = clock

    async def find(self, client_id: ClientId) -> Client:
        """Raises Missing."""
        row = await self._pool.fetchrow(FIND, client_id) if _can_exist(client_id) else None
        if row is None:
            raise Missing("no such client")
        return client_of(row)

    async def add(self, client: Client, events: Sequence[Event]) -> None:
        """Raises Conflict if the id is taken."""
        async with self._pool.transaction() as transaction:
            await transaction.execute(INSERT, *values(client))
            await self._commit.record(transaction, ChangeKind.CLIENT, client.id, events)
        metrics.client_registered(client.source)

    async def edit(self, client_id: ClientId, decide: Callable[[Client], ClientEdit]) -> Client:
        """Raises Missing, and what `decide` raises."""
        async with self._pool.transaction() as transaction:
            row = await transaction.fetchrow(LOCK, client_id) if _can_exist(client_id) else None
            if row is None:
                raise Missing("no such client")
            current = client_of(row)
            edit = decide(current)
            if edit.client == current:
                return current
            written = await replaced(transaction, current, edit.client, self._clock.now())
            await self._commit.record(transaction, ChangeKind.CLIENT, client_id, edit.events)
            return written

    async def remove(self, client_id: ClientId, events: Sequence[Event]) -> None:
        """Raises Missing."""
        async with self._pool.transaction() as transaction:
            if not _can_exist(client_id) or await transaction.fetchval(DELETE, client_id) is None:
                raise Missing("no such client")
            await self._commit.record(transaction, ChangeKind.CLIENT, client_id, events)

    async def page(self, status: ClientStatus | None, source: Source | None, limit: int, offset: int) -> Sequence[Client]:
        """Newest first."""
        return [client_of(row) for row in await self._pool.fetch(PAGE, status, source, limit, offset)]

    async def count(self) -> Counts:
        """As of now."""
        row = await self._pool.fetchrow(COUNT)
        assert row is not None  # an aggregate always has a row
        return Counts(row["clients"], row["active_clients"], row["resources"])


def _can_exist(client_id: str) -> bool:
    """Postgres stores no NUL, so asking for one would be an error rather than an absence."""
    return "\x00" not in client_id
