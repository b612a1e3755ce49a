"""What arrives in the outbox, read with suspicion: a row nobody can read is kept as `audit.malformed`, never dropped, never in the way.

The services are trusted to say what happened, not to be free of bugs. Everything that leaves this module can be stored and indexed.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from kit.audit import Action, ActorKind
from kit.credentials import uuid7
from services.audit.model import Event, Outcome

MALFORMED: Final = Action.AUDIT_MALFORMED.value
# An index entry holds about 2700 bytes; a URL as client id or resource stays below this.
LONGEST_TEXT: Final = 2048
# In bytes. More than any service writes; less than a message can carry.
LARGEST_ROW: Final = 512 * 1024
LARGEST_KEPT: Final = 32 * 1024
_ACTION = re.compile(r"[a-z0-9_]{1,64}(\.[a-z0-9_]{1,64}){1,7}")
_TEXTS = ("actor_kind", "actor_id", "client_id", "subject", "resource", "reason", "ip", "request_id", "trace_id")
_KNOWN = frozenset({"id", "occurred_at", "service", "action", "outcome", "detail", *_TEXTS})
_INT64 = 2**63


class _Unreadable(ValueError):
    """Why a row is not an event, in words for the operator."""


def read(raw: str, appended_at: datetime) -> Event:
    """The event in a row of the outbox; one that breaks the form becomes `audit.malformed` with the row's own text in its detail."""
    members: Any = None
    try:
        members = orjson.loads(raw)
        if len(raw) > LARGEST_ROW // 4 and len(raw.encode()) > LARGEST_ROW:
            raise _Unreadable(f"it is larger than {LARGEST_ROW} bytes")
        return _parsed(members)
    except (ValueError, OverflowError) as problem:
        return _malformed(raw, members, appended_at, str(problem))


def _parsed(members: Any) -> Event:
    if not isinstance(members, dict):
        raise _Unreadable("it is not an object")
    unknown = members.keys() - _KNOWN
    if unknown:
        raise _Unreadable(f"unknown members: {', '.join(sorted(unknown))}")
    action = _text(members, "action")
    if _ACTION.fullmatch(action) is None or action == MALFORMED:
        raise _Unreadable("action is not a dotted name")
    return Event(
        id=UUID(_text(members, "id")),
        occurred_at=_moment(_text(members, "occurred_at")),
        service=_text(members, "service"),
        action=action,
        outcome=Outcome(_text(members, "outcome")).value,
        detail=_detail(members.get("detail")),
        **{name: _text(members, name) for name in _TEXTS},
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Unreadable(f"{name} is not text")
    if len(value) > LONGEST_TEXT // 4 and len(value.encode()) > LONGEST_TEXT:
        raise _Unreadable(f"{name} is longer than {LONGEST_TEXT} bytes")
    return value


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise _Unreadable("occurred_at names no time zone")
    return moment.astimezone(UTC)


def _detail(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Unreadable("detail is not an object")
    for name, member in value.items():
        if not _storable(member):
            raise _Unreadable(f"detail.{name} is neither text, whole number, truth value nor a list of texts")
    return value


def _storable(member: Any) -> bool:
    # Fractions are left out on purpose: not every one of them comes back from the database as it went in, and the hash would notice.
    kind = type(member)
    if kind is int:
        return bool(-_INT64 <= member < _INT64)
    return kind is str or kind is bool or (kind is list and all(type(item) is str for item in member))


def _malformed(raw: str, members: Any, appended_at: datetime, problem: str) -> Event:
    service = members.get("service") if isinstance(members, dict) else None
    encoded = raw.encode()
    return Event(
        id=uuid7(),
        occurred_at=appended_at,
        # The outbox took the row only because this is the service that wrote it.
        service=service if isinstance(service, str) else "",
        action=MALFORMED,
        actor_kind=ActorKind.SYSTEM.value,
        actor_id="",
        client_id="",
        subject="",
        resource="",
        outcome=Outcome.UNSAID,
        reason=problem[:200],
        ip="",
        request_id="",
        trace_id="",
        detail={
            "event": encoded[:LARGEST_KEPT].decode(errors="ignore"),
            "bytes": len(encoded),
            "sha256": hashlib.sha256(encoded).hexdigest(),
        },
    )
