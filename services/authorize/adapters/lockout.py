"""Failed attempts counted in Redis, so that every replica counts the same ones (C9)."""

import hashlib
from datetime import timedelta
from typing import Final

from kit.errors import Unavailable
from kit.replay import TickPipeline

# KEYS: failures, lock. ARGV: most failures, window ms, lock ms. Each script is one step, so parallel guesses cannot slip between
# looking and counting.
BEGIN: Final = """
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return left end
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if count <= tonumber(ARGV[1]) then return 0 end
redis.call('DECR', KEYS[1])
return math.max(redis.call('PTTL', KEYS[1]), 1)
"""
FAILED: Final = """
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count < tonumber(ARGV[1]) then return 0 end
if not redis.call('SET', KEYS[2], '1', 'PX', ARGV[3], 'NX') then return 0 end
redis.call('DEL', KEYS[1])
return tonumber(ARGV[3])
"""
FORGET: Final = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
return 0
"""


class RedisLockout:
    """Satisfies services.authorize.ports.Lockout; `most` failures within `window` lock the pair for `lock`, 0 switches it off.

    `kind` keeps what is counted for one purpose apart from what is counted for another.
    """

    def __init__(self, pipeline: TickPipeline, kind: str = "login", /, *, most: int, window: timedelta, lock: timedelta) -> None:
        self._pipeline = pipeline
        self._kind = kind
        self._most = most
        self._window = window
        self._lock = lock

    async def begin(self, identity: str, address: str) -> int:
        """0 if the attempt may go on, else the seconds still to wait. Raises Unavailable."""
        return await self._run(BEGIN, identity, address)

    async def failed(self, identity: str, address: str) -> int:
        """The seconds of the lock if this very attempt caused it, else 0. Raises Unavailable."""
        return await self._run(FAILED, identity, address)

    async def forget(self, identity: str, address: str) -> None:
        """The attempt was never judged. Best effort: the failure that leads here may be Redis itself."""
        try:
            await self._run(FORGET, identity, address)
        except Unavailable:
            return

    async def clear(self, identity: str, address: str) -> None:
        """The attempt succeeded. Raises Unavailable."""
        if self._most:
            await self._call("DEL", *self._keys(identity, address))

    async def _run(self, script: str, identity: str, address: str) -> int:
        if not self._most:
            return 0
        left = await self._call(
            "EVAL", script, 2, *self._keys(identity, address), self._most, _milliseconds(self._window), _milliseconds(self._lock)
        )
        return -(-left // 1000)

    async def _call(self, *command: str | int) -> int:
        try:
            return int(await self._pipeline.run(*command))
        except Unavailable as error:
            raise Unavailable("attempts cannot be counted at this moment", debug=error.debug) from error

    def _keys(self, identity: str, address: str) -> tuple[str, str]:
        # Hashed, because an identity is whatever a stranger typed: any length, any character, at times a password. The braces keep a
        # pair's keys on one node of a cluster.
        name = hashlib.sha256(f"{len(identity)}:{identity}{address}".encode()).hexdigest()[:40]
        return f"{self._kind}:failures:{{{name}}}", f"{self._kind}:lock:{{{name}}}"


def _milliseconds(span: timedelta) -> int:
    return max(1, int(span.total_seconds() * 1000))
