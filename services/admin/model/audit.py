"""The audit log as operators read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One chained event. `detail` is `key=value` text."""

    seq: int
    id: str
    action: str
    actor_kind: str
    actor_id: str
    client_id: str
    subject: str
    resource: str
    outcome: str
    reason: str
    ip: str
    request_id: str
    trace_id: str
    detail: str
    service: str
    created_at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Exact matches, but for `text`, which is found anywhere. Empty = any."""

    actions: tuple[str, ...] = ()
    actor_id: str = ""
    client_id: str = ""
    subject: str = ""
    resource: str = ""
    outcome: str = ""
    text: str = ""
    ip: str = ""
    trace_id: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the matches: by cursor, or by offset as older tooling pages. `limit` None = 50."""

    limit: int | None = None
    offset: int = 0
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first; `next_cursor` is empty at the end."""

    entries: tuple[Entry, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of recomputing the chain. `first_bad_seq` is 0 when intact."""

    intact: bool
    checked: int
    first_bad_seq: int
    explanation: str


def as_text(members: Mapping[str, object]) -> str:
    """Space-separated `key=value`, lists joined by commas, booleans in lower case."""
    return " ".join(f"{key}={_text(value)}" for key, value in members.items())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(_text(item) for item in value)
    return str(value)
