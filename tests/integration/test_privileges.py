"""One schema and one role per service, tried on everything the migrations made: a role sees its own, may append to the log, no more."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from tests.support.servers import ALL, ROOT, Database, PostgresServer, fresh_database

# Every service that has tables by now; the roles of the others are tried all the same.
MIGRATED = tuple(service for service in ALL if any((ROOT / "services" / service / "migrations").glob("*.sql")))
READ = "SELECT * FROM {table}"
STATEMENTS = (
    READ,
    "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE {table} SET {column} = DEFAULT",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "LOCK {table} IN ACCESS SHARE MODE",
    "ALTER TABLE {table} ADD COLUMN mine int",
    "DROP TABLE {table}",
    "CREATE TABLE mine (LIKE {table})",
)
TABLES = """
SELECT n.nspname AS schema, format('%I.%I', n.nspname, c.relname) AS name, quote_ident(a.attname) AS column
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
 WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, r.rolname AS role
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
 CROSS JOIN pg_roles r
 WHERE n.nspname = ANY ($1::text[]) AND r.rolname LIKE 'authplane\\_%'
   AND r.rolname <> 'authplane_' || n.nspname AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
"""
SEQUENCES = """
SELECT c.oid::regclass::text AS name, r.rolname AS role
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN pg_roles r
 WHERE n.nspname = ANY ($1::text[]) AND c.relkind = 'S' AND r.rolname LIKE 'authplane\\_%'
   AND r.rolname <> 'authplane_' || n.nspname AND has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE')
"""
SCHEMAS = """
SELECT n.nspname AS schema, r.rolname AS role, has_schema_privilege(r.oid, n.oid, 'CREATE') AS creates
  FROM pg_namespace n
 CROSS JOIN pg_roles r
 WHERE n.nspname = ANY ($1::text[]) AND r.rolname LIKE 'authplane\\_%' AND r.rolname <> 'authplane_' || n.nspname
   AND has_schema_privilege(r.oid, n.oid, 'USAGE')
"""


@dataclass(frozen=True, slots=True)
class Table:
    schema: str
    name: str
    column: str


@pytest.fixture
async def plane(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    made = await fresh_database(postgres_server, *MIGRATED)
    yield made
    await postgres_server.administer(f'DROP DATABASE "{made.name}" WITH (FORCE)')


@pytest.fixture
async def catalog(plane: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(plane.superuser_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def tables(catalog: "asyncpg.Connection[asyncpg.Record]") -> list[Table]:
    return [Table(row["schema"], row["name"], row["column"]) for row in await catalog.fetch(TABLES, list(ALL))]


@pytest.mark.parametrize("role", ALL)
async def test_no_role_reaches_a_table_of_another_service(plane: Database, tables: list[Table], role: str) -> None:
    connection = await asyncpg.connect(plane.dsn_for(role))
    foreign = [table for table in tables if table.schema != role]
    assert {table.schema for table in foreign} == set(MIGRATED) - {role}
    for table in foreign:
        for statement in STATEMENTS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(statement.format(table=table.name, column=table.column))
    await connection.close()


@pytest.mark.parametrize("role", MIGRATED)
async def test_every_role_reads_its_own_tables(plane: Database, tables: list[Table], role: str) -> None:
    connection = await asyncpg.connect(plane.dsn_for(role))
    for table in tables:
        if table.schema == role:
            await connection.fetch(READ.format(table=table.name))
    await connection.close()


async def test_the_only_function_across_schemas_is_append(catalog: "asyncpg.Connection[asyncpg.Record]") -> None:
    granted = {(row["name"], row["role"]) for row in await catalog.fetch(FUNCTIONS, list(ALL))}
    assert granted == {("audit.append(jsonb[])", f"authplane_{service}") for service in ALL if service != "audit"}


async def test_no_sequence_is_shared(catalog: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await catalog.fetch(SEQUENCES, list(ALL)) == []


async def test_the_only_schema_others_may_enter_is_audit_and_none_may_build_there(catalog: "asyncpg.Connection[asyncpg.Record]") -> None:
    entered = {(row["schema"], row["role"], row["creates"]) for row in await catalog.fetch(SCHEMAS, list(ALL))}
    assert entered == {("audit", f"authplane_{service}", False) for service in ALL if service != "audit"}


async def test_no_role_is_a_member_of_another_or_more_than_a_login(catalog: "asyncpg.Connection[asyncpg.Record]") -> None:
    memberships = "SELECT 1 FROM pg_auth_members WHERE member::regrole::text LIKE 'authplane\\_%'"
    powers = (
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'authplane\\_%'"
        " AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)"
    )
    assert await catalog.fetch(memberships) == []
    assert await catalog.fetch(powers) == []
