"""Budgets and quotas in a real Valkey, shared by replicas (C9, T12)."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from kit.clock import SystemClock
from kit.credentials import random_id
from kit.errors import SlowDown, Unavailable
from kit.replay import open_redis
from services.token.adapters.rate import RedisBudget, RedisQuotas
from services.token.model import ClientId
from services.token.quota import QuotaSpent
from services.token.rate import AddressRate
from tests.support.fakes_token import MACHINE


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


@pytest.fixture
async def gone(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_redis("redis://127.0.0.1:1/0")
    yield client
    await client.aclose()


def worker(redis: Redis, per_second: float = 0.5, burst: int = 80) -> AddressRate:
    return AddressRate(budget=RedisBudget(redis, per_second, burst), burst=burst, clock=SystemClock())


async def admitted(rate: AddressRate, address: str) -> bool:
    try:
        if not rate.admitted(address):
            await rate.admit(address)
    except SlowDown:
        return False
    return True


async def test_workers_share_an_addresss_budget(redis: Redis) -> None:
    """C9: never more than the burst, and of it no more is lost than the slices in hand."""
    workers, address = [worker(redis) for _ in range(4)], random_id()
    answers = [await admitted(workers[n % 4], address) for n in range(200)]
    assert 80 - 4 * 10 <= sum(answers) <= 81
    assert not any(answers[-20:])


async def test_parallel_requests_are_admitted_no_more_often(redis: Redis) -> None:
    workers, address = [worker(redis) for _ in range(4)], random_id()
    answers = await asyncio.gather(*(admitted(workers[n % 4], address) for n in range(400)))
    assert sum(answers) <= 81


async def test_addresses_are_counted_apart_and_refill(redis: Redis) -> None:
    rate, address = worker(redis, per_second=20, burst=2), random_id()
    assert [await admitted(rate, address) for _ in range(3)] == [True, True, False]
    assert await admitted(rate, random_id())
    await asyncio.sleep(0.12)
    assert await admitted(rate, address)


async def test_a_refusal_says_how_long_to_wait(redis: Redis) -> None:
    rate, address = worker(redis, per_second=0.5, burst=1), random_id()
    assert await admitted(rate, address)
    with pytest.raises(SlowDown) as refused:
        await rate.admit(address)
    assert refused.value.retry_after == 2


async def test_without_redis_nobody_is_admitted(gone: Redis) -> None:
    """Law 10."""
    with pytest.raises(Unavailable):
        await worker(gone).admit("192.0.2.7")
    with pytest.raises(Unavailable):
        await RedisQuotas(gone).take(replace(MACHINE, tokens_per_day=1))


async def away_from_the_minutes_end() -> None:
    """So that what follows falls into one window."""
    if time.time() % 60 > 57:
        await asyncio.sleep(3.5)


async def test_replicas_count_a_clients_tokens_together(redis: Redis) -> None:
    """T12: of two hundred at once exactly as many as allowed."""
    await away_from_the_minutes_end()
    replicas = [RedisQuotas(redis), RedisQuotas(redis)]
    client = replace(MACHINE, id=ClientId(random_id()), tokens_per_minute=30)
    answers = await asyncio.gather(*(replicas[n % 2].take(client) for n in range(200)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 30
    spent = [answer for answer in answers if isinstance(answer, QuotaSpent)]
    assert len(spent) == 170
    assert all(answer.window == "minute" and 0 < answer.retry_after <= 60 for answer in spent)


async def test_the_days_quota_outlasts_the_minutes(redis: Redis) -> None:
    await away_from_the_minutes_end()
    quotas, client = RedisQuotas(redis), replace(MACHINE, id=ClientId(random_id()), tokens_per_minute=5, tokens_per_day=3)
    for _ in range(3):
        await quotas.take(client)
    with pytest.raises(QuotaSpent) as refused:
        await quotas.take(client)
    assert refused.value.window == "day"
    assert 0 < refused.value.retry_after <= 86400
    await quotas.take(replace(client, tokens_per_day=4))
