"""Search, walk, export and tail over a log in memory (O3)."""

import asyncio
from datetime import timedelta

import pytest

from kit.errors import InvalidRequest
from services.audit import drain, walk
from services.audit.model import Entry, Filter
from services.audit.search import cursor_before, position, search
from services.audit.tail import follow
from services.audit.weight import LARGEST
from tests.support.clock import FrozenClock
from tests.support.fakes_audit import START, MemoryLog, a_row


async def a_log(*rows: str, scan: int = 20_000) -> MemoryLog:
    log = MemoryLog(scan=scan)
    log.append(*rows)
    await drain.Drain(log, FrozenClock(START)).once()
    return log


def seqs(entries: tuple[Entry, ...]) -> list[int]:
    return [entry.seq for entry in entries]


async def test_pages_by_cursor_miss_and_repeat_nothing_while_the_log_grows() -> None:
    log = await a_log(*(a_row(number) for number in range(1, 26)))
    seen: list[int] = []
    cursor = ""
    while True:
        page = await search(log, Filter(), limit=10, cursor=cursor)
        seen += seqs(page.entries)
        log.append(a_row(99))
        await log.drain(10, drain.chained)
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == list(range(25, 0, -1))


async def test_the_default_page_has_fifty_entries() -> None:
    log = await a_log(*(a_row(number) for number in range(1, 61)))
    assert len((await search(log, Filter())).entries) == 50


async def test_a_page_that_ends_exactly_with_the_log_names_no_cursor() -> None:
    log = await a_log(a_row(1), a_row(2))
    assert (await search(log, Filter(), limit=2)).next_cursor == ""


async def test_an_empty_page_may_name_a_cursor_that_leads_on() -> None:
    log = await a_log(a_row(1, reason="needle"), *(a_row(number) for number in range(2, 10)), scan=4)
    page, calls = await search(log, Filter(text="needle")), 1
    while page.next_cursor and not page.entries:
        page, calls = await search(log, Filter(text="needle"), cursor=page.next_cursor), calls + 1
    assert (seqs(page.entries), page.next_cursor, calls) == ([1], "", 3)


async def test_a_page_of_large_entries_is_cut_to_what_a_message_carries() -> None:
    large = "x" * 100_000
    log = await a_log(*(a_row(number, detail={"text": large}) for number in range(1, 21)))
    first = await search(log, Filter(), limit=20)
    assert len(first.entries) == LARGEST // 100_000 - 1
    second = await search(log, Filter(), limit=20, cursor=first.next_cursor)
    assert seqs(first.entries + second.entries) == list(range(20, 4, -1))


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": -1},
        {"limit": 1001},
        {"offset": -1},
        {"offset": 100_001},
        {"offset": 1, "cursor": cursor_before(5)},
        {"cursor": "!"},
        {"cursor": "MTo1="},
        {"cursor": cursor_before(0)},
        {"cursor": cursor_before(2**63)},
        {"cursor": "ä"},
        {"cursor": "MTotNQ"},
    ],
)
async def test_paging_out_of_bounds_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        await search(MemoryLog(), Filter(), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(outcome="maybe"),
        Filter(text="x" * 201),
        Filter(actor_id="x" * 2049),
        Filter(subject="a\x00b"),
        Filter(actions=("a\x00b",)),
        Filter(actions=("a.b",) * 101),
        Filter(since=START, until=START - timedelta(seconds=1)),
    ],
)
async def test_a_filter_without_sense_is_refused(wanted: Filter) -> None:
    with pytest.raises(InvalidRequest):
        await search(MemoryLog(), wanted)


@pytest.mark.parametrize("seq", [1, 50, 2**63 - 1])
def test_a_cursor_comes_back_as_its_position(seq: int) -> None:
    assert position(cursor_before(seq)) == seq


async def test_an_export_is_everything_that_matches_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "BATCH", 3)
    monkeypatch.setattr(walk, "SPAN", 4)
    log = await a_log(*(a_row(number, subject=("even", "odd")[number % 2]) for number in range(1, 30)))
    batches = [seqs(batch) async for batch in walk.export(log, Filter(subject="odd"))]
    assert [seq for batch in batches for seq in batch] == list(range(1, 30, 2))
    assert max(map(len, batches)) <= 3
    assert [seq for batch in [seqs(b) async for b in walk.export(log, Filter())] for seq in batch] == list(range(1, 30))


async def test_an_export_ends_where_the_log_stood_when_it_began() -> None:
    log = await a_log(a_row(1), a_row(2))
    exporting = walk.export(log, Filter())
    first = await anext(exporting)
    log.append(a_row(3))
    await log.drain(10, drain.chained)
    assert seqs(first) == [1, 2]
    assert [batch async for batch in exporting] == []


async def test_an_export_travels_in_messages_that_fit() -> None:
    log = await a_log(*(a_row(number, detail={"text": "x" * 300_000}) for number in range(1, 6)))
    assert [seqs(batch) async for batch in walk.export(log, Filter())] == [[1, 2], [3, 4], [5]]


async def test_a_tail_gives_every_entry_once_in_order_however_batches_fall() -> None:
    log = await a_log(a_row(1))
    tailing = follow(log, log, Filter(), after_seq=0, patience=30)
    reading = asyncio.ensure_future(anext(tailing))
    await asyncio.sleep(0)
    seen: list[int] = []
    for size in (1, 3, 250, 2):
        log.append(*(a_row(number) for number in range(size)))
        await log.drain(1000, drain.chained)
        for _ in range(size):
            async with asyncio.timeout(5):
                seen.append((await reading).seq)
            reading = asyncio.ensure_future(anext(tailing))
    reading.cancel()
    assert seen == list(range(2, 258))


async def test_a_tail_can_begin_in_the_past_and_filters() -> None:
    log = await a_log(*(a_row(number, subject=("even", "odd")[number % 2]) for number in range(1, 8)))
    tailing = follow(log, log, Filter(subject="odd"), after_seq=2, patience=30)
    assert [(await anext(tailing)).seq for _ in range(3)] == [3, 5, 7]


async def test_a_tail_looks_for_itself_when_no_word_comes() -> None:
    log = await a_log(a_row(1))
    deaf = MemoryLog()
    tailing = follow(log, deaf, Filter(), after_seq=1, patience=0.01)
    reading = asyncio.ensure_future(anext(tailing))
    await asyncio.sleep(0)
    log.append(a_row(2))
    await log.drain(10, drain.chained)
    async with asyncio.timeout(5):
        assert (await reading).seq == 2
