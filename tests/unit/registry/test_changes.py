"""The feed of changes: architecture §6."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.registry.changes import Feed
from services.registry.model import Change, ChangeKind, Revision


def change(revision: int) -> Change:
    return Change(Revision(revision), ChangeKind.CLIENT, f"c{revision}")


def standing(at: int = 7, depth: int = 3) -> Feed:
    feed = Feed(depth)
    feed.resume(Revision(at))
    return feed


async def take(stream: AsyncIterator[Change], count: int) -> list[int]:
    async with asyncio.timeout(1):
        return [(await anext(stream)).revision for _ in range(count)]


async def ended(stream: AsyncIterator[Change]) -> bool:
    async with asyncio.timeout(1):
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    return True


async def test_a_reader_hears_where_the_feed_stands_and_then_every_change() -> None:
    feed = standing()
    stream = feed.watch()
    first = await anext(stream)
    assert first == Change(Revision(7))
    feed.publish(change(8))
    feed.publish(change(9))
    assert await take(stream, 2) == [8, 9]


async def test_every_reader_hears_everything_and_leaves_nothing_behind() -> None:
    feed = standing()
    streams = [feed.watch() for _ in range(100)]
    assert [await take(stream, 1) for stream in streams] == [[7]] * 100
    feed.publish(change(8))
    assert [await take(stream, 1) for stream in streams] == [[8]] * 100
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    assert feed.readers == 0


async def test_a_reader_that_falls_behind_is_ended_and_the_others_are_not() -> None:
    feed = standing()
    slow, quick = feed.watch(), feed.watch()
    await take(slow, 1)
    await take(quick, 1)
    for revision in range(8, 12):
        feed.publish(change(revision))
        await take(quick, 1)
    assert await ended(slow)
    feed.publish(change(12))
    assert await take(quick, 1) == [12]


async def test_a_gap_in_revisions_ends_every_stream() -> None:
    feed = standing()
    stream = feed.watch()
    await take(stream, 1)
    feed.publish(change(9))
    assert await ended(stream)
    assert await take(feed.watch(), 1) == [9]


async def test_an_interruption_ends_streams_and_new_ones_wait_until_it_is_over() -> None:
    feed = standing()
    before = feed.watch()
    await take(before, 1)
    feed.interrupt()
    assert await ended(before)
    waiting = asyncio.create_task(take(feed.watch(), 1))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    feed.publish(change(20))
    feed.resume(Revision(21))
    assert await waiting == [21]


async def test_what_the_revision_already_covers_is_not_told_again() -> None:
    feed = standing()
    stream = feed.watch()
    await take(stream, 1)
    feed.publish(change(6))
    feed.publish(change(7))
    feed.publish(change(8))
    assert await take(stream, 1) == [8]


async def test_closing_ends_every_stream() -> None:
    feed = standing()
    stream = feed.watch()
    await take(stream, 1)
    feed.close()
    assert await ended(stream)
    assert await ended(feed.watch())
