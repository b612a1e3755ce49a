"""audit.append: in the caller's transaction, in the caller's name (law 6)."""

import json

import asyncpg
import pytest

from kit.audit import APPEND, Action, Event, Recorder
from kit.clock import SystemClock
from kit.errors import AuthPlaneError
from kit.pg import Pool, open_pool
from services.audit.adapters.outbox import PostgresOutbox
from services.audit.adapters.store import PostgresEntries
from services.audit.drain import chained
from services.audit.model import Filter
from tests.integration.audit.conftest import Append
from tests.support.fakes_audit import a_row
from tests.support.servers import Database

WRITERS = ("registry", "authorize", "token", "vault", "admin", "audit")


async def waiting(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM audit.outbox"))


@pytest.mark.parametrize("service", WRITERS)
async def test_every_service_records_in_its_own_name_and_no_other(log_database: Database, pool: Pool, service: str) -> None:
    own = await asyncpg.connect(log_database.dsn_for(service))
    await own.execute(APPEND, [a_row(1, service=service)])
    for other in set(WRITERS) - {service}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await own.execute(APPEND, [a_row(1, service=service), a_row(2, service=other)])
    assert await waiting(pool) == 1
    await own.close()


@pytest.mark.parametrize("row", ["{}", "[]", "7", '"token"', '["service"]', '{"service": null}', '{"service": ["token"]}'])
async def test_what_names_no_service_is_refused(append: Append, row: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append(row)


async def test_no_events_are_fine_and_null_is_not(log_database: Database, pool: Pool) -> None:
    token = await asyncpg.connect(log_database.dsn_for("token"))
    await token.execute(APPEND, [])
    for nothing in (None, [None]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await token.execute(APPEND, nothing)
    assert await waiting(pool) == 0
    await token.close()


async def test_an_event_shares_the_fate_of_its_transaction(log_database: Database, pool: Pool) -> None:
    token = await asyncpg.connect(log_database.dsn_for("token"))
    undone = token.transaction()
    await undone.start()
    await token.execute(APPEND, [a_row(1)])
    await undone.rollback()
    assert await waiting(pool) == 0
    await token.close()


async def test_a_pool_of_another_service_records_what_a_recorder_made(log_database: Database, pool: Pool) -> None:
    token = await open_pool(log_database.dsn_for("token"), application_name="test token")
    recorder = Recorder("token", SystemClock())
    events = [Event(action=Action.TOKEN_ISSUED, actor_id="client-1", detail={"scopes": ["a", "b"], "n": number}) for number in range(3)]
    async with token.transaction() as tx:
        await tx.execute(APPEND, [recorder.encode(event) for event in events])
    await token.close()
    assert await PostgresOutbox(pool).drain(10, chained) == 3
    kept = await PostgresEntries(pool).between(Filter(), after=0, upto=10, limit=10)
    assert [(entry.event.action, entry.event.detail) for entry in kept] == [
        ("token.issued", {"scopes": ["a", "b"], "n": number}) for number in range(3)
    ]


async def test_a_thousand_events_go_in_one_call(append: Append, pool: Pool) -> None:
    await append(*(a_row(number) for number in range(1000)))
    assert await waiting(pool) == 1000


async def test_a_service_cannot_read_what_it_recorded(log_database: Database, append: Append) -> None:
    await append(a_row(1))
    token = await asyncpg.connect(log_database.dsn_for("token"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await token.fetch("SELECT * FROM audit.outbox")
    await token.close()


async def test_a_caller_cannot_lead_the_function_astray(log_database: Database, pool: Pool) -> None:
    """SECURITY DEFINER: neither the caller's search path nor its temporary objects decide what runs."""
    token = await asyncpg.connect(log_database.dsn_for("token"))
    await token.execute("SET search_path = token, pg_catalog")
    await token.execute(
        'CREATE FUNCTION token.unnest(jsonb[]) RETURNS SETOF jsonb LANGUAGE sql AS $$ SELECT \'{"service": "vault"}\'::jsonb $$'
    )
    await token.execute(APPEND, [a_row(1)])
    (row,) = await pool.fetch("SELECT event FROM audit.outbox")
    assert row["event"]["service"] == "token"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await token.execute("SET ROLE authplane_vault")
    await token.close()


async def test_the_services_own_role_cannot_change_an_entry_by_accident(pool: Pool, append: Append) -> None:
    await append(a_row(1))
    await PostgresOutbox(pool).drain(10, chained)
    for statement in ("UPDATE audit.entries SET subject = 'x'", "DELETE FROM audit.entries"):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, AuthPlaneError)):
            await pool.execute(statement)
    assert await pool.fetchval("SELECT count(*) FROM audit.entries") == 1


async def test_any_json_a_service_may_write_passes_the_drain(append: Append, pool: Pool) -> None:
    """A row the reader cannot make sense of must not stop those behind it."""
    deep = "[" * 900 + "]" * 900
    strange = [
        '{"service": "token"}',
        json.dumps({"service": "token", "detail": {"big": 10**400}}),
        '{"service": "token", "detail": ' + deep + "}",
        a_row(1, detail={"text": "\u0001\u2028\U0001f512" * 50}),
        a_row(2, client_id="\u7e41" * 682, resource="é" * 1024),
        a_row(3, detail={"fraction": 0.1, "zero": -0.0}),
        a_row(4, occurred_at="9999-12-31T23:59:59.999999+00:00"),
        a_row(5, occurred_at="0001-01-01T00:00:00+00:00"),
    ]
    await append(*strange, a_row(6))
    assert await PostgresOutbox(pool).drain(100, chained) == 9
    kept = await PostgresEntries(pool).between(Filter(), after=0, upto=10, limit=10)
    assert [entry.event.action == "audit.malformed" for entry in kept] == [True, True, True, False, False, True, False, False, False]
