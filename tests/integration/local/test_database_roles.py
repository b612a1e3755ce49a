"""deploy/db/roles.sql on a real Postgres: what each role can reach, and that it can reach nothing else."""

import asyncpg
import pytest

from tests.support.servers import ALL, Database


async def test_each_role_owns_its_schema_and_finds_it_first(database: Database) -> None:
    for service in ALL:
        connection = await asyncpg.connect(database.dsn_for(service))
        await connection.execute("CREATE TABLE things (id int)")
        assert await connection.fetchval("SELECT to_regclass($1)::text", f"{service}.things") == "things"
        await connection.close()


@pytest.mark.parametrize("service", ALL)
async def test_no_role_reads_another_schema(database: Database, service: str) -> None:
    for other in ALL:
        owner = await asyncpg.connect(database.dsn_for(other))
        await owner.execute(f"CREATE TABLE {other}.secrets (id int)")
        await owner.close()
    connection = await asyncpg.connect(database.dsn_for(service))
    for other in set(ALL) - {service}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {other}.secrets")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"CREATE TABLE {other}.mine (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE public.mine (id int)")
    await connection.close()


async def test_a_function_of_audit_is_callable_only_where_granted(database: Database) -> None:
    owner = await asyncpg.connect(database.dsn_for("audit"))
    await owner.execute("CREATE FUNCTION audit.hidden() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    await owner.execute("CREATE FUNCTION audit.open() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    await owner.execute("GRANT EXECUTE ON FUNCTION audit.open() TO authplane_token")
    await owner.close()
    connection = await asyncpg.connect(database.dsn_for("token"))
    assert await connection.fetchval("SELECT audit.open()") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT audit.hidden()")
    await connection.close()


async def test_a_wrong_password_is_refused_even_on_the_socket(database: Database) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database.dsn_for("token").replace("only-for-tests", "guess"))


async def test_valkey_answers_and_never_evicts(valkey_url: str) -> None:
    from redis.asyncio import Redis

    redis: Redis = Redis.from_url(valkey_url)
    assert await redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    await redis.aclose()
