"""Many small writes, few commits: whatever gathers while one flush is under way makes up the next.

There is no timer. The first row flushes at once, so a quiet service pays nothing; under load a batch is as large as one commit is slow.
Every writer waits for the commit that holds its own row, so "written" still means written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from kit.errors import Unavailable

Row = TypeVar("Row")


class GroupCommit(Generic[Row]):
    """One writer per process and table. `flush` commits all rows it is given, at most `limit`, or none."""

    def __init__(self, flush: Callable[[Sequence[Row]], Awaitable[None]], limit: int = 256) -> None:
        self._flush = flush
        self._limit = limit
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False

    async def write(self, row: Row) -> None:
        """Return once `row` is committed. Raises what its flush raised, or Unavailable after `close`.

        A caller that is cancelled while waiting does not know whether its row was written.
        """
        if self._closed:
            raise Unavailable("the service is shutting down", debug="group commit is closed")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_all())
        await done

    async def close(self) -> None:
        """Take no more rows and return when those taken are committed or have failed."""
        self._closed = True
        if self._flushing is not None:
            await asyncio.shield(self._flushing)

    async def _flush_all(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._limit]
                del self._waiting[: self._limit]
                await self._flush_one(batch)
        finally:
            self._flushing = None
            # Only a cancelled flusher leaves rows behind: the loop is ending, and nobody may wait for ever.
            for _, done in self._waiting:
                done.cancel()
            self._waiting.clear()

    async def _flush_one(self, batch: list[tuple[Row, "asyncio.Future[None]"]]) -> None:
        rows = [row for row, done in batch if not done.cancelled()]
        try:
            if rows:
                await self._flush(rows)
        except BaseException as error:
            failure = error if isinstance(error, Exception) else Unavailable("the service is shutting down")
            for _, done in batch:
                if not done.done():
                    done.set_exception(failure)
            if not isinstance(error, Exception):
                raise
        else:
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
