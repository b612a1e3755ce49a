"""A bounded cache in front of something slow, which asks once however many are waiting."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values live `ttl` seconds at most, `size` of them at most, the longest unused leaving first. Errors are not kept."""

    def __init__(self, ttl: float, size: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._size = size
        self._now = now
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, load: Callable[[K], Awaitable[V]]) -> V:
        """The value for `key`, loaded if need be. Whoever asks during a load shares its result or its error."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] > self._now():
            self._entries.move_to_end(key)
            return entry[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.ensure_future(self._load(key, load))
            task.add_done_callback(_mark_retrieved)
        # Shielded, because one impatient caller must not cancel the load for everybody else.
        return await asyncio.shield(task)

    def peek(self, key: K) -> V | None:
        """The value if it is here and fresh."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > self._now() else None

    def drop(self, key: K) -> None:
        """Forget `key`. A load already under way answers those who wait for it and is not kept."""
        self._entries.pop(key, None)
        self._loading.pop(key, None)

    def clear(self) -> None:
        """Forget everything, as `drop` does."""
        self._entries.clear()
        self._loading.clear()

    async def _load(self, key: K, load: Callable[[K], Awaitable[V]]) -> V:
        this = asyncio.current_task()
        try:
            value = await load(key)
            if self._loading.get(key) is this:
                self._keep(key, value)
            return value
        finally:
            if self._loading.get(key) is this:
                del self._loading[key]

    def _keep(self, key: K, value: V) -> None:
        self._entries[key] = (self._now() + self._ttl, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


def _mark_retrieved(task: "asyncio.Task[V]") -> None:
    # When every waiter has left, nobody else looks at the error, and asyncio would report it as lost.
    if not task.cancelled():
        task.exception()
