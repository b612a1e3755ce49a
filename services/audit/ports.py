"""What the log's rules need from the database, in the log's words."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from services.audit.model import Entry, Filter, Head, Lag, Slice

# (head, time of recording, rows of the outbox as (text, appended at)) → the entries that follow the head.
Chaining = Callable[[Head, datetime, Sequence[tuple[str, datetime]]], tuple[Entry, ...]]


class Outbox(Protocol):
    """The way from the outbox into the chain."""

    async def prepare(self) -> None:
        """Have a place for the entries of this month and the next two. Idempotent. Raises Unavailable."""

    async def waiting(self) -> bool:
        """Whether there is anything to drain; cheap. Raises Unavailable."""

    async def drain(self, limit: int, chain: Chaining) -> int:
        """Move up to `limit` events into the chain, all or none; returns how many.

        0 also when another replica is at it. The moment it returns, the entries are there and tails are told. Raises Unavailable.
        """


class Entries(Protocol):
    """The chain, to be read."""

    async def head(self) -> Head:
        """The newest link. Raises Unavailable."""

    async def newest(self, wanted: Filter, *, before: int | None, limit: int, offset: int) -> Slice:
        """The newest entries below `before` that match, at most `limit`, after skipping `offset`.

        Looks at a bounded number of entries; what it did not get to is named by the slice. Raises Unavailable.
        """

    async def between(self, wanted: Filter, *, after: int, upto: int, limit: int) -> tuple[Entry, ...]:
        """Matching entries with after < seq ≤ upto, oldest first, at most `limit`. Raises Unavailable."""

    async def oldest(self) -> int:
        """The lowest seq that is kept, 0 when there is none. Raises Unavailable."""

    async def checkpoint(self, seq: int) -> bytes | None:
        """The hash the chain had at `seq` when a month ended there, or None. Raises Unavailable."""

    async def lag(self) -> Lag:
        """How far the chain is behind. Raises Unavailable."""


class Growth(Protocol):
    """Tells when the chain has grown."""

    def next(self) -> asyncio.Event:
        """An event that is set once the chain grows after this call."""
