"""The drain's statements."""

import asyncio
from typing import Any, Final

from kit import telemetry
from kit.pg import Pool, Transaction
from services.audit.model import Entry, Head
from services.audit.ports import Chaining

# Announced with every batch, inside its transaction.
CHANNEL: Final = "audit_chained"

_ENTRIES = telemetry.Count("authserver_audit_entries_total", "Events chained into the audit log.")
_DELAY = telemetry.Duration("authserver_audit_chain_delay_seconds", "How long the oldest event of a batch had waited to be chained.")

PREPARE = """
SELECT audit.create_partition(((now() AT TIME ZONE 'UTC') + ahead * interval '1 month')::date) FROM generate_series(0, 2) AS ahead
"""

PREPARE_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('audit partitions', 0))"

WAITING = "SELECT EXISTS (SELECT FROM audit.outbox)"

# Gone with the transaction, so a replica that dies hands over at once.
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('audit drain', 0))"

HEAD = "SELECT seq, hash, recorded_at AS last_at, greatest(clock_timestamp(), recorded_at) AS now FROM audit.head"

# Rows of the outbox are never updated and only the drain deletes them, so their physical address is a safe name for this statement.
TAKE = """
WITH taken AS (
    DELETE FROM audit.outbox
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM audit.outbox ORDER BY id LIMIT $1))
    RETURNING id, event, appended_at
)
SELECT event::text AS raw, appended_at FROM taken ORDER BY id
"""

INSERT = """
INSERT INTO audit.entries
       (seq, recorded_at, id, occurred_at, service, action, actor_kind, actor_id, client_id, subject, resource,
        outcome, reason, ip, request_id, trace_id, detail, prev_hash, hash)
SELECT seq, $2::timestamptz, id, occurred_at, service, action, actor_kind, actor_id, client_id, subject, resource,
       outcome, reason, ip, request_id, trace_id, detail, prev_hash, hash
  FROM unnest($1::bigint[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
              $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::jsonb[], $18::bytea[], $19::bytea[])
       AS batch (seq, id, occurred_at, service, action, actor_kind, actor_id, client_id, subject, resource,
                 outcome, reason, ip, request_id, trace_id, detail, prev_hash, hash)
"""

# A month ended with this head: what comes after it can be verified without it.
CHECKPOINT = """
INSERT INTO audit.checkpoints (seq, hash, recorded_at)
SELECT seq, hash, recorded_at FROM audit.head
 WHERE seq > 0 AND date_trunc('month', recorded_at, 'UTC') < date_trunc('month', $1::timestamptz, 'UTC')
"""

ADVANCE = """
WITH advanced AS (
    UPDATE audit.head SET seq = $2, hash = $3, recorded_at = $4 WHERE seq = $1 RETURNING seq
)
SELECT pg_notify($5, seq::text) FROM advanced
"""


class PostgresOutbox:
    """audit.outbox, audit.head and the writing side of audit.entries."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """See ports.Outbox."""
        async with self._pool.transaction() as tx:
            await tx.execute(PREPARE_ALONE)
            await tx.execute(PREPARE)

    async def waiting(self) -> bool:
        """See ports.Outbox."""
        return bool(await self._pool.fetchval(WAITING))

    async def drain(self, limit: int, chain: Chaining) -> int:
        """See ports.Outbox."""
        async with self._pool.transaction() as tx:
            if not await tx.fetchval(TAKE_TURN):
                return 0
            head = await tx.fetchrow(HEAD)
            assert head is not None, "the migration writes the head's only row"
            rows = await tx.fetch(TAKE, limit)
            if not rows:
                return 0
            entries = chain(Head(head["seq"], head["hash"]), head["now"], [(row["raw"], row["appended_at"]) for row in rows])
            if (head["last_at"].year, head["last_at"].month) != (head["now"].year, head["now"].month):
                await tx.execute(CHECKPOINT, head["now"])
            await tx.execute(INSERT, *_columns(entries))
            await self._advance(tx, head["seq"], entries[-1])
        _ENTRIES.add(amount=len(rows))
        _DELAY.observe(max((head["now"] - rows[0]["appended_at"]).total_seconds(), 0.0))
        return len(rows)

    async def _advance(self, tx: Transaction, expected: int, newest: Entry) -> None:
        advanced = await tx.fetchrow(ADVANCE, expected, newest.seq, newest.hash, newest.recorded_at, CHANNEL)
        if advanced is None:
            raise RuntimeError("the head of the audit chain moved while this process held its lock")


def _columns(entries: tuple[Entry, ...]) -> list[Any]:
    events = [entry.event for entry in entries]
    return [
        [entry.seq for entry in entries],
        entries[0].recorded_at,
        [event.id for event in events],
        [event.occurred_at for event in events],
        [event.service for event in events],
        [event.action for event in events],
        [event.actor_kind for event in events],
        [event.actor_id for event in events],
        [event.client_id for event in events],
        [event.subject for event in events],
        [event.resource for event in events],
        [event.outcome for event in events],
        [event.reason for event in events],
        [event.ip for event in events],
        [event.request_id for event in events],
        [event.trace_id for event in events],
        [event.detail for event in events],
        [entry.prev_hash for entry in entries],
        [entry.hash for entry in entries],
    ]


class NotifiedGrowth:
    """Word of the chain's growth, from whichever replica drained."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def listen(self, pool: Pool) -> None:
        """Subscribe for as long as the pool is open. Raises Unavailable."""
        await pool.listen(CHANNEL, self._grown, on_gap=lambda: self._grown(""))

    def next(self) -> asyncio.Event:
        """See ports.Growth."""
        return self._event

    def _grown(self, _seq: str) -> None:
        self._event.set()
        self._event = asyncio.Event()
