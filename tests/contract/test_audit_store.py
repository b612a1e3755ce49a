"""One suite for the audit log in Postgres and the one in memory, so that what the rules are tested with behaves like what runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from kit.pg import open_pool
from services.audit.adapters.outbox import NotifiedGrowth, PostgresOutbox
from services.audit.adapters.store import PostgresEntries
from services.audit.chain import GENESIS, extend
from services.audit.drain import chained
from services.audit.model import Entry, Filter, Head
from services.audit.ports import Entries, Growth, Outbox
from tests.support.fakes_audit import START, MemoryLog, a_row
from tests.support.servers import PostgresServer, fresh_database

SCAN = 10


@dataclass
class Log:
    """What both give to the suite."""

    outbox: Outbox
    entries: Entries
    growth: Growth
    append: Callable[..., Awaitable[None]]

    async def write(self, *rows: str) -> None:
        """Append and chain."""
        await self.append(*rows)
        assert await self.outbox.drain(1000, chained) == len(rows)


async def in_memory() -> AsyncIterator[Log]:
    log = MemoryLog(scan=SCAN)

    async def append(*rows: str) -> None:
        log.append(*rows)

    yield Log(log, log, log, append)


async def in_postgres(server: PostgresServer) -> AsyncIterator[Log]:
    database = await fresh_database(server, "audit")
    pool = await open_pool(database.dsn_for("audit"), application_name="test audit")
    token = await asyncpg.connect(database.dsn_for("token"))
    growth = NotifiedGrowth()
    await growth.listen(pool)

    async def append(*rows: str) -> None:
        await token.execute("SELECT audit.append($1::jsonb[])", list(rows))

    try:
        yield Log(PostgresOutbox(pool), PostgresEntries(pool, scan=SCAN), growth, append)
    finally:
        await token.close()
        await pool.close()
        await server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


@pytest.fixture(params=["memory", "postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer | None:
    """The server to test on; None for the log in memory."""
    return request.getfixturevalue("postgres_server") if request.param == "postgres" else None


@pytest.fixture
async def log(server: PostgresServer | None) -> AsyncIterator[Log]:
    async for made in in_memory() if server is None else in_postgres(server):
        await made.outbox.prepare()
        yield made


def seqs(entries: Sequence[Entry]) -> list[int]:
    return [entry.seq for entry in entries]


async def test_an_empty_log_says_so(log: Log) -> None:
    assert not await log.outbox.waiting()
    assert await log.outbox.drain(10, chained) == 0
    assert await log.entries.head() == Head(0, GENESIS)
    assert await log.entries.oldest() == 0
    assert await log.entries.checkpoint(1) is None
    assert (await log.entries.newest(Filter(), before=None, limit=5, offset=0)).entries == ()
    assert (await log.entries.lag()).waiting == 0


async def test_what_is_appended_waits_and_is_chained_in_order(log: Log) -> None:
    await log.append(a_row(1), a_row(2))
    await log.append(a_row(3))
    lag = await log.entries.lag()
    assert (lag.waiting, lag.newest_seq) == (3, 0)
    assert lag.oldest_seconds >= 0
    assert await log.outbox.waiting()
    assert await log.outbox.drain(2, chained) == 2
    assert await log.outbox.drain(2, chained) == 1
    assert not await log.outbox.waiting()
    entries = await log.entries.between(Filter(), after=0, upto=10, limit=10)
    assert [(entry.seq, entry.event.request_id) for entry in entries] == [(1, "request-1"), (2, "request-2"), (3, "request-3")]
    assert await log.entries.head() == Head(3, entries[-1].hash)
    assert await log.entries.oldest() == 1


async def test_an_entry_comes_back_as_it_was_chained(log: Log) -> None:
    rich: dict[str, Any] = {"scopes": ["b", "a"], "n": 2**62, "minus": -1, "force": False, "text": 'é "q" \\ \n \x7f'}
    await log.write(a_row(1, detail=rich), a_row(2, occurred_at="2026-03-01T12:00:00.123456+02:00"), a_row(3, extra=1))
    entries = await log.entries.between(Filter(), after=0, upto=10, limit=10)
    again = extend(Head(0, GENESIS), entries[0].recorded_at, [entry.event for entry in entries])
    assert again == entries
    assert [entry.event.action for entry in entries] == ["token.issued", "token.issued", "audit.malformed"]


async def test_a_failing_chain_leaves_everything_where_it_was(log: Log) -> None:
    await log.append(a_row(1))

    def broken(head: Head, recorded_at: object, rows: object) -> tuple[Entry, ...]:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await log.outbox.drain(10, broken)
    assert (await log.entries.lag()).waiting == 1
    assert (await log.entries.head()).seq == 0
    assert await log.outbox.drain(10, chained) == 1


async def test_newest_first_with_limit_offset_and_place_to_resume(log: Log) -> None:
    await log.write(*(a_row(number) for number in range(1, 8)))
    first = await log.entries.newest(Filter(), before=None, limit=3, offset=0)
    assert (seqs(first.entries), first.resume_before) == ([7, 6, 5], 5)
    second = await log.entries.newest(Filter(), before=5, limit=4, offset=0)
    assert (seqs(second.entries), second.resume_before) == ([4, 3, 2, 1], None)
    assert seqs((await log.entries.newest(Filter(), before=None, limit=2, offset=3)).entries) == [4, 3]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(actions=("token.revoked", "user.login")), [3, 2]),
        (Filter(actor_id="user-9"), [3]),
        (Filter(client_id="client-2"), [2]),
        (Filter(subject="user-9"), [3, 2]),
        (Filter(resource="https://other.example"), [4]),
        (Filter(outcome="denied"), [4]),
        (Filter(ip="198.51.100.7"), [4]),
        (Filter(trace_id="ab" * 16), [2]),
        (Filter(request_id="request-1"), [1]),
        (Filter(text="REUSE of"), [4]),
        (Filter(text="fämily-7"), [2]),
        (Filter(text="user-9"), [3, 2]),
        (Filter(text="100%_"), []),
        (Filter(since=START + timedelta(seconds=2), until=START + timedelta(seconds=3)), [3, 2]),
        (Filter(subject="user-9", actions=("user.login",), outcome="success", text="user"), [3]),
        (Filter(actor_id="nobody"), []),
    ],
)
async def test_every_filter_finds_what_it_names(log: Log, wanted: Filter, found: list[int]) -> None:
    """O3: actor, client, user, resource, action, outcome, text, ip, trace id, time."""
    await log.write(
        a_row(1),
        a_row(2, action="token.revoked", client_id="client-2", subject="user-9", trace_id="ab" * 16, detail={"family": "Fämily-7"}),
        a_row(3, action="user.login", actor_id="user-9", subject="user-9"),
        a_row(4, resource="https://other.example", outcome="denied", reason="reuse of a code", ip="198.51.100.7"),
    )
    assert seqs((await log.entries.newest(wanted, before=None, limit=10, offset=0)).entries) == found
    assert seqs(await log.entries.between(wanted, after=0, upto=10, limit=10)) == found[::-1]


async def test_a_rare_text_is_looked_for_in_bounded_steps(log: Log) -> None:
    await log.write(a_row(1, reason="needle"), *(a_row(number) for number in range(2, SCAN * 2)))
    first = await log.entries.newest(Filter(text="needle"), before=None, limit=5, offset=0)
    assert (first.entries, first.resume_before) == ((), SCAN)
    second = await log.entries.newest(Filter(text="needle"), before=SCAN, limit=5, offset=0)
    assert (seqs(second.entries), second.resume_before) == ([1], None)


async def test_between_is_bounded_on_both_sides(log: Log) -> None:
    await log.write(*(a_row(number) for number in range(1, 8)))
    assert seqs(await log.entries.between(Filter(), after=2, upto=5, limit=10)) == [3, 4, 5]
    assert seqs(await log.entries.between(Filter(), after=2, upto=5, limit=2)) == [3, 4]


async def test_growth_is_heard(log: Log) -> None:
    grown = log.growth.next()
    await log.write(a_row(1))
    async with asyncio.timeout(5):
        await grown.wait()
    assert not log.growth.next().is_set()
