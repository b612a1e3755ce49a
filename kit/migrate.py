"""Schema migrations: numbered SQL files, forward only, applied once however many processes start at the same time."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import log
from kit.pg_errors import TRANSLATING, connect

_NAME = re.compile(r"(?P<version>[0-9]{4})_(?P<name>[a-z0-9]+(?:_[a-z0-9]+)+)\.sql")
_SCHEMA = re.compile(r"[a-z][a-z_]{0,62}")
# Whoever waits for another process's migration waits longer than for a lock on a table in use.
_TURN_SECONDS = 60
_TABLE_LOCK = "4s"

logger = log.get(__name__)


class MigrationRefused(Exception):
    """The files and the database's record of them contradict each other; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; `checksum` is the SHA-256 of its bytes in hexadecimal."""

    version: int
    name: str
    sql: str
    checksum: str


def read(directory: Path) -> tuple[Migration, ...]:
    """The migrations of a folder in order. Raises MigrationRefused for a misnamed file or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationRefused(f"{path.name} is not named NNNN_verb_noun.sql")
        content = path.read_bytes()
        migration = Migration(int(match["version"]), match["name"], content.decode(), hashlib.sha256(content).hexdigest())
        if migration.version in found:
            raise MigrationRefused(f"two migrations carry the number {migration.version:04d}")
        found[migration.version] = migration
    return tuple(found.values())


def pending(migrations: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Those not in `applied` (version → checksum).

    Versions above ours are another release's, running beside us during an upgrade. Raises MigrationRefused for an applied file that
    changed or vanished, and for a new file numbered below one already applied.
    """
    known = {migration.version for migration in migrations}
    newest = max(known, default=0)
    for version in applied:
        if version not in known and version < newest:
            raise MigrationRefused(f"migration {version:04d} was applied but its file is gone")
    waiting: list[Migration] = []
    for migration in migrations:
        checksum = applied.get(migration.version)
        if checksum is None:
            if any(version > migration.version for version in applied):
                raise MigrationRefused(
                    f"migration {migration.version:04d} is new but a later one has been applied; give it the next number"
                )
            waiting.append(migration)
        elif checksum != migration.checksum:
            raise MigrationRefused(f"migration {migration.version:04d}_{migration.name} was changed after it had been applied")
    return waiting


async def migrate(dsn: str, directory: Path, schema: str) -> list[str]:
    """Apply what is missing to `schema`, each file in a transaction of its own; returns the names applied by this call.

    One process at a time does it, the others wait and find nothing left to do. Raises MigrationRefused as `pending` and `read`,
    Unavailable when the database cannot be reached, and the driver's error when a file's SQL fails (that file is rolled back).
    """
    if _SCHEMA.fullmatch(schema) is None:
        raise ValueError(f"{schema!r} is not a schema's name")
    migrations = read(directory)
    with TRANSLATING:
        connection = await connect(dsn, server_settings={"application_name": f"{schema} migrate", "timezone": "UTC"})
        try:
            await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", f"migrate {schema}", timeout=_TURN_SECONDS)
            await connection.execute(f"SET lock_timeout = '{_TABLE_LOCK}'")
            return await _apply(connection, migrations, schema)
        finally:
            await connection.close(timeout=5)


async def _apply(connection: Any, migrations: Sequence[Migration], schema: str) -> list[str]:
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS {schema}.schema_migrations ("
        " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch(f"SELECT version, checksum FROM {schema}.schema_migrations")  # noqa: S608 - checked against _SCHEMA
    done: list[str] = []
    for migration in pending(migrations, {row["version"]: row["checksum"] for row in rows}):
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                f"INSERT INTO {schema}.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",  # noqa: S608 - as above
                migration.version,
                migration.name,
                migration.checksum,
            )
        name = f"{migration.version:04d}_{migration.name}"
        logger.info("migrate.applied", schema=schema, migration=name)
        done.append(name)
    return done
