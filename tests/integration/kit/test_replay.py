"""Single use against a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Unavailable
from kit.replay import RedisReplay, TickPipeline, open_redis


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[object]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=60)


async def test_of_fifty_at_once_one_is_first(redis) -> None:  # type: ignore[no-untyped-def]
    """Law 4: single use is one statement."""
    replays = [RedisReplay(redis) for _ in range(5)]
    outcomes = await asyncio.gather(*(replays[n % 5].once("dpop", "issuer", "jti-1", soon()) for n in range(50)))
    assert sorted(outcomes) == [False] * 49 + [True]


async def test_kind_issuer_and_identifier_each_tell_apart(redis) -> None:  # type: ignore[no-untyped-def]
    replay = RedisReplay(redis)
    for kind, issuer, identifier in [("a", "i", "1"), ("b", "i", "1"), ("a", "j", "1"), ("a", "i", "2")]:
        assert await replay.once(kind, issuer, identifier, soon())
    assert not await replay.once("a", "i", "1", soon())


async def test_the_identifier_itself_is_not_stored_and_the_fact_expires(redis) -> None:  # type: ignore[no-untyped-def]
    await RedisReplay(redis).once("dpop", "issuer", "secret-jti", soon())
    (key,) = await redis.keys("*")
    assert b"secret-jti" not in key
    assert 0 < await redis.ttl(key) <= 60
    await RedisReplay(redis).once("dpop", "issuer", "late", datetime.now(UTC) - timedelta(hours=1))
    assert len(await redis.keys("*")) == 2


async def test_commands_of_one_tick_travel_together_and_fail_separately(redis) -> None:  # type: ignore[no-untyped-def]
    pipeline = TickPipeline(redis)
    await pipeline.run("SET", "text", "x")
    before = (await redis.info("stats"))["total_reads_processed"]
    answers = await asyncio.gather(*(pipeline.run("INCR", "n") for _ in range(100)), pipeline.run("INCR", "text"), return_exceptions=True)
    assert set(answers[:100]) == set(range(1, 101))
    assert isinstance(answers[100], Unavailable)
    assert (await redis.info("stats"))["total_reads_processed"] - before < 10


async def test_a_store_that_is_away_is_unavailable() -> None:
    """Law 10: never a skipped check."""
    client = open_redis("redis://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await RedisReplay(client).once("dpop", "i", "j", soon())
    await client.aclose()


async def test_a_full_store_refuses_rather_than_forgets(redis) -> None:  # type: ignore[no-untyped-def]
    before = await redis.config_get("maxmemory")
    await redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(Unavailable):
            await RedisReplay(redis).once("dpop", "i", "j", soon())
    finally:
        await redis.config_set("maxmemory", before["maxmemory"])


async def test_connections_cut_by_a_restart_are_not_the_callers_problem(redis) -> None:  # type: ignore[no-untyped-def]
    replay = RedisReplay(redis)
    await replay.once("dpop", "i", "before", soon())
    await redis.client_kill_filter(_type="normal", skipme=True)
    assert await replay.once("dpop", "i", "after", soon())
