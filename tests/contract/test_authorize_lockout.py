"""The lockout in a real Valkey, where every replica counts the same failures (C9)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from kit.errors import Unavailable
from kit.replay import TickPipeline, open_redis
from services.authorize.adapters.lockout import RedisLockout

PAIR = ("ada@example.com", "203.0.113.9")
MINUTES = {"window": timedelta(minutes=10), "lock": timedelta(minutes=15)}


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


async def fail(lockout: RedisLockout, times: int) -> list[int]:
    locked = []
    for _ in range(times):
        assert await lockout.begin(*PAIR) == 0
        locked.append(await lockout.failed(*PAIR))
    return locked


async def test_the_last_failure_locks_once_for_the_whole_time(redis: Redis) -> None:
    lockout = RedisLockout(TickPipeline(redis), most=3, **MINUTES)
    assert await fail(lockout, 3) == [0, 0, 900]
    assert 890 < await lockout.begin(*PAIR) <= 900
    assert await lockout.failed(*PAIR) == 0


async def test_only_the_pair_is_locked(redis: Redis) -> None:
    lockout = RedisLockout(TickPipeline(redis), most=1, **MINUTES)
    await fail(lockout, 1)
    assert await lockout.begin(PAIR[0], "198.51.100.1") == 0
    assert await lockout.begin("eve@example.com", PAIR[1]) == 0


async def test_parallel_guesses_are_counted_before_they_are_judged(redis: Redis) -> None:
    lockout = RedisLockout(TickPipeline(redis), most=5, **MINUTES)
    waits = await asyncio.gather(*(lockout.begin(*PAIR) for _ in range(40)))
    assert sum(wait == 0 for wait in waits) == 5


async def test_a_success_forgives_and_an_unjudged_attempt_does_not_count(redis: Redis) -> None:
    lockout = RedisLockout(TickPipeline(redis), most=2, **MINUTES)
    await fail(lockout, 1)
    await lockout.clear(*PAIR)
    assert await fail(lockout, 1) == [0]
    assert await lockout.begin(*PAIR) == 0
    await lockout.forget(*PAIR)
    assert await fail(lockout, 1) == [900]


async def test_a_lock_and_a_count_end_by_themselves(redis: Redis) -> None:
    lockout = RedisLockout(TickPipeline(redis), most=2, window=timedelta(milliseconds=150), lock=timedelta(milliseconds=300))
    await fail(lockout, 1)
    await asyncio.sleep(0.2)
    assert await fail(lockout, 2) == [0, 1]
    await asyncio.sleep(0.35)
    assert await lockout.begin(*PAIR) == 0


async def test_zero_switches_it_off(redis: Redis) -> None:
    """Operator contract §2.6."""
    lockout = RedisLockout(TickPipeline(redis), most=0, **MINUTES)
    assert await fail(lockout, 50) == [0] * 50
    assert await redis.dbsize() == 0


async def test_what_was_typed_is_not_in_redis(redis: Redis) -> None:
    lockout = RedisLockout(TickPipeline(redis), most=3, **MINUTES)
    await lockout.begin("my-password-by-mistake", "203.0.113.9")
    assert all(b"password" not in key for key in await redis.keys())


async def test_without_redis_nobody_is_let_through_uncounted() -> None:
    """Law 10."""
    dead = open_redis("redis://127.0.0.1:1/0")
    lockout = RedisLockout(TickPipeline(dead), most=3, **MINUTES)
    with pytest.raises(Unavailable):
        await lockout.begin(*PAIR)
    await lockout.forget(*PAIR)
    await dead.aclose()


async def test_one_purpose_does_not_lock_another(redis: Redis) -> None:
    pipeline = TickPipeline(redis)
    await fail(RedisLockout(pipeline, "device", most=1, **MINUTES), 1)
    assert await RedisLockout(pipeline, most=1, **MINUTES).begin(*PAIR) == 0
    assert await RedisLockout(pipeline, "device", most=1, **MINUTES).begin(*PAIR) > 0
