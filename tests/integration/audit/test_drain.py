"""The drain against crashes, replicas and the calendar: nothing lost, nothing twice, always in order."""

import asyncio
import os
import random
import signal
import sys
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from kit.clock import SystemClock
from kit.errors import Unavailable
from kit.pg import Pool, open_pool
from services.audit.adapters.outbox import NotifiedGrowth, PostgresOutbox
from services.audit.adapters.store import PostgresEntries
from services.audit.drain import Drain, chained
from services.audit.model import Filter, Verdict
from services.audit.ports import Chaining
from services.audit.tail import follow
from services.audit.verification import verify
from tests.integration.audit.conftest import Append
from tests.support.fakes_audit import START, a_row
from tests.support.servers import ROOT, Database

DRAINING = """
import asyncio, sys
from kit.clock import SystemClock
from kit.pg import open_pool
from services.audit.adapters.outbox import PostgresOutbox
from services.audit.drain import Drain

async def main() -> None:
    pool = await open_pool(sys.argv[1], application_name="a drain to be killed")
    print("draining", flush=True)
    await Drain(PostgresOutbox(pool), SystemClock(), batch=7).run()

asyncio.run(main())
"""


async def a_drain_elsewhere(database: Database) -> asyncio.subprocess.Process:
    """A process of its own, as a replica would be."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DRAINING, database.dsn_for("audit")),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"draining\n"
    return child


async def until_empty(pool: Pool) -> None:
    outbox = PostgresOutbox(pool)
    async with asyncio.timeout(30):
        while await outbox.waiting():
            await outbox.drain(100, chained)


async def assert_complete(pool: Pool, expected: int) -> None:
    rows = await pool.fetch("SELECT request_id, count(*) AS times FROM audit.entries GROUP BY request_id")
    assert {row["times"] for row in rows} == {1}
    assert len(rows) == expected
    assert await verify(PostgresEntries(pool)) == Verdict(expected, 0, "")


async def test_killed_at_any_point_nothing_is_lost_and_nothing_doubled(log_database: Database, pool: Pool, append: Append) -> None:
    chance = random.Random(7)
    written = 0
    for _ in range(5):
        child = await a_drain_elsewhere(log_database)
        until = asyncio.get_running_loop().time() + chance.uniform(0.02, 0.2)
        while asyncio.get_running_loop().time() < until:
            await append(*(a_row(number) for number in range(written, written + 5)))
            written += 5
        child.send_signal(signal.SIGKILL)
        await child.wait()
    await until_empty(pool)
    await assert_complete(pool, written)


@pytest.mark.parametrize("point", ["begun", "chained"])
async def test_a_connection_cut_in_the_middle_of_a_batch_leaves_the_batch_waiting(
    log_database: Database, pool: Pool, append: Append, point: str
) -> None:
    await append(*(a_row(number) for number in range(20)))
    doomed = await open_pool(log_database.dsn_for("audit"), application_name="doomed", max_size=1)
    superuser = await asyncpg.connect(log_database.superuser_dsn)
    loop = asyncio.get_running_loop()

    class Cutting(PostgresOutbox):
        """Loses its connection at a chosen moment of the transaction."""

        async def _advance(self, *arguments: object) -> None:
            if point == "chained":
                await cut()
            await super()._advance(*arguments)  # type: ignore[arg-type]

    async def cut() -> None:
        await superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'")

    cutting: list[asyncio.Future[None]] = []

    def chaining(*arguments: object) -> object:
        if point == "begun":
            cutting.append(loop.create_task(cut()))
        return chained(*arguments)  # type: ignore[arg-type]

    chain: Chaining = chaining  # type: ignore[assignment]
    if point == "begun":
        # The cut races with the rest of the batch: either all of it stands or none.
        try:
            await Cutting(doomed).drain(100, chain)
        except Unavailable:
            assert await pool.fetchval("SELECT count(*) FROM audit.outbox") == 20
        await asyncio.gather(*cutting)
    else:
        with pytest.raises(Unavailable):
            await Cutting(doomed).drain(100, chain)
        assert await pool.fetchval("SELECT count(*) FROM audit.outbox") == 20
    await doomed.close()
    await superuser.close()
    await until_empty(pool)
    await assert_complete(pool, 20)


async def test_replicas_take_turns(log_database: Database, pool: Pool, append: Append) -> None:
    replicas = [Drain(PostgresOutbox(pool), SystemClock(), batch=3) for _ in range(4)]
    running = [asyncio.create_task(replica.run()) for replica in replicas]
    for start in range(0, 200, 4):
        await append(*(a_row(number) for number in range(start, start + 4)))
    await until_empty(pool)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await until_empty(pool)
    await assert_complete(pool, 200)


async def test_while_one_replica_drains_another_does_nothing(log_database: Database, pool: Pool, append: Append) -> None:
    await append(a_row(1))
    async with pool.transaction() as tx:
        assert await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('audit drain', 0))")
        assert await PostgresOutbox(pool).drain(10, chained) == 0
    assert await PostgresOutbox(pool).drain(10, chained) == 1


async def test_events_committed_out_of_order_are_all_chained(log_database: Database, pool: Pool, append: Append) -> None:
    """A transaction that takes its outbox id early and commits late must not be passed over."""
    slow = await asyncpg.connect(log_database.dsn_for("token"))
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute("SELECT audit.append($1::jsonb[])", [a_row(1)])
    await append(a_row(2))
    await until_empty(pool)
    await transaction.commit()
    await slow.close()
    await until_empty(pool)
    entries = await PostgresEntries(pool).between(Filter(), after=0, upto=9, limit=9)
    assert [entry.event.request_id for entry in entries] == ["request-2", "request-1"]
    await assert_complete(pool, 2)


async def test_a_tail_follows_several_drains_without_a_gap(log_database: Database, pool: Pool, append: Append) -> None:
    growth = NotifiedGrowth()
    await growth.listen(pool)
    tailing = follow(PostgresEntries(pool), growth, Filter(), after_seq=0)
    first = asyncio.ensure_future(anext(tailing))
    running = [asyncio.create_task(Drain(PostgresOutbox(pool), SystemClock(), batch=5).run()) for _ in range(2)]
    await asyncio.sleep(0.1)

    async def write() -> None:
        for start in range(0, 300, 3):
            await append(*(a_row(number) for number in range(start, start + 3)))

    writing = asyncio.create_task(write())
    async with asyncio.timeout(30):
        seen = [(await first).seq]
        while len(seen) < 300:
            seen.append((await anext(tailing)).seq)
    assert seen == list(range(1, 301))
    await writing
    for task in running:
        task.cancel()


async def test_a_month_that_ends_leaves_a_checkpoint_and_its_own_partition(
    log_database: Database, pool: Pool, append: Append, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Retention by partition: what is left after the oldest month went away still proves itself."""
    last_month = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).date()
    await pool.execute("SELECT audit.create_partition($1)", last_month)
    await superuser.execute("UPDATE audit.head SET recorded_at = $1", datetime.combine(last_month, START.timetz()))

    def then(head: object, recorded_at: object, rows: object) -> object:
        return chained(head, datetime.combine(last_month, START.timetz()), rows)  # type: ignore[arg-type]

    await append(a_row(1), a_row(2))
    chain: Chaining = then  # type: ignore[assignment]
    await PostgresOutbox(pool).drain(10, chain)
    await append(a_row(3))
    await PostgresOutbox(pool).drain(10, chained)
    entries = PostgresEntries(pool)
    assert await verify(entries) == Verdict(3, 0, "")
    (second,) = await entries.between(Filter(), after=1, upto=2, limit=1)
    assert await entries.checkpoint(2) == second.hash
    await pool.execute(f"DROP TABLE audit.entries_{last_month:%Y_%m}")
    assert await verify(entries) == Verdict(1, 0, "entries 1 to 2 are not kept")


async def test_partitions_are_there_before_they_are_needed(pool: Pool) -> None:
    await PostgresOutbox(pool).prepare()
    await PostgresOutbox(pool).prepare()
    names = [row["name"] for row in await pool.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits ORDER BY 1")]
    tables = [name for name in names if "_pkey" not in name and "_idx" not in name]
    assert len(tables) == 3
    assert tables[0].endswith(f"entries_{datetime.now(UTC):%Y_%m}")


async def test_filters_are_answered_from_an_index(pool: Pool) -> None:
    for column in ("actor_id", "client_id", "subject", "resource"):
        plan = await pool.fetch(f"EXPLAIN SELECT * FROM audit.entries WHERE {column} = 'x' AND {column} <> '' ORDER BY seq DESC LIMIT 5")
        assert any("Index" in row[0] for row in plan), plan
