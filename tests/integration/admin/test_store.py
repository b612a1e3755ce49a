"""API keys and audit rows in real Postgres."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from kit.audit import Action, ActorKind, Event, Recorder
from kit.credentials import digest, random_id
from kit.errors import Conflict, Missing
from kit.pg import Pool, open_pool
from services.admin.adapters.store import PostgresJournal, PostgresKeys, answers
from services.admin.model.operators import ApiKey, KeyId, Role
from tests.support.clock import FrozenClock
from tests.support.servers import Database

CLOCK = FrozenClock()
CREATED = Event(action=Action.ADMIN_KEY_CREATED, actor_kind=ActorKind.OPERATOR, actor_id="bootstrap", detail={"name": "ci"})
REVOKED = Event(action=Action.ADMIN_KEY_REVOKED, actor_kind=ActorKind.OPERATOR, actor_id="bootstrap")


def a_key(name: str = "ci", **members: object) -> ApiKey:
    return ApiKey(id=KeyId(random_id()), name=name, role=Role.OPERATOR, created_at=CLOCK.now(), created_by="bootstrap", **members)  # type: ignore[arg-type]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.dsn_for("admin"), application_name="admin tests")
    yield pool
    await pool.close()


@pytest.fixture
def keys(pool: Pool) -> PostgresKeys:
    return PostgresKeys(pool, Recorder("admin", CLOCK))


async def recorded(database: Database) -> list[str]:
    connection = await asyncpg.connect(database.superuser_dsn)
    try:
        rows = await connection.fetch("SELECT event->>'action' AS action FROM audit.outbox")
    finally:
        await connection.close()
    return [row["action"] for row in rows]


async def test_a_key_is_found_by_its_digest_only(keys: PostgresKeys, database: Database) -> None:
    key = a_key(expires_at=CLOCK.now() + timedelta(days=1))
    await keys.add(key, digest("secret"), CREATED)
    assert await keys.find(digest("secret")) == key
    assert await keys.find(digest("other")) is None
    assert await keys.all() == (key,)
    assert await recorded(database) == ["admin_key.created"]


async def test_a_live_name_is_taken_and_nothing_is_half_written(keys: PostgresKeys, database: Database) -> None:
    await keys.add(a_key(), digest("one"), CREATED)
    with pytest.raises(Conflict, match="a key named ci exists"):
        await keys.add(a_key(), digest("two"), CREATED)
    assert len(await keys.all()) == 1
    assert await recorded(database) == ["admin_key.created"]


async def test_revoking_happens_once_and_frees_the_name(keys: PostgresKeys, database: Database) -> None:
    key = a_key()
    await keys.add(key, digest("one"), CREATED)
    first = await keys.revoke(key.id, CLOCK.now(), REVOKED)
    again = await keys.revoke(key.id, CLOCK.now() + timedelta(hours=1), REVOKED)
    assert first == again
    assert first.revoked_at == CLOCK.now()
    await keys.add(a_key(), digest("two"), CREATED)
    assert sorted(await recorded(database)) == ["admin_key.created", "admin_key.created", "admin_key.revoked"]
    with pytest.raises(Missing):
        await keys.revoke(KeyId("ghost"), CLOCK.now(), REVOKED)


async def test_last_use_only_moves_forward(keys: PostgresKeys) -> None:
    key = a_key()
    await keys.add(key, digest("one"), CREATED)
    later = CLOCK.now() + timedelta(minutes=5)
    await keys.touch(key.id, later)
    await keys.touch(key.id, CLOCK.now())
    found = await keys.find(digest("one"))
    assert found is not None
    assert found.last_used_at == later


async def test_a_row_of_its_own_reaches_the_audit_log(pool: Pool, database: Database) -> None:
    await PostgresJournal(pool, Recorder("admin", CLOCK)).write(Event(action=Action.ADMIN_AUTH_FAILED, outcome="denied", reason="unknown"))
    assert await recorded(database) == ["admin.auth_failed"]


async def test_the_database_role_sees_its_own_table_and_no_other(pool: Pool) -> None:
    assert await answers(pool)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.fetch("SELECT 1 FROM audit.outbox")


async def test_a_closed_database_is_an_answer_not_a_crash(database: Database) -> None:
    pool = await open_pool(database.dsn_for("admin"), application_name="admin tests")
    await pool.close()
    assert not await answers(pool)
