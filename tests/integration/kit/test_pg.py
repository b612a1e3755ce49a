"""The pool against a real Postgres."""

import asyncio

import pytest

from kit.errors import Conflict, InvalidRequest, Unavailable
from kit.pg import Pool, open_pool
from tests.support.servers import Database


@pytest.fixture
async def pool(database: Database):  # type: ignore[no-untyped-def]
    opened = await open_pool(database.dsn_for("token"), application_name="kit tests", max_size=4)
    await opened.execute("CREATE TABLE token.things (id text PRIMARY KEY, body jsonb)")
    yield opened
    await opened.close()


async def test_jsonb_goes_in_and_out_as_python_values(pool: Pool) -> None:
    await pool.execute("INSERT INTO token.things VALUES ($1, $2)", "a", {"scopes": ["x"], "n": 1})
    assert await pool.fetchval("SELECT body FROM token.things WHERE id = $1", "a") == {"scopes": ["x"], "n": 1}


async def test_prepared_json_text_is_not_encoded_twice(pool: Pool) -> None:
    rows = await pool.fetch("SELECT value->>'action' AS action FROM unnest($1::jsonb[]) AS value", ['{"action":"a"}', '{"action":"b"}'])
    assert [row["action"] for row in rows] == ["a", "b"]


async def test_a_duplicate_is_a_conflict_that_names_the_constraint(pool: Pool) -> None:
    await pool.execute("INSERT INTO token.things VALUES ('a', NULL)")
    with pytest.raises(Conflict) as caught:
        await pool.execute("INSERT INTO token.things VALUES ('a', NULL)")
    assert caught.value.members == {"constraint": "things_pkey"}


async def test_a_transaction_that_fails_leaves_nothing(pool: Pool) -> None:
    with pytest.raises(Conflict):
        async with pool.transaction() as tx:
            await tx.execute("INSERT INTO token.things VALUES ('a', NULL)")
            await tx.execute("INSERT INTO token.things VALUES ('a', NULL)")
    assert await pool.fetchval("SELECT count(*) FROM token.things") == 0


async def test_the_blocks_own_error_leaves_a_transaction_untranslated(pool: Pool) -> None:
    with pytest.raises(TimeoutError):
        async with pool.transaction() as tx:
            await tx.execute("INSERT INTO token.things VALUES ('a', NULL)")
            raise TimeoutError
    assert await pool.fetchval("SELECT count(*) FROM token.things") == 0


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
async def test_text_that_cannot_be_stored_is_the_callers_fault(pool: Pool, text: str) -> None:
    with pytest.raises(InvalidRequest):
        await pool.execute("INSERT INTO token.things VALUES ($1, NULL)", text)


async def test_a_killed_connection_is_unavailable_once_and_then_works_again(pool: Pool, database: Database) -> None:
    """Law 10: a dependency down is said so, and is over when it is over."""
    me = await pool.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(Unavailable):
        async with pool.transaction() as tx:
            await tx.fetchval("SELECT 1")
            await database.on.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'")
            await tx.fetchval("SELECT 1")
    for _ in range(10):
        try:
            assert await pool.fetchval("SELECT pg_backend_pid()") != me
            break
        except Unavailable:
            continue
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_statement_is_cut_after_five_seconds(pool: Pool) -> None:
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await pool.fetchval("SELECT pg_sleep(20)")
    assert asyncio.get_running_loop().time() - started < 6.5


async def test_no_connection_to_spare_is_unavailable(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.pg.ACQUIRE_SECONDS", 0.2)
    async with pool.transaction(), pool.transaction(), pool.transaction(), pool.transaction():
        with pytest.raises(Unavailable):
            await pool.fetchval("SELECT 1")
    assert await pool.fetchval("SELECT 1") == 1


async def test_an_unreachable_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await open_pool("postgresql://u:p@/d?host=/nowhere", application_name="x")


async def test_a_cancelled_block_rolls_back_and_returns_its_connection(pool: Pool) -> None:
    async def hang() -> None:
        async with pool.transaction() as tx:
            await tx.execute("INSERT INTO token.things VALUES ('a', NULL)")
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hang())]
    await asyncio.sleep(0.1)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await pool.fetchval("SELECT count(*) FROM token.things") == 0


async def test_a_listener_hears_and_says_when_it_may_have_missed_something(pool: Pool, database: Database) -> None:
    heard: list[str] = []
    gaps: list[int] = []
    await pool.listen("changes", heard.append, on_gap=lambda: gaps.append(1))
    await pool.execute("SELECT pg_notify('changes', 'one')")
    await _until(lambda: heard == ["one"])
    await database.on.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kit tests listen'")
    await _until(lambda: bool(gaps))
    await pool.execute("SELECT pg_notify('changes', 'two')")
    await _until(lambda: heard == ["one", "two"])


async def _until(condition, seconds: float = 5) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)
