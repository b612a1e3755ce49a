"""From the outbox into the chain, in the background: no request waits for it.

One transaction takes a batch out of the outbox, chains it and moves the head. A crash at any point leaves either all of that or
nothing, so nothing is lost and nothing is recorded twice. Replicas take turns under an advisory lock, batch by batch.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from kit import log
from kit.clock import Clock
from services.audit import chain, events
from services.audit.model import Entry, Head
from services.audit.ports import Outbox

BATCH: Final = 500
IDLE_SECONDS: Final = 0.2
PAUSE_AFTER_FAILURE: Final = 1.0
_PREPARE_EVERY = timedelta(hours=1)

logger = log.get(__name__)


def chained(head: Head, recorded_at: datetime, rows: Sequence[tuple[str, datetime]]) -> tuple[Entry, ...]:
    """The rows of the outbox as the entries that follow `head`."""
    return chain.extend(head, recorded_at, [events.read(raw, appended_at) for raw, appended_at in rows])


class Drain:
    """The background loop of one process; `batch` is the number of events in one transaction, the pause is in seconds."""

    def __init__(self, outbox: Outbox, clock: Clock, *, batch: int = BATCH, pause_after_failure: float = PAUSE_AFTER_FAILURE) -> None:
        self._outbox = outbox
        self._clock = clock
        self._batch = batch
        self._pause_after_failure = pause_after_failure
        self._prepared_at: datetime | None = None

    async def once(self) -> int:
        """Move one batch; returns how many events it had. Raises Unavailable."""
        await self._prepare()
        if not await self._outbox.waiting():
            return 0
        return await self._outbox.drain(self._batch, chained)

    async def run(self) -> None:
        """Drain until cancelled. A failure is logged and tried again: what waits is safe where it is."""
        while True:
            try:
                drained = await self.once()
                pause = 0.0 if drained >= self._batch else IDLE_SECONDS
            except Exception:
                logger.exception("audit.drain_failed")
                pause = self._pause_after_failure
            await asyncio.sleep(pause)

    async def _prepare(self) -> None:
        now = self._clock.now()
        if self._prepared_at is None or now - self._prepared_at >= _PREPARE_EVERY:
            await self._outbox.prepare()
            self._prepared_at = now
