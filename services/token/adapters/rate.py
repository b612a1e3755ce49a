"""Budgets in Redis, on Redis' own clock, so that every replica counts the same: requests per address, tokens per client."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from redis.asyncio import Redis

from kit import telemetry
from kit.errors import Unavailable
from kit.replay import TickPipeline
from services.token.model import Client
from services.token.ports import Taken
from services.token.quota import QuotaSpent

# The generic cell rate algorithm: the key holds when the address will have used up nothing. Looking and taking are one script.
# Answers how many requests were granted, or below zero the milliseconds until there is one.
_TAKE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local spacing, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local free = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local room = math.floor((spacing * burst - (free - now)) / spacing + 1e-6)
if room < 1 then return -math.max(1, math.ceil(free + spacing - now - spacing * burst)) end
local granted = math.min(room, wanted)
free = free + granted * spacing
redis.call('SET', KEYS[1], string.format('%.3f', free), 'PX', math.ceil(free - now) + 1)
return granted
"""

# Two counters of fixed windows, minute and day of UTC, that count nothing unless both have room.
# Answers 0, or which one is used up (1 minute, 2 day), and the seconds until it begins anew.
_COUNT: Final = """
local now = tonumber(redis.call('TIME')[1])
local sizes, left = {60, 86400}, {}
local kept = redis.call('HMGET', KEYS[1], 'minute', 'minutes', 'day', 'days')
for n, size in ipairs(sizes) do
  local window = math.floor(now / size)
  local used = tonumber(kept[2 * n - 1]) == window and tonumber(kept[2 * n]) or 0
  local most = tonumber(ARGV[n])
  if most > 0 and used >= most then return {n, (window + 1) * size - now} end
  left[n] = {window, used + 1}
end
redis.call('HSET', KEYS[1], 'minute', left[1][1], 'minutes', left[1][2], 'day', left[2][1], 'days', left[2][2])
redis.call('EXPIRE', KEYS[1], 86400)
return {0, 0}
"""


_SPENT = telemetry.Count(
    "authplane_client_quota_refused_total",
    "Tokens refused because the client had its share.",
    {"window": ("minute", "day"), "client": None},
)


class RedisBudget:
    """Implements the port Budget: `per_second` on average, `burst` at once."""

    def __init__(self, redis: Redis, per_second: float, burst: int) -> None:
        self._pipeline = TickPipeline(redis)
        self._spacing = 1000 / per_second
        self._burst = burst

    async def take(self, address: str, wanted: int) -> Taken:
        """See ports.Budget."""
        answer = int(await _run(self._pipeline, _TAKE, f"rate:token:{address}", self._spacing, self._burst, wanted))
        return Taken(granted=answer) if answer > 0 else Taken(wait=timedelta(milliseconds=-answer))


class RedisQuotas:
    """Implements the port Quotas."""

    def __init__(self, redis: Redis) -> None:
        self._pipeline = TickPipeline(redis)

    async def take(self, client: Client) -> None:
        """See ports.Quotas."""
        key = f"quota:token:{client.id}"
        answer: Sequence[int] = await _run(self._pipeline, _COUNT, key, client.tokens_per_minute, client.tokens_per_day)
        which, seconds = answer
        if which:
            window = "minute" if which == 1 else "day"
            _SPENT.add(window, client.id)
            raise QuotaSpent(window, retry_after=max(1, int(seconds)))


async def _run(pipeline: TickPipeline, script: str, key: str, *arguments: float) -> Any:
    try:
        return await pipeline.run("EVAL", script, 1, key, *arguments)
    except Unavailable as error:
        raise Unavailable("requests cannot be counted right now", debug=error.debug) from error
