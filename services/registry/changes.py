"""The feed of committed changes, fanned out to any number of readers.

A reader first hears the current revision, then every later one. Whoever cannot be told everything (too slow, or we ourselves lost the
database for a moment) has the stream ended, comes back, hears a revision, and drops what it cached: missing one is never silent.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from services.registry.model import Change, Revision

DEPTH: Final = 256  # changes a reader may be behind


class Feed:
    """One per process. `publish` takes changes in the order of their revisions."""

    def __init__(self, depth: int = DEPTH) -> None:
        self._depth = depth
        self._readers: set[asyncio.Queue[Change | None]] = set()
        self._revision: Revision | None = None
        self._standing = asyncio.Event()
        self._closed = False

    @property
    def readers(self) -> int:
        """How many are listening."""
        return len(self._readers)

    def resume(self, revision: Revision) -> None:
        """Begin, or begin again after `interrupt`, knowing that nothing up to `revision` will be published any more."""
        if self._revision is None or revision > self._revision:
            self._revision = revision
        self._standing.set()

    def interrupt(self) -> None:
        """Changes may have been missed: end every stream, and start none before `resume`."""
        self._standing.clear()
        self._revision = None
        for queue in tuple(self._readers):
            self._end(queue)

    def publish(self, change: Change) -> None:
        """Tell every reader. A revision already covered is ignored; a gap ends every stream."""
        if self._revision is None or change.revision <= self._revision:
            return
        if change.revision != self._revision + 1:
            for queue in tuple(self._readers):
                self._end(queue)
        self._revision = change.revision
        for queue in tuple(self._readers):
            if queue.qsize() >= self._depth:
                self._end(queue)
            else:
                queue.put_nowait(change)

    async def watch(self) -> AsyncIterator[Change]:
        """The current revision, then every change, until this reader falls behind, the feed is interrupted or closed."""
        await self._standing.wait()
        if self._closed or self._revision is None:
            return
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._readers.add(queue)
        try:
            yield Change(self._revision)
            while (change := await queue.get()) is not None:
                yield change
        finally:
            self._readers.discard(queue)

    def close(self) -> None:
        """End every stream for good."""
        self._closed = True
        self.interrupt()
        self._standing.set()

    def _end(self, queue: asyncio.Queue[Change | None]) -> None:
        self._readers.discard(queue)
        # What was queued is of no use to somebody who is about to drop everything.
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
