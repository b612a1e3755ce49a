"""API keys and audit rows in Postgres: every statement admin runs."""

from datetime import datetime

from kit.audit import APPEND, Event, Recorder
from kit.errors import AuthPlaneError, Conflict, Missing
from kit.pg import Pool, Record
from services.admin.model.operators import ApiKey, KeyId, Role

FIND = """
SELECT id, name, role, created_at, created_by, last_used_at, expires_at, revoked_at
  FROM admin.api_keys
 WHERE digest = $1
"""
ALL = """
SELECT id, name, role, created_at, created_by, last_used_at, expires_at, revoked_at
  FROM admin.api_keys
 ORDER BY created_at DESC, id
"""
TOUCH = """
UPDATE admin.api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)
"""
ADD = """
INSERT INTO admin.api_keys (id, name, digest, role, created_at, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
# The first revocation counts: its time stays, and a second one is not an event.
REVOKE = """
UPDATE admin.api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
RETURNING id
"""
GET = """
SELECT id, name, role, created_at, created_by, last_used_at, expires_at, revoked_at
  FROM admin.api_keys
 WHERE id = $1
"""
PING = "SELECT 1"


def _key(row: Record) -> ApiKey:
    return ApiKey(**{**dict(row), "id": KeyId(row["id"]), "role": Role(row["role"])})


class PostgresKeys:
    """Implements ApiKeys. A change and its audit row commit together."""

    def __init__(self, pool: Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def find(self, digest: bytes) -> ApiKey | None:
        """The key with this digest, usable or not."""
        row = await self._pool.fetchrow(FIND, digest)
        return None if row is None else _key(row)

    async def touch(self, key_id: KeyId, now: datetime) -> None:
        """Remember that the key was used."""
        await self._pool.execute(TOUCH, key_id, now)

    async def all(self) -> tuple[ApiKey, ...]:
        """Newest first."""
        return tuple(_key(row) for row in await self._pool.fetch(ALL))

    async def add(self, key: ApiKey, digest: bytes, event: Event) -> None:
        """Raises Conflict when a live key has the name."""
        try:
            async with self._pool.transaction() as tx:
                await tx.execute(ADD, key.id, key.name, digest, key.role.value, key.created_at, key.created_by, key.expires_at)
                await tx.execute(APPEND, [self._recorder.encode(event)])
        except Conflict as error:
            raise Conflict(f"a key named {key.name} exists; revoke it first, or choose another name") from error

    async def revoke(self, key_id: KeyId, now: datetime, event: Event) -> ApiKey:
        """Raises Missing."""
        async with self._pool.transaction() as tx:
            if await tx.fetchval(REVOKE, key_id, now) is not None:
                await tx.execute(APPEND, [self._recorder.encode(event)])
            row = await tx.fetchrow(GET, key_id)
        if row is None:
            raise Missing("no API key has this id")
        return _key(row)


class PostgresJournal:
    """Implements Journal: audit rows that stand alone."""

    def __init__(self, pool: Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def write(self, event: Event) -> None:
        """Raises Unavailable."""
        await self._pool.execute(APPEND, [self._recorder.encode(event)])


async def answers(pool: Pool) -> bool:
    """Whether the database answers."""
    try:
        await pool.fetchval(PING)
    except AuthPlaneError:
        return False
    return True
