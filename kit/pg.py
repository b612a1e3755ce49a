"""Postgres through asyncpg: one pool per process, short statements, and the driver's errors in the kit's words.

No RPC and no fetch inside a transaction: a transaction holds a connection and row locks, and both are scarce.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import orjson

from kit.pg_errors import DRIVER_ERRORS, TRANSLATING, connect
from kit.pg_listen import Listener

STATEMENT_SECONDS = 5
ACQUIRE_SECONDS = 5
_IDLE_IN_TRANSACTION = "10s"

Record = asyncpg.Record


class Transaction:
    """The statements of one open transaction; made by `Pool.transaction`."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Every row. Raises Unavailable, Conflict (member `constraint`), InvalidRequest."""
        with TRANSLATING:
            rows: list[Record] = await self._connection.fetch(sql, *args)
            return rows

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """The first row or None. Raises as `fetch`."""
        with TRANSLATING:
            row: Record | None = await self._connection.fetchrow(sql, *args)
            return row

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row or None. Raises as `fetch`."""
        with TRANSLATING:
            return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run for effect; returns the command tag, such as `UPDATE 1`. Raises as `fetch`."""
        with TRANSLATING:
            tag: str = await self._connection.execute(sql, *args)
            return tag


class Pool:
    """A pool of connections with the same four verbs as a transaction, each verb committing on its own."""

    def __init__(self, pool: Any, dsn: str, application_name: str) -> None:
        self._pool = pool
        self._dsn = dsn
        self._application_name = application_name
        self._listeners: list[Listener] = []
        self._renewing: asyncio.TimerHandle | None = None

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Every row. Raises Unavailable, Conflict (member `constraint`), InvalidRequest."""
        with TRANSLATING:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                rows: list[Record] = await connection.fetch(sql, *args)
                return rows

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """The first row or None. Raises as `fetch`."""
        with TRANSLATING:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                row: Record | None = await connection.fetchrow(sql, *args)
                return row

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row or None. Raises as `fetch`."""
        with TRANSLATING:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run for effect; returns the command tag, such as `UPDATE 1`. Raises as `fetch`."""
        with TRANSLATING:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                tag: str = await connection.execute(sql, *args)
                return tag

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Read committed; commits when the block ends, rolls back when it raises.

        The block's own errors leave as they are; beginning and committing raise as `fetch` does. When the commit raises
        Unavailable its outcome is unknown, as with any database: repeat only what may be repeated.
        """
        with TRANSLATING:
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            transaction = connection.transaction()
            with TRANSLATING:
                await transaction.start()
            try:
                yield Transaction(connection)
            except BaseException:
                with suppress(*DRIVER_ERRORS):  # the block's error is the story; a lost connection has rolled back already
                    await transaction.rollback()
                raise
            with TRANSLATING:
                await transaction.commit()
        finally:
            await self._pool.release(connection)

    async def ping(self, seconds: float = 3) -> None:
        """One round trip. Raises Unavailable when it takes longer than `seconds`."""
        with TRANSLATING:
            async with self._pool.acquire(timeout=seconds) as connection:
                await connection.fetchval("SELECT 1", timeout=seconds)

    async def listen(self, channel: str, callback: Callable[[str], None], *, on_gap: Callable[[], None] | None = None) -> None:
        """Have `callback` called with every payload NOTIFYed on `channel`, on a connection of its own, until the pool closes.

        Returns once the first subscription stands. A lost connection is made anew for as long as it takes; since notifications may
        have passed meanwhile, `on_gap` is called after each such gap. Raises Unavailable if the first connection cannot be made.
        """

        async def again() -> Any:
            settings = _settings(f"{self._application_name} listen")
            return await connect(self._dsn, command_timeout=STATEMENT_SECONDS, server_settings=settings)

        listener = Listener(again, channel, callback, on_gap)
        await listener.start()
        self._listeners.append(listener)

    def renew_every(self, seconds: float) -> None:
        """Replace each connection, once it is next free, every `seconds`: a moved database is found and server memory given back."""
        if seconds > 0:
            self._renewing = asyncio.get_running_loop().call_later(seconds, self._renew, seconds)

    def _renew(self, seconds: float) -> None:
        asyncio.ensure_future(self._pool.expire_connections())  # noqa: RUF006 - it only marks them
        self.renew_every(seconds)

    async def close(self, seconds: float = 5) -> None:
        """Stop listening, let running statements finish for at most `seconds`, and close every connection."""
        if self._renewing is not None:
            self._renewing.cancel()
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def open_pool(
    dsn: str, *, min_size: int = 1, max_size: int = 10, application_name: str, idle_seconds: float = 1800, lifetime_seconds: float = 3600
) -> Pool:
    """Connect and return a pool. jsonb goes in and out as Python values; statements are cut after 5 s on both sides.

    Connections unused for `idle_seconds` are closed, all are replaced every `lifetime_seconds`; 0 turns either off.
    Raises Unavailable when the database cannot be reached, ValueError when the DSN makes no sense.
    """
    with TRANSLATING:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min(min_size, max_size),
            max_size=max_size,
            max_inactive_connection_lifetime=idle_seconds,
            command_timeout=STATEMENT_SECONDS,
            timeout=ACQUIRE_SECONDS,
            statement_cache_size=256,
            max_cached_statement_lifetime=0,
            connect=connect,
            init=_initialise,
            reset=_nothing_to_reset,
            server_settings=_settings(application_name),
        )
    opened = Pool(pool, dsn, application_name)
    opened.renew_every(lifetime_seconds)
    return opened


def _settings(application_name: str) -> dict[str, str]:
    return {
        "application_name": application_name,
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION,
        "timezone": "UTC",
    }


def _to_jsonb(value: Any) -> bytes:
    """The binary form: a version byte and JSON. A `str` or `bytes` is JSON already, so prepared documents are not encoded twice."""
    if isinstance(value, str):
        return b"\x01" + value.encode()
    return b"\x01" + (value if isinstance(value, bytes) else orjson.dumps(value))


def _from_jsonb(data: bytes) -> Any:
    return orjson.loads(memoryview(data)[1:])


async def _initialise(connection: Any) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_to_jsonb, decoder=_from_jsonb, format="binary")


async def _nothing_to_reset(connection: Any) -> None:
    """Nobody changes session state on a pooled connection, so asyncpg's reset query would be a round trip per statement for nothing."""
