"""Removing what has expired, in small batches, so that no one waits for a long delete (O5)."""

import asyncio
import random
from datetime import datetime, timedelta

from kit import log
from kit.audit import APPEND, Action, ActorKind, Event, Recorder
from kit.clock import Clock
from kit.errors import Unavailable
from kit.pg import Pool

BATCH = 1000
# Expired rows are kept a day: long enough to recognise a late replay and for an operator to look at yesterday.
KEEP = timedelta(days=1)
PAUSE_SECONDS = 300.0

_DELETE = "DELETE FROM token.{table} WHERE {key} IN (SELECT {key} FROM token.{table} WHERE {expired} LIMIT $2 FOR UPDATE SKIP LOCKED)"

# Codes before families, because a consumed code names the family it began; families take their tokens along.
STATEMENTS = {
    "authorization_codes": _DELETE.format(table="authorization_codes", key="code_hash", expired="expires_at < $1"),
    "device_codes": _DELETE.format(table="device_codes", key="code_hash", expired="expires_at < $1"),
    "refresh_families": _DELETE.format(table="refresh_families", key="id", expired="expires_at < $1"),
    "refresh_tokens": _DELETE.format(table="refresh_tokens", key="token_hash", expired="expires_at < $1 AND consumed_at IS NULL"),
    "issuances": _DELETE.format(table="issuances", key="id", expired="expires_at < $1"),
}

logger = log.get(__name__)


class Purge:
    """Runs for as long as the process does; replicas share the work by skipping each other's rows."""

    def __init__(self, *, pool: Pool, recorder: Recorder, clock: Clock) -> None:
        self._pool = pool
        self._recorder = recorder
        self._clock = clock

    async def run(self) -> None:
        """Every five minutes, forever. A database that is away is tried again next time."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads replicas apart
            try:
                await self.once()
            except Unavailable as error:
                logger.warning("purge.postponed", debug=error.debug)

    async def once(self) -> dict[str, int]:
        """Delete everything expired before yesterday; returns how many rows per table."""
        before = self._clock.now() - KEEP
        return {table: await self._table(table, statement, before) for table, statement in STATEMENTS.items()}

    async def _table(self, table: str, statement: str, before: datetime) -> int:
        total = 0
        while True:
            async with self._pool.transaction() as tx:
                deleted = int((await tx.execute(statement, before, BATCH)).rpartition(" ")[2])
                if deleted:
                    event = Event(action=Action.DATA_PURGED, actor_kind=ActorKind.SYSTEM, detail={"table": table, "rows": deleted})
                    await tx.execute(APPEND, [self._recorder.encode(event)])
            total += deleted
            if deleted < BATCH:
                return total
