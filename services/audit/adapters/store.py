"""The chain's reading side: every statement over audit.entries."""

from typing import Any, Final

from kit.pg import Pool, Record
from services.audit.model import Entry, Event, Filter, Head, Lag, Slice

# How many entries one search looks through for something no index knows.
SCAN: Final = 20_000

HEAD = "SELECT seq, hash FROM audit.head"

OLDEST = "SELECT seq FROM audit.entries ORDER BY seq LIMIT 1"

CHECKPOINT = "SELECT hash FROM audit.checkpoints WHERE seq = $1"

LAG = """
SELECT (SELECT count(*) FROM audit.outbox) AS waiting,
       greatest(extract(epoch FROM clock_timestamp() - (SELECT appended_at FROM audit.outbox ORDER BY id LIMIT 1)), 0)::float8 AS oldest,
       (SELECT seq FROM audit.head) AS newest
"""

_COLUMNS = """seq, recorded_at, id, occurred_at, service, action, actor_kind, actor_id, client_id, subject, resource,
       outcome, reason, ip, request_id, trace_id, detail, prev_hash, hash"""

NEWEST = f"SELECT {_COLUMNS} FROM audit.entries WHERE {{conditions}} ORDER BY seq DESC OFFSET {{offset}} LIMIT {{limit}}"  # noqa: S608 - constants

BETWEEN = f"SELECT {_COLUMNS} FROM audit.entries WHERE {{conditions}} ORDER BY seq LIMIT {{limit}}"  # noqa: S608 - constants

FLOOR = "SELECT seq FROM audit.entries WHERE {conditions} ORDER BY seq DESC OFFSET {scan} LIMIT 1"

# By index, and the partial indexes only answer where the condition says what they leave out.
_NARROW = {
    "actions": "action = ANY ({})",
    "actor_id": "actor_id = {} AND actor_id <> ''",
    "client_id": "client_id = {} AND client_id <> ''",
    "subject": "subject = {} AND subject <> ''",
    "resource": "resource = {} AND resource <> ''",
    "since": "occurred_at >= {}",
    "until": "occurred_at <= {}",
}
# By looking at each; the separator keeps a text from matching across two fields.
_BROAD = {
    "outcome": "outcome = {}",
    "ip": "ip = {}",
    "trace_id": "trace_id = {}",
    "request_id": "request_id = {}",
    "text": "strpos(lower(concat_ws(chr(31), detail::text, reason, id::text, actor_id, client_id, subject, resource,"
    " request_id, trace_id)), lower({})) > 0",
}


class _Conditions:
    """A WHERE clause under construction: texts from the tables above, values as numbered parameters."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._texts: list[str] = []

    def add(self, text: str, value: Any) -> None:
        self._texts.append(text.format(self.parameter(value)))

    def add_those_of(self, table: dict[str, str], wanted: Filter) -> bool:
        """Add what `wanted` sets and `table` knows; whether that was anything."""
        chosen = [(text, value) for name, text in table.items() if (value := getattr(wanted, name))]
        for text, value in chosen:
            self.add(text, value)
        return bool(chosen)

    def parameter(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._texts) or "true"


class PostgresEntries:
    """audit.entries, audit.head and audit.checkpoints, read only."""

    def __init__(self, pool: Pool, *, scan: int = SCAN) -> None:
        self._pool = pool
        self._scan = scan

    async def head(self) -> Head:
        """See ports.Entries."""
        row = await self._pool.fetchrow(HEAD)
        assert row is not None, "the migration writes the head's only row"
        return Head(row["seq"], row["hash"])

    async def newest(self, wanted: Filter, *, before: int | None, limit: int, offset: int) -> Slice:
        """See ports.Entries."""
        where = _Conditions()
        if before is not None:
            where.add("seq < {}", before)
        where.add_those_of(_NARROW, wanted)
        floor: int | None = None
        if any(getattr(wanted, name) for name in _BROAD):
            floor = await self._pool.fetchval(FLOOR.format(conditions=where, scan=self._scan), *where.values)
            where.add_those_of(_BROAD, wanted)
            if floor is not None:
                where.add("seq > {}", floor)
        sql = NEWEST.format(conditions=where, offset=where.parameter(offset), limit=where.parameter(limit + 1))
        found = tuple(_entry(row) for row in await self._pool.fetch(sql, *where.values))
        if len(found) > limit:
            return Slice(found[:limit], found[limit - 1].seq)
        return Slice(found, None if floor is None else floor + 1)

    async def between(self, wanted: Filter, *, after: int, upto: int, limit: int) -> tuple[Entry, ...]:
        """See ports.Entries."""
        where = _Conditions()
        where.add("seq > {}", after)
        where.add("seq <= {}", upto)
        where.add_those_of(_NARROW, wanted)
        where.add_those_of(_BROAD, wanted)
        sql = BETWEEN.format(conditions=where, limit=where.parameter(limit))
        return tuple(_entry(row) for row in await self._pool.fetch(sql, *where.values))

    async def oldest(self) -> int:
        """See ports.Entries."""
        return await self._pool.fetchval(OLDEST) or 0

    async def checkpoint(self, seq: int) -> bytes | None:
        """See ports.Entries."""
        found: bytes | None = await self._pool.fetchval(CHECKPOINT, seq)
        return found

    async def lag(self) -> Lag:
        """See ports.Entries."""
        row = await self._pool.fetchrow(LAG)
        assert row is not None, "a SELECT of three expressions has one row"
        return Lag(row["waiting"], row["oldest"], row["newest"])


def _entry(row: Record) -> Entry:
    seq, recorded_at, *event, prev_hash, hashed = row.values()
    return Entry(seq, recorded_at, Event(*event), prev_hash, hashed)
