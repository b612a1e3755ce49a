"""Audit rows of their own, and the removal of what has expired (O5)."""

import asyncio

from kit import pg
from kit.audit import APPEND, Event, Recorder
from kit.clock import Clock

_BATCH = 500
_PAUSE_SECONDS = 60.0

PURGE_INTERACTIONS = """
WITH gone AS (
    DELETE FROM authorize.interactions
     WHERE id IN (SELECT id FROM authorize.interactions WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*) FROM gone
"""

PURGE_SESSIONS = """
WITH gone AS (
    DELETE FROM authorize.sessions
     WHERE digest IN (SELECT digest FROM authorize.sessions WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*) FROM gone
"""


PURGE_PUSHED_REQUESTS = """
WITH gone AS (
    DELETE FROM authorize.pushed_requests
     WHERE digest IN (SELECT digest FROM authorize.pushed_requests WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*) FROM gone
"""

PURGE_FEDERATED_SIGN_INS = """
WITH gone AS (
    DELETE FROM authorize.federated_sign_ins
     WHERE state IN (SELECT state FROM authorize.federated_sign_ins WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*) FROM gone
"""


class JournalStore:
    """Satisfies services.authorize.ports.Journal."""

    def __init__(self, pool: pg.Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def write(self, event: Event) -> None:
        """One row, committed when this returns."""
        await self._pool.execute(APPEND, [self._recorder.encode(event)])


class Purge:
    """Removes expired rows in small batches, for as long as the service runs."""

    def __init__(self, pool: pg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def run(self) -> None:
        """Never returns."""
        while True:
            await self.once()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def once(self) -> int:
        """How many rows went."""
        gone = 0
        for statement in (PURGE_INTERACTIONS, PURGE_SESSIONS, PURGE_PUSHED_REQUESTS, PURGE_FEDERATED_SIGN_INS):
            while True:
                removed: int = await self._pool.fetchval(statement, self._clock.now(), _BATCH)
                gone += removed
                if removed < _BATCH:
                    break
        return gone
