"""The hash chain: every entry carries the SHA-256 of the one before it, so none can be changed, taken out or slipped in unnoticed.

An entry's hash is SHA-256(previous hash ‖ canonical form). The canonical form is the JSON object of all its fields with keys in order,
no blanks, UTF-8 unescaped; `json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` writes the same bytes, so the
chain can be recomputed from an export without this program. Nothing here is secret: whoever may rewrite the whole database may compute
a new chain, which is why the head belongs in a place that person does not control.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from services.audit.model import Entry, Event, Head

GENESIS: Final = bytes(32)


def canonical(seq: int, recorded_at: datetime, event: Event) -> bytes:
    """The bytes an entry's hash covers, besides the previous hash."""
    fields: dict[str, Any] = {
        "seq": seq,
        "recorded_at": _moment(recorded_at),
        "id": str(event.id),
        "occurred_at": _moment(event.occurred_at),
        "service": event.service,
        "action": event.action,
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "client_id": event.client_id,
        "subject": event.subject,
        "resource": event.resource,
        "outcome": event.outcome,
        "reason": event.reason,
        "ip": event.ip,
        "request_id": event.request_id,
        "trace_id": event.trace_id,
        "detail": event.detail,
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def link(prev_hash: bytes, canonical_form: bytes) -> bytes:
    """The hash of an entry: 32 bytes."""
    return hashlib.sha256(prev_hash + canonical_form).digest()


def extend(head: Head, recorded_at: datetime, events: Sequence[Event]) -> tuple[Entry, ...]:
    """The entries that follow `head`, in the order of `events`."""
    entries: list[Entry] = []
    prev_hash = head.hash
    for seq, event in enumerate(events, head.seq + 1):
        current = link(prev_hash, canonical(seq, recorded_at, event))
        entries.append(Entry(seq, recorded_at, event, prev_hash, current))
        prev_hash = current
    return tuple(entries)


def flaw(entry: Entry, after: Head) -> tuple[int, str] | None:
    """Why `entry` cannot be the one that follows `after`: the position at fault and the reason. None when it fits."""
    expected = after.seq + 1
    if entry.seq > expected:
        return expected, f"entry {expected} is missing"
    if entry.seq < expected:
        return entry.seq, f"there is more than one entry {entry.seq}"
    if entry.prev_hash != after.hash:
        return entry.seq, f"entry {entry.seq} does not continue entry {after.seq}"
    if link(entry.prev_hash, canonical(entry.seq, entry.recorded_at, entry.event)) != entry.hash:
        return entry.seq, f"entry {entry.seq} was changed after it had been recorded"
    return None


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
