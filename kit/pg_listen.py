"""One LISTEN subscription that outlives its connection."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from kit import log
from kit.errors import Unavailable

# A peer that vanished without a word is noticed by asking; the connection carries nothing else.
_PULSE_SECONDS = 15.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

logger = log.get(__name__)


class Listener:
    """Keeps `callback` subscribed to `channel`; `on_gap` follows every interruption once the subscription stands again."""

    def __init__(
        self, connect: Callable[[], Awaitable[Any]], channel: str, callback: Callable[[str], None], on_gap: Callable[[], None] | None
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._callback = callback
        self._on_gap = on_gap
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe, then keep subscribed in the background. Raises Unavailable if the first attempt fails."""
        connection = await self._subscribe()
        self._task = asyncio.create_task(self._keep(connection), name=f"listen {self._channel}")

    async def close(self) -> None:
        """End the subscription and its connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _subscribe(self) -> Any:
        connection = await self._connect()
        try:
            await connection.add_listener(self._channel, self._deliver)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            connection.terminate()
            raise Unavailable("the database cannot be reached", debug=str(error)) from error
        return connection

    def _deliver(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        self._callback(payload)

    async def _keep(self, connection: Any) -> None:
        try:
            while True:
                await self._until_lost(connection)
                connection.terminate()
                logger.warning("pg.listen_lost", channel=self._channel)
                connection = await self._again()
                logger.info("pg.listen_resumed", channel=self._channel)
                if self._on_gap is not None:
                    self._on_gap()
        finally:
            connection.terminate()

    async def _until_lost(self, connection: Any) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not connection.is_closed():
            with suppress(TimeoutError):
                async with asyncio.timeout(_PULSE_SECONDS):
                    await lost.wait()
                    return
            try:
                await connection.fetchval("SELECT 1")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                return

    async def _again(self) -> Any:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._subscribe()
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
