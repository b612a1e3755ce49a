"""Group commit: every writer waits for its own commit, and fails with its own commit."""

import asyncio
from collections.abc import Sequence

import pytest

from kit.errors import Unavailable
from kit.group_commit import GroupCommit


class Table:
    """Commits when told to, and remembers what came together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.poison: int | None = None

    async def flush(self, rows: Sequence[int]) -> None:
        self.batches.append(list(rows))
        await self.gate.wait()
        if self.poison in rows:
            raise Unavailable("down")


async def test_a_lone_row_is_flushed_at_once() -> None:
    table = Table()
    await GroupCommit(table.flush).write(1)
    assert table.batches == [[1]]


async def test_rows_gather_while_a_flush_is_under_way() -> None:
    table = Table()
    writer = GroupCommit(table.flush)
    table.gate.clear()
    first = asyncio.create_task(writer.write(0))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(writer.write(row)) for row in range(1, 6)]
    await asyncio.sleep(0.01)
    assert not first.done()
    table.gate.set()
    await asyncio.gather(first, *rest)
    assert table.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_batch_is_never_larger_than_the_limit() -> None:
    table = Table()
    writer = GroupCommit(table.flush, limit=2)
    await asyncio.gather(*(writer.write(row) for row in range(5)))
    assert table.batches == [[0, 1], [2, 3], [4]]


async def test_a_failing_flush_fails_exactly_its_rows() -> None:
    table = Table()
    writer = GroupCommit(table.flush, limit=2)
    table.poison = 2
    results = await asyncio.gather(*(writer.write(row) for row in range(6)), return_exceptions=True)
    assert [isinstance(result, Unavailable) for result in results] == [False, False, True, True, False, False]
    await writer.write(9)


async def test_a_writer_that_left_before_its_flush_is_not_written() -> None:
    table = Table()
    writer = GroupCommit(table.flush)
    table.gate.clear()
    first = asyncio.create_task(writer.write(0))
    await asyncio.sleep(0.01)
    impatient, patient = asyncio.create_task(writer.write(1)), asyncio.create_task(writer.write(2))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0)
    table.gate.set()
    await asyncio.gather(first, patient)
    assert table.batches == [[0], [2]]


async def test_close_waits_for_what_was_taken_and_takes_no_more() -> None:
    table = Table()
    writer = GroupCommit(table.flush, limit=1)
    table.gate.clear()
    taken = [asyncio.create_task(writer.write(row)) for row in range(3)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await writer.write(9)
    assert not closing.done()
    table.gate.set()
    await closing
    assert all(task.done() for task in taken) or await asyncio.gather(*taken) is not None
    assert table.batches == [[0], [1], [2]]


async def test_close_without_anything_under_way_returns() -> None:
    await GroupCommit(Table().flush).close()
