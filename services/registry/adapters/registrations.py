"""Dynamic registrations in Postgres."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from kit.audit import Event
from kit.errors import Missing
from kit.pg import Pool, Transaction
from services.registry.adapters import metrics
from services.registry.adapters.client_rows import COLUMNS, INSERT, client_of, values
from services.registry.adapters.commit import Commit
from services.registry.model import ChangeKind, Client, ClientId
from services.registry.ports import Registration

# Racing repeats take turns, so that the second sees what the first committed.
TAKE_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 0))"
SAME: Final = f"""
SELECT {COLUMNS}
  FROM registry.clients
 WHERE status = 'active'
   AND id = (SELECT client_id
               FROM registry.registrations
              WHERE fingerprint = $1 AND registered_at > $2
              ORDER BY registered_at DESC
              LIMIT 1)
"""  # noqa: S608 - constants
INSERT_REGISTRATION: Final = """
INSERT INTO registry.registrations (client_id, access_token_digest, fingerprint, registered_at)
VALUES ($1, $2, $3, $4)
"""
ACCESS_TOKEN: Final = "SELECT access_token_digest FROM registry.registrations WHERE client_id = $1"  # noqa: S105
MARK_USED: Final = "UPDATE registry.registrations SET used_at = $2 WHERE client_id = $1 AND used_at IS NULL"
EXPIRE: Final = """
DELETE FROM registry.clients
 WHERE id IN (SELECT client_id
                FROM registry.registrations
               WHERE used_at IS NULL AND registered_at < $1
               ORDER BY registered_at
               LIMIT $2
                 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


class PostgresRegistrations:
    """See ports.Registrations."""

    def __init__(self, pool: Pool, commit: Commit) -> None:
        self._pool = pool
        self._commit = commit

    async def register(self, client: Client, registration: Registration, since: datetime, events: Sequence[Event]) -> Client:
        """Store `client`, or answer the one a repeat means."""
        async with self._pool.transaction() as transaction:
            if registration.fingerprint is not None:
                same = await self._same(transaction, client, registration.fingerprint, since)
                if same is not None:
                    return same
            await transaction.execute(INSERT, *values(client))
            await transaction.execute(
                INSERT_REGISTRATION, client.id, registration.access_token_digest, registration.fingerprint, client.issued_at
            )
            await self._commit.record(transaction, ChangeKind.CLIENT, client.id, events)
        metrics.client_registered(client.source)
        return client

    async def access_token_digest(self, client_id: ClientId) -> bytes:
        """Raises Missing."""
        found: bytes | None = None if "\x00" in client_id else await self._pool.fetchval(ACCESS_TOKEN, client_id)
        if found is None:
            raise Missing("no such registration")
        return found

    async def mark_used(self, client_id: ClientId, now: datetime) -> None:
        """The first use stays."""
        await self._pool.execute(MARK_USED, client_id, now)

    async def expire(self, registered_before: datetime, limit: int, event_for: Callable[[ClientId], Event]) -> int:
        """Each removal with its own change, so that caches drop exactly these."""
        async with self._pool.transaction() as transaction:
            gone = [ClientId(row["id"]) for row in await transaction.fetch(EXPIRE, registered_before, limit)]
            for client_id in gone:
                await self._commit.record(transaction, ChangeKind.CLIENT, client_id, (event_for(client_id),))
            return len(gone)

    async def _same(self, transaction: Transaction, client: Client, fingerprint: bytes, since: datetime) -> Client | None:
        await transaction.execute(TAKE_TURN, fingerprint)
        row = await transaction.fetchrow(SAME, fingerprint, since)
        if row is None:
            return None
        found = client_of(row)
        # One that was changed since is no longer what was asked for.
        return found if found.metadata == client.metadata else None
