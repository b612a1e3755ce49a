"""Readings of client metadata documents in Postgres, shared by every replica."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from kit.audit import Event
from kit.clock import Clock
from kit.pg import Pool, Transaction
from services.registry.adapters import metrics
from services.registry.adapters.client_rows import COLUMNS, INSERT_UNLESS_KNOWN, LOCK, client_of, replaced, values
from services.registry.adapters.commit import Commit
from services.registry.model import AgentAssurance, ChangeKind, Client, ClientId
from services.registry.ports import Known

KNOWN: Final = f"""
SELECT {COLUMNS}, fresh_until, stale_until
  FROM registry.clients
  JOIN registry.client_documents ON client_documents.client_id = clients.id
 WHERE clients.id = $1
"""  # noqa: S608 - constants
SAVE_READING: Final = """
INSERT INTO registry.client_documents (client_id, fetched_at, fresh_until, stale_until)
VALUES ($1, $2, $3, $4)
ON CONFLICT (client_id) DO UPDATE
   SET fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until, stale_until = excluded.stale_until
"""


class PostgresDocuments:
    """See ports.DocumentStore."""

    def __init__(self, pool: Pool, commit: Commit, clock: Clock) -> None:
        self._pool = pool
        self._commit = commit
        self._clock = clock

    async def known(self, client_id: ClientId) -> Known | None:
        """The last reading."""
        row = await self._pool.fetchrow(KNOWN, client_id)
        return None if row is None else Known(client_of(row), row["fresh_until"], row["stale_until"])

    async def remember(
        self, known: Known, on_first_sight: Sequence[Event], on_change: Callable[[Client], Sequence[Event]]
    ) -> tuple[Client, bool]:
        """The stored client, and whether this call made it known."""
        now = self._clock.now()
        async with self._pool.transaction() as transaction:
            first = await transaction.execute(INSERT_UNLESS_KNOWN, *values(known.client)) == "INSERT 0 1"
            stored = known.client if first else await self._stored(transaction, known.client.id)
            if stored is None:
                # Deleted between our two statements; whoever asks again registers it anew.
                return known.client, False
            changed = _read_again(stored, known.client)
            if changed != stored:
                stored = await replaced(transaction, stored, changed, now)
                await self._commit.record(transaction, ChangeKind.CLIENT, stored.id, on_change(stored))
            await transaction.execute(SAVE_READING, stored.id, now, known.fresh_until, known.stale_until)
            if first:
                await self._commit.record(transaction, ChangeKind.CLIENT, stored.id, on_first_sight)
        if first:
            metrics.client_registered(stored.source)
        return stored, first

    async def _stored(self, transaction: Transaction, client_id: ClientId) -> Client | None:
        row = await transaction.fetchrow(LOCK, client_id)
        return None if row is None else client_of(row)


def _read_again(stored: Client, read: Client) -> Client:
    """The document decides the metadata; status, scope and lifetime stay the operator's."""
    if stored.metadata == read.metadata:
        return stored
    vouched = stored.agent_assurance is AgentAssurance.VOUCHED and stored.metadata.agent == read.metadata.agent
    return replace(stored, metadata=read.metadata, agent_assurance=stored.agent_assurance if vouched else read.agent_assurance)
