"""People in Postgres."""

from datetime import datetime

from kit import pg
from kit.audit import APPEND, Event, Recorder
from services.authorize.login import email_key
from services.authorize.model import Credentials, Role, User, UserId, UserStatus

CREDENTIALS = """
SELECT id, status, provider, password_hash
  FROM authorize.users
 WHERE email_key = $1
"""

GET = """
SELECT id, email, name, role, status, provider, created_at, updated_at
  FROM authorize.users
 WHERE id = $1
"""

# The hash it replaces is named, so that a password changed meanwhile is not changed back.
REHASH = """
UPDATE authorize.users
   SET password_hash = $3
 WHERE id = $1 AND password_hash = $2
"""

ADD = """
INSERT INTO authorize.users (id, email, email_key, name, role, status, provider, password_hash, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

ALL = """
SELECT id, email, name, role, status, provider, created_at, updated_at
  FROM authorize.users
 WHERE $3::text IS NULL OR email_key = $3
 ORDER BY created_at, id
 LIMIT $1 OFFSET $2
"""

COUNT = """
SELECT count(*) AS users, count(*) FILTER (WHERE status = 'active') AS active
  FROM authorize.users
"""

CHANGE = """
UPDATE authorize.users
   SET email = $2, email_key = $3, name = $4, password_hash = coalesce($5, password_hash), updated_at = $6
 WHERE id = $1
RETURNING id
"""

SET_STATUS = """
UPDATE authorize.users
   SET status = $2, updated_at = $3
 WHERE id = $1 AND status <> $2
RETURNING id
"""

REMOVE = """
DELETE FROM authorize.users
 WHERE id = $1
RETURNING id
"""

END_SESSIONS = """
WITH ended AS (DELETE FROM authorize.sessions WHERE user_id = $1 RETURNING 1)
SELECT count(*) FROM ended
"""


class LoginStore:
    """Satisfies services.authorize.ports.Logins."""

    def __init__(self, pool: pg.Pool) -> None:
        self._pool = pool

    async def credentials(self, email: str) -> Credentials | None:
        """By the comparable form of the address."""
        row = await self._pool.fetchrow(CREDENTIALS, email)
        if row is None:
            return None
        return Credentials(UserId(row["id"]), UserStatus(row["status"]), row["provider"], row["password_hash"])

    async def user(self, user_id: UserId) -> User | None:
        """By id."""
        row = await self._pool.fetchrow(GET, user_id)
        return user_of(row) if row is not None else None

    async def rehash(self, user_id: UserId, before: str, after: str) -> None:
        """Replace a hash made with older parameters."""
        await self._pool.execute(REHASH, user_id, before, after)


class UserStore:
    """Satisfies services.authorize.ports.Directory and DirectoryWrites."""

    def __init__(self, pool: pg.Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def add(self, user: User, password_hash: str, event: Event) -> None:
        """Raises Conflict when the e-mail address is taken."""
        async with self._pool.transaction() as tx:
            await tx.execute(
                ADD,
                user.id,
                user.email,
                email_key(user.email) or None,
                user.name,
                user.role.value,
                user.status.value,
                user.provider,
                password_hash,
                user.created_at,
                user.updated_at,
            )
            await tx.execute(APPEND, [self._recorder.encode(event)])

    async def get(self, user_id: UserId) -> User | None:
        """By id."""
        row = await self._pool.fetchrow(GET, user_id)
        return user_of(row) if row is not None else None

    async def all(self, limit: int, offset: int, email: str) -> tuple[User, ...]:
        """By creation; `email` narrows to one address, whatever its case."""
        return tuple(user_of(row) for row in await self._pool.fetch(ALL, limit, offset, email_key(email) or None))

    async def counts(self) -> tuple[int, int]:
        """All users, and the active ones."""
        row = await self._pool.fetchrow(COUNT)
        return (row["users"], row["active"]) if row is not None else (0, 0)

    async def change(self, user: User, password_hash: str | None, event: Event) -> bool:
        """Address, name and password. A new password ends the sessions the old one began. Raises Conflict."""
        async with self._pool.transaction() as tx:
            key = email_key(user.email) or None
            if await tx.fetchval(CHANGE, user.id, user.email, key, user.name, password_hash, user.updated_at) is None:
                return False
            if password_hash is not None:
                await tx.fetchval(END_SESSIONS, user.id)
            await tx.execute(APPEND, [self._recorder.encode(event)])
        return True

    async def set_status(self, user_id: UserId, status: UserStatus, now: datetime, event: Event) -> User | None:
        """Disabling also ends the sessions."""
        async with self._pool.transaction() as tx:
            changed = await tx.fetchval(SET_STATUS, user_id, status.value, now) is not None
            row = await tx.fetchrow(GET, user_id)
            if status is UserStatus.DISABLED:
                await tx.fetchval(END_SESSIONS, user_id)
            if changed:
                await tx.execute(APPEND, [self._recorder.encode(event)])
        return user_of(row) if row is not None else None

    async def remove(self, user_id: UserId, event: Event) -> bool:
        """With their sessions."""
        async with self._pool.transaction() as tx:
            if await tx.fetchval(REMOVE, user_id) is None:
                return False
            await tx.execute(APPEND, [self._recorder.encode(event)])
        return True

    async def end_sessions(self, user_id: UserId, event: Event) -> int:
        """How many ended; no audit row when none did."""
        async with self._pool.transaction() as tx:
            ended: int = await tx.fetchval(END_SESSIONS, user_id)
            if ended:
                await tx.execute(APPEND, [self._recorder.encode(event)])
        return ended


def user_of(row: pg.Record) -> User:
    """A person from a row with the columns of GET."""
    return User(
        id=UserId(row["id"]),
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        status=UserStatus(row["status"]),
        provider=row["provider"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
