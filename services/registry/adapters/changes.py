"""Committed changes, as Postgres tells them."""

import asyncio
from typing import Final

import orjson

from kit.errors import Unavailable
from kit.pg import Pool
from services.registry.adapters.commit import CHANNEL
from services.registry.changes import Feed
from services.registry.model import Change, ChangeKind, Revision

CURRENT: Final = "SELECT revision FROM registry.changes"
_PAUSE_SECONDS: Final = 0.5


class Notifications:
    """Feeds a `Feed` from LISTEN."""

    def __init__(self, pool: Pool, feed: Feed) -> None:
        self._pool = pool
        self._feed = feed
        self._resuming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe first and read the revision second, so that nothing falls between. Raises Unavailable."""
        await self._pool.listen(CHANNEL, self._deliver, on_gap=self._on_gap)
        self._feed.resume(await self.current())

    async def current(self) -> Revision:
        """The revision committed last. Raises Unavailable."""
        return Revision(await self._pool.fetchval(CURRENT))

    def close(self) -> None:
        """End every stream."""
        if self._resuming is not None:
            self._resuming.cancel()
        self._feed.close()

    def _deliver(self, payload: str) -> None:
        told = orjson.loads(payload)
        kind = told["kind"]
        # A kind of a newer release running beside us still counts as a revision.
        self._feed.publish(Change(Revision(told["revision"]), ChangeKind(kind) if kind in frozenset(ChangeKind) else None, told["key"]))

    def _on_gap(self) -> None:
        self._feed.interrupt()
        if self._resuming is None or self._resuming.done():
            self._resuming = asyncio.get_running_loop().create_task(self._resume(), name="registry changes resume")

    async def _resume(self) -> None:
        while True:
            try:
                revision = await self.current()
            except Unavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._feed.resume(revision)
                return
