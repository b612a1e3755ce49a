"""How often one address may register, counted in Redis so that every replica counts the same (target C9)."""

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kit.errors import SlowDown, Unavailable

# The generic cell rate algorithm: the key holds when the address will have used up nothing, on Redis' own clock.
# One script, so that looking and taking cannot be torn apart. Answers the milliseconds to wait, 0 for admitted.
_TAKE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local spacing, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local free = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = free + spacing - now - spacing * burst
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', free + spacing), 'PX', math.ceil(free + spacing - now) + 1)
return 0
"""


class RedisRegistrationRate:
    """`per_second` on average, `burst` at once."""

    def __init__(self, redis: Redis, per_second: float, burst: int) -> None:
        self._take = redis.register_script(_TAKE)
        self._spacing = 1000 / per_second
        self._burst = burst

    async def admit(self, address: str) -> None:
        """Raises SlowDown with the seconds to wait, Unavailable when Redis cannot be asked."""
        try:
            wait = int(await self._take(keys=[f"rate:register:{address}"], args=[self._spacing, self._burst]))
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("registrations cannot be counted right now", debug=f"{type(error).__name__}: {error}") from error
        if wait > 0:
            raise SlowDown("too many registrations from this address", retry_after=max(1, -(-wait // 1000)))


class NoRate:
    """For an operator who switched rate limits off."""

    async def admit(self, address: str) -> None:
        """Everyone."""
