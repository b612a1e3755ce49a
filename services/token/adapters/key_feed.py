"""Keeps the keyring in step with the store: read anew at every notification, after every gap, and now and then to forget old keys."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from kit import log
from kit.errors import Unavailable
from kit.pg import Pool
from services.token.adapters.key_postgres import CHANNEL, PostgresKeys
from services.token.keyring import Keyring

_PAUSE_SECONDS = 600.0
_RETRY_SECONDS = 1.0

logger = log.get(__name__)


class KeyFeed:
    """`kept` is how long a retired key stays published: until nothing it signed is in force."""

    def __init__(self, *, pool: Pool, store: PostgresKeys, keyring: Keyring, kept: timedelta) -> None:
        self._pool = pool
        self._store = store
        self._keyring = keyring
        self._kept = kept
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Subscribe first, then read, so that no rotation falls between. Raises Unavailable, SealBroken."""
        await self._pool.listen(CHANNEL, lambda _: self._changed.set(), on_gap=self._changed.set)
        self._keyring.load(await self._store.ensure())

    async def run(self) -> None:
        """Follow for as long as the process lives."""
        while True:
            await _either(self._changed.wait, _PAUSE_SECONDS)
            self._changed.clear()
            try:
                await self._store.drop_retired(self._kept)
                self._keyring.load(await self._store.load())
            except Unavailable as error:
                logger.warning("keys.reload_postponed", debug=error.debug)
                await asyncio.sleep(_RETRY_SECONDS)
                self._changed.set()


async def _either(wait: Callable[[], Awaitable[object]], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wait()
    except TimeoutError:
        return
