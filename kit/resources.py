"""What a service may be given: its database, Redis, channels to peers and a way out to strangers; each opened once, when asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kit import log
from kit.clock import Clock
from kit.errors import Unavailable
from kit.outbound import Outbound
from kit.pg import Pool, open_pool
from kit.replay import open_redis
from kit.rpc_client import open_channel
from kit.rpc_server import TlsFiles

T = TypeVar("T")
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 1.0
_MOST_CONNECTIONS = 25

logger = log.get(__name__)


class BootFailed(RuntimeError):
    """The service cannot start; the text tells an operator why."""


async def patiently(what: str, connect: Callable[[], Awaitable[T]], seconds: float = _PATIENCE_SECONDS) -> T:
    """`connect()`, tried again while it raises Unavailable; raises BootFailed after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        try:
            return await connect()
        except Unavailable as error:
            if time.monotonic() >= until:
                raise BootFailed(f"{what} cannot be reached after {seconds:.0f} s: {error.debug}") from error
            logger.warning("service.waiting", what=what, debug=error.debug)
            await asyncio.sleep(_PAUSE_SECONDS)


class Resources:
    """Opened on first use, shared within the process, closed together when the service ends."""

    def __init__(self, configuration: Any, name: str, clock: Clock) -> None:
        self.configuration = configuration
        self.name = name
        self.clock = clock
        self._pool: Pool | None = None
        self._redis: Redis | None = None
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._outbounds: list[Outbound] = []

    async def pool(self) -> Pool:
        """The service's own role in the database. Raises BootFailed when it cannot be reached within 30 s."""
        if self._pool is None:
            postgres = self.configuration.storage.postgres
            if not postgres.dsn:
                raise BootFailed("storage.postgres.dsn is not set")
            self._pool = await patiently(
                "Postgres",
                lambda: open_pool(
                    postgres.dsn,
                    min_size=max(1, postgres.min_conns),
                    max_size=postgres.max_conns or _MOST_CONNECTIONS,
                    application_name=f"authplane {self.name}",
                    idle_seconds=postgres.max_conn_idle_time.total_seconds(),
                    lifetime_seconds=postgres.max_conn_lifetime.total_seconds(),
                ),
            )
        return self._pool

    async def redis(self) -> Redis:
        """The store of expiring facts. Raises BootFailed when it cannot be reached within 30 s."""
        if self._redis is None:
            if not self.configuration.redis.url:
                raise BootFailed("redis.url is not set")
            redis = open_redis(self.configuration.redis.url)
            await patiently("Redis", lambda: _answers(redis))
            self._redis = redis
        return self._redis

    def channel(self, peer: str) -> grpc.aio.Channel:
        """A channel to the service named `peer`, found under `peers.<peer>`; connects when first used."""
        if peer not in self._channels:
            target = getattr(self.configuration.peers, peer)
            if not target:
                raise BootFailed(f"peers.{peer} is not set")
            self._channels[peer] = open_channel(target, self.tls(), peer)
        return self._channels[peer]

    def outbound(self, *, allow_private: bool = False, require_https: bool = True, timeout: float = 10.0) -> Outbound:
        """A way to fetch from strangers' addresses; see kit.outbound."""
        made = Outbound(
            allow_private=allow_private, require_https=require_https, ca_file=self.configuration.cimd.ca_file or None, timeout=timeout
        )
        self._outbounds.append(made)
        return made

    def has_tls(self) -> bool:
        """Whether this process has a certificate of the plane."""
        rpc = self.configuration.rpc
        return bool(rpc.ca_file and rpc.cert_file and rpc.key_file)

    def tls(self) -> TlsFiles:
        """This process's certificate. Raises BootFailed when none is configured."""
        if not self.has_tls():
            raise BootFailed("rpc.ca_file, rpc.cert_file and rpc.key_file must be set")
        rpc = self.configuration.rpc
        return TlsFiles(Path(rpc.ca_file), Path(rpc.cert_file), Path(rpc.key_file))

    async def ping(self, seconds: float) -> None:
        """Ask the database, if this service has one. Raises Unavailable."""
        if self._pool is not None:
            await self._pool.ping(seconds)

    async def close(self) -> None:
        """Close everything opened."""
        for outbound in self._outbounds:
            await outbound.close()
        for channel in self._channels.values():
            await channel.close(None)
        if self._redis is not None:
            await self._redis.aclose()
        if self._pool is not None:
            await self._pool.close()


async def _answers(redis: Redis) -> None:
    try:
        await redis.execute_command("PING")  # type: ignore[no-untyped-call]
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable("Redis cannot be reached", debug=f"{type(error).__name__}: {error}") from error
