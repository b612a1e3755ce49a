"""Verification over a log in memory: what was done to the chain, and the first entry that shows it (O3)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.errors import InvalidRequest
from services.audit import chain, drain
from services.audit.model import Head, Verdict
from services.audit.verification import verify
from tests.support.fakes_audit import START, MemoryLog, a_row, an_event


async def a_log(length: int = 10) -> MemoryLog:
    log = MemoryLog()
    log.append(*(a_row(number) for number in range(1, length + 1)))
    await log.drain(length, drain.chained)
    return log


async def test_an_untouched_log_is_intact() -> None:
    assert await verify(await a_log(10)) == Verdict(10, 0, "")


async def test_an_empty_log_is_intact() -> None:
    assert await verify(MemoryLog()) == Verdict(0, 0, "")


async def test_a_long_log_is_read_in_steps() -> None:
    assert await verify(await a_log(2500)) == Verdict(2500, 0, "")


async def test_a_range_is_held_against_its_predecessor() -> None:
    log = await a_log(10)
    assert await verify(log, from_seq=4, to_seq=6) == Verdict(3, 0, "")
    log.entries[2] = replace(log.entries[2], hash=bytes(32))
    assert (await verify(log, from_seq=4, to_seq=6)).first_bad_seq == 4


def change(log: MemoryLog) -> None:
    log.entries[4] = replace(log.entries[4], event=replace(log.entries[4].event, subject="x"))


def change_and_rehash(log: MemoryLog) -> None:
    change(log)
    entry = log.entries[4]
    log.entries[4] = replace(entry, hash=chain.link(entry.prev_hash, chain.canonical(5, entry.recorded_at, entry.event)))


def remove(log: MemoryLog) -> None:
    del log.entries[4]


def remove_the_first(log: MemoryLog) -> None:
    del log.entries[0]


def remove_the_last(log: MemoryLog) -> None:
    del log.entries[9]


def insert_twice(log: MemoryLog) -> None:
    log.entries.insert(5, log.entries[4])


def insert_behind_the_end(log: MemoryLog) -> None:
    log.entries += chain.extend(log.ended_with, START, [an_event(11)])


def swap(log: MemoryLog) -> None:
    first, second = log.entries[4], log.entries[5]
    log.entries[4:6] = [replace(second, seq=5), replace(first, seq=6)]


def rewrite_the_end(log: MemoryLog) -> None:
    before = log.entries[8]
    log.entries[9:] = chain.extend(Head(9, before.hash), START, [an_event(77)])


@pytest.mark.parametrize(
    ("tamper", "first_bad"),
    [
        (change, 5),
        (change_and_rehash, 6),
        (remove, 5),
        (remove_the_first, 1),
        (remove_the_last, 10),
        (insert_twice, 5),
        (insert_behind_the_end, 11),
        (swap, 5),
        (rewrite_the_end, 10),
    ],
)
async def test_tampering_is_found_and_named(tamper: Callable[[MemoryLog], None], first_bad: int) -> None:
    log = await a_log(10)
    tamper(log)
    verdict = await verify(log)
    assert (verdict.intact, verdict.first_bad_seq) == (False, first_bad)
    assert str(first_bad) in verdict.explanation or str(first_bad - 1) in verdict.explanation


async def test_a_second_entry_at_the_end_of_a_step_is_found() -> None:
    log = await a_log(2000)
    log.entries.insert(1000, log.entries[999])
    assert (await verify(log)).first_bad_seq == 1000


async def test_after_a_month_was_taken_away_the_rest_is_verified_from_its_checkpoint() -> None:
    log = await a_log(5)
    log.now += timedelta(days=31)
    log.append(*(a_row(number) for number in range(6, 9)))
    await log.drain(10, drain.chained)
    del log.entries[:5]
    assert await verify(log) == Verdict(3, 0, "entries 1 to 5 are not kept")
    assert (await verify(log, from_seq=3)).first_bad_seq == 2
    del log.entries[0]
    assert (await verify(log)).first_bad_seq == 1


@pytest.mark.parametrize(("first", "last"), [(-1, 0), (0, -1), (5, 4), (11, 0)])
async def test_a_range_without_sense_is_refused(first: int, last: int) -> None:
    with pytest.raises(InvalidRequest):
        await verify(await a_log(10), from_seq=first, to_seq=last)
