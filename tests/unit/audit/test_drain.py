"""The drain's loop over an outbox in memory."""

import asyncio
from datetime import timedelta

from services.audit.drain import Drain, chained
from services.audit.ports import Chaining
from tests.support.clock import FrozenClock
from tests.support.fakes_audit import START, MemoryLog, a_row


class Flaky(MemoryLog):
    """Fails twice before it works."""

    failures: int = 2

    async def drain(self, limit: int, chain: Chaining) -> int:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database has gone away")
        return await super().drain(limit, chain)


async def until_drained(log: MemoryLog, drain: Drain) -> None:
    running = asyncio.create_task(drain.run())
    async with asyncio.timeout(10):
        while log.rows:
            await log.next().wait()
    running.cancel()


async def test_full_batches_follow_one_another_without_a_pause() -> None:
    log = MemoryLog()
    log.append(*(a_row(number) for number in range(95)))
    async with asyncio.timeout(1.5):
        await until_drained(log, Drain(log, FrozenClock(START), batch=10))
    assert [entry.seq for entry in log.entries] == list(range(1, 96))


async def test_a_failure_is_survived() -> None:
    log = Flaky()
    log.append(a_row(1))
    await until_drained(log, Drain(log, FrozenClock(START), pause_after_failure=0.01))
    assert len(log.entries) == 1


async def test_a_malformed_row_is_kept_and_the_others_pass() -> None:
    log = MemoryLog()
    log.append(a_row(1), "{", a_row(3))
    await Drain(log, FrozenClock(START)).once()
    assert [entry.event.action for entry in log.entries] == ["token.issued", "audit.malformed", "token.issued"]


async def test_places_for_the_coming_months_are_made_at_start_and_hourly() -> None:
    log, clock = MemoryLog(), FrozenClock(START)
    drain = Drain(log, clock)
    await drain.once()
    await drain.once()
    assert log.prepared == 1
    clock.advance(timedelta(hours=1))
    await drain.once()
    assert log.prepared == 2


def test_rows_are_chained_in_the_order_they_came() -> None:
    log = MemoryLog()
    entries = chained(log.ended_with, START, [(a_row(number), START) for number in (1, 2)])
    assert [entry.event.request_id for entry in entries] == ["request-1", "request-2"]
