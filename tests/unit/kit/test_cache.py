"""The cache asks once, forgets in time, and keeps no errors."""

import asyncio

import pytest

from kit.cache import Cache
from kit.errors import Missing


class Source:
    """Counts how often it is asked; answers when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def load(self, key: str) -> str:
        self.asked.append(key)
        turn = len(self.asked)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return f"{key}{turn}"


class Now:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_fifty_who_ask_at_once_share_one_load() -> None:
    source, cache = Source(), Cache[str, str](ttl=30, size=10)
    source.open.clear()
    waiting = [asyncio.create_task(cache.get("a", source.load)) for _ in range(50)]
    await asyncio.sleep(0)
    source.open.set()
    assert set(await asyncio.gather(*waiting)) == {"a1"}
    assert source.asked == ["a"]


async def test_a_value_is_asked_for_again_when_its_time_is_over() -> None:
    now = Now()
    source, cache = Source(), Cache[str, str](ttl=30, size=10, now=now)
    assert await cache.get("a", source.load) == "a1"
    now.seconds = 29.9
    assert await cache.get("a", source.load) == "a1"
    assert cache.peek("a") == "a1"
    now.seconds = 30
    assert cache.peek("a") is None
    assert await cache.get("a", source.load) == "a2"


async def test_errors_reach_everyone_waiting_and_are_not_kept() -> None:
    source, cache = Source(), Cache[str, str](ttl=30, size=10)
    source.error = Missing("no such client")
    results = await asyncio.gather(*(cache.get("a", source.load) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [Missing] * 3
    source.error = None
    assert await cache.get("a", source.load) == "a2"


async def test_one_impatient_caller_does_not_cancel_the_load_of_others() -> None:
    source, cache = Source(), Cache[str, str](ttl=30, size=10)
    source.open.clear()
    first = asyncio.create_task(cache.get("a", source.load))
    second = asyncio.create_task(cache.get("a", source.load))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert await second == "a1"
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize("forget", ["drop", "clear"])
async def test_a_value_loaded_while_it_was_forgotten_is_not_kept(forget: str) -> None:
    source, cache = Source(), Cache[str, str](ttl=30, size=10)
    source.open.clear()
    early = asyncio.create_task(cache.get("a", source.load))
    await asyncio.sleep(0)
    if forget == "drop":
        cache.drop("a")
    else:
        cache.clear()
    late = asyncio.create_task(cache.get("a", source.load))
    await asyncio.sleep(0)
    source.open.set()
    assert (await early, await late) == ("a1", "a2")
    assert cache.peek("a") == "a2"


async def test_the_longest_unused_leaves_first() -> None:
    source, cache = Source(), Cache[str, str](ttl=30, size=2)
    for key in ("a", "b", "a", "c"):
        await cache.get(key, source.load)
    assert cache.peek("a") is not None
    assert cache.peek("b") is None
    assert cache.peek("c") is not None
