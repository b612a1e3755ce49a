"""The audit log in memory, honest about order, windows and turns; kept so by tests/contract/test_audit_store.py."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kit.credentials import uuid7
from services.audit.chain import GENESIS, canonical
from services.audit.model import Entry, Event, Filter, Head, Lag, Slice
from services.audit.ports import Chaining

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_event(number: int = 1, **members: object) -> Event:
    """A plausible event, `number` seconds after START, with `members` instead of the defaults."""
    usual: dict[str, object] = {
        "id": UUID(int=number),
        "occurred_at": START + timedelta(seconds=number),
        "service": "token",
        "action": "token.issued",
        "actor_kind": "client",
        "actor_id": "client-1",
        "client_id": "client-1",
        "subject": "",
        "resource": "https://mcp.example/mcp",
        "outcome": "success",
        "reason": "",
        "ip": "192.0.2.1",
        "request_id": f"request-{number}",
        "trace_id": "",
        "detail": {"number": number},
    }
    return Event(**{**usual, **members})  # type: ignore[arg-type]


def a_row(number: int = 1, **members: object) -> str:
    """What a service hands to `audit.append` for such an event; a member given as None is left out."""
    event = an_event(number)
    written: dict[str, object] = {name: getattr(event, name) for name in Event.__slots__}
    written |= {"id": str(uuid7()), "occurred_at": event.occurred_at.isoformat(), **members}
    return json.dumps({name: value for name, value in written.items() if value is not None})


@dataclass
class MemoryLog:
    """Outbox, chain and word of growth in one."""

    now: datetime = START
    scan: int = 20_000
    rows: list[tuple[str, datetime]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    ended_with: Head = field(default_factory=lambda: Head(0, GENESIS))
    prepared: int = 0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def append(self, *rows: str) -> None:
        """What a service's transaction leaves in the outbox."""
        self.rows.extend((row, self.now) for row in rows)

    async def prepare(self) -> None:
        self.prepared += 1

    async def waiting(self) -> bool:
        return bool(self.rows)

    async def drain(self, limit: int, chain: Chaining) -> int:
        taken = self.rows[:limit]
        if not taken:
            return 0
        made = chain(self.ended_with, self.now, taken)
        self._remember_month()
        self.rows = self.rows[limit:]
        self.entries.extend(made)
        self.ended_with = Head(made[-1].seq, made[-1].hash)
        self._grown.set()
        self._grown = asyncio.Event()
        return len(taken)

    def next(self) -> asyncio.Event:
        return self._grown

    async def head(self) -> Head:
        return self.ended_with

    async def newest(self, wanted: Filter, *, before: int | None, limit: int, offset: int) -> Slice:
        narrow = [entry for entry in reversed(self.entries) if (before is None or entry.seq < before) and _narrow(entry, wanted)]
        floor = None
        if wanted.outcome or wanted.ip or wanted.trace_id or wanted.request_id or wanted.text:
            floor = narrow[self.scan].seq if len(narrow) > self.scan else None
        matching = [entry for entry in narrow if (floor is None or entry.seq > floor) and _broad(entry, wanted)][offset:]
        if len(matching) > limit:
            return Slice(tuple(matching[:limit]), matching[limit - 1].seq)
        return Slice(tuple(matching), None if floor is None else floor + 1)

    async def between(self, wanted: Filter, *, after: int, upto: int, limit: int) -> tuple[Entry, ...]:
        inside = sorted((entry for entry in self.entries if after < entry.seq <= upto), key=lambda entry: entry.seq)
        return tuple([entry for entry in inside if _narrow(entry, wanted) and _broad(entry, wanted)][:limit])

    async def oldest(self) -> int:
        return min((entry.seq for entry in self.entries), default=0)

    async def checkpoint(self, seq: int) -> bytes | None:
        return self.checkpoints.get(seq)

    async def lag(self) -> Lag:
        oldest = (self.now - self.rows[0][1]).total_seconds() if self.rows else 0.0
        return Lag(len(self.rows), oldest, self.ended_with.seq)

    def _remember_month(self) -> None:
        if self.entries and self.entries[-1].recorded_at.month != self.now.month:
            self.checkpoints[self.ended_with.seq] = self.ended_with.hash


def _narrow(entry: Entry, wanted: Filter) -> bool:
    event = entry.event
    return (
        (not wanted.actions or event.action in wanted.actions)
        and all(getattr(wanted, name) in {"", getattr(event, name)} for name in ("actor_id", "client_id", "subject", "resource"))
        and (wanted.since is None or event.occurred_at >= wanted.since)
        and (wanted.until is None or event.occurred_at <= wanted.until)
    )


def _broad(entry: Entry, wanted: Filter) -> bool:
    event = entry.event
    if not all(getattr(wanted, name) in {"", getattr(event, name)} for name in ("outcome", "ip", "trace_id", "request_id")):
        return False
    return wanted.text.lower() in canonical(entry.seq, entry.recorded_at, event).decode().lower()
