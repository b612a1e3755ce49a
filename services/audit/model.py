"""The values of the log: what a service says happened, and the same once it has its place in the chain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Outcome(StrEnum):
    """How an action ended; empty where an action cannot be refused."""

    SUCCESS = "success"
    DENIED = "denied"
    UNSAID = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What a service recorded. Empty text means "not said"; `detail` holds the action's own members."""

    id: UUID
    occurred_at: datetime
    service: str
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
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of the chain: its position (0 before the first entry) and its hash."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An event at its place in the chain. `recorded_at` is the database's clock and never runs backwards along `seq`."""

    seq: int
    recorded_at: datetime
    event: Event
    prev_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; every member that is set must match. Times are those of the event, both ends included."""

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
class Slice:
    """Part of an answer, newest first. `resume_before` is set when entries below it have not been looked at yet."""

    entries: tuple[Entry, ...]
    resume_before: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a search; `next_cursor` is empty when nothing is left."""

    entries: tuple[Entry, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found; `first_bad_seq` is 0 exactly when every entry fits."""

    checked: int
    first_bad_seq: int
    explanation: str

    @property
    def intact(self) -> bool:
        """Whether every entry that was looked at fits."""
        return self.first_bad_seq == 0


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the chain is behind: events waiting, age of the oldest in seconds, newest position in the chain."""

    waiting: int
    oldest_seconds: float
    newest_seq: int
