"""Expiring facts in Redis: identifiers that may be used once, and one pipeline for all commands of a loop tick."""

import asyncio
import math
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kit.clock import Clock, SystemClock
from kit.credentials import digest, random_id
from kit.errors import Unavailable

_SECONDS = 2.0
_BATCH = 256


def open_redis(url: str) -> "Redis":
    """A client for `redis://`, `rediss://` or `unix://`; connects when first used. Commands are cut after 2 s.

    The driver's health checks stay off: they are made while connecting too, each within a try of the other, and against a server that
    takes connections without answering the waits multiply into minutes. The one more try below notices a stale connection as well.
    """
    return Redis.from_url(
        url,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        max_connections=64,
        # After a restart every pooled connection is stale; one more try finds that out without troubling the caller.
        retry=Retry(ConstantBackoff(0.02), 1, supported_errors=(RedisConnectionError, RedisTimeoutError)),
    )


class TickPipeline:
    """Commands given during one turn of the event loop travel together and come back separately."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._flights: set[asyncio.Task[None]] = set()

    async def run(self, *command: Any) -> Any:
        """The command's reply, as bytes, numbers and lists. Raises Unavailable when Redis is down, slow or full."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, reply))
        if len(self._waiting) == 1:
            loop.call_soon(self._depart)
        answer = await reply
        if isinstance(answer, RedisError):
            raise _unavailable(answer)
        return answer

    def _depart(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            task = asyncio.create_task(self._fly(batch))
            self._flights.add(task)
            task.add_done_callback(self._flights.discard)

    async def _fly(self, batch: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for command, _ in batch:
                    pipeline.execute_command(*command)
                answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            answers = [error if isinstance(error, RedisError) else RedisConnectionError(str(error))] * len(batch)
        except BaseException:
            answers = [RedisConnectionError("interrupted")] * len(batch)
            raise
        finally:
            for (_, reply), answer in zip(batch, answers, strict=True):
                if not reply.done():
                    reply.set_result(answer)


class RedisReplay:
    """Single use of other people's identifiers (RFC 9449 §11.1, RFC 7523 §3)."""

    def __init__(self, redis: "Redis", clock: Clock | None = None) -> None:
        self._pipeline = TickPipeline(redis)
        self._clock = clock or SystemClock()

    async def once(self, kind: str, issuer: str, identifier: str, expires_at: datetime) -> bool:
        """True for the first caller with this identifier until `expires_at`, False for every other. Atomic.

        Raises Unavailable rather than guess.
        """
        seconds = max(1, math.ceil((expires_at - self._clock.now()).total_seconds()))
        mine = random_id()
        key = f"jti:{kind}:{issuer}:{digest(identifier).hex()}"
        # GET tells our own write from another's, so a command repeated after a lost reply still answers the same.
        before = await self._pipeline.run("SET", key, mine, "NX", "GET", "EX", seconds)
        return before is None or before == mine.encode()


def _unavailable(error: RedisError) -> Unavailable:
    if isinstance(error, ResponseError):
        return Unavailable("the store of used identifiers refused", debug=str(error))
    return Unavailable("the store of used identifiers cannot be reached", debug=f"{type(error).__name__}: {error}")
