"""Sessions in Postgres."""

from datetime import datetime

from kit import pg
from kit.audit import APPEND, Event, Recorder
from services.authorize.account import SignedIn
from services.authorize.model import Session, UserId

START = """
INSERT INTO authorize.sessions (digest, user_id, authenticated_at, last_seen_at, expires_at, address, user_agent)
SELECT $1, id, $3, $4, $5, $6, $7
  FROM authorize.users
 WHERE id = $2 AND status = 'active'
RETURNING user_id
"""

END = """
DELETE FROM authorize.sessions
 WHERE digest = $1
RETURNING user_id
"""

FIND = """
SELECT s.digest, s.user_id, u.email, u.name, s.authenticated_at, s.last_seen_at, s.expires_at, s.address, s.user_agent
  FROM authorize.sessions s
  JOIN authorize.users u ON u.id = s.user_id
 WHERE s.digest = $1 AND s.expires_at > $2 AND s.last_seen_at > $3 AND u.status = 'active'
"""

TOUCH = """
UPDATE authorize.sessions
   SET last_seen_at = $2
 WHERE digest = $1 AND last_seen_at < $2
"""

OF = """
SELECT id, address, user_agent, authenticated_at, last_seen_at, digest = $2 AS current
  FROM authorize.sessions
 WHERE user_id = $1 AND expires_at > $3 AND last_seen_at > $4
 ORDER BY last_seen_at DESC, authenticated_at DESC
 LIMIT 200
"""

# Compared as text, so that no text a stranger sends has to be a uuid.
END_ONE = """
DELETE FROM authorize.sessions
 WHERE user_id = $1 AND id::text = $2
RETURNING user_id
"""

END_ALL = """
WITH ended AS (DELETE FROM authorize.sessions WHERE user_id = $1 RETURNING 1)
SELECT count(*) FROM ended
"""


class SessionStore:
    """Satisfies services.authorize.ports.Sessions and services.authorize.account.OwnSessions."""

    def __init__(self, pool: pg.Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def start(self, session: Session, replaces: bytes | None, event: Event) -> bool:
        """Store a session with its audit row and end the one it replaces; False, writing nothing, for a person who is not active."""
        async with self._pool.transaction() as tx:
            facts = (session.authenticated_at, session.last_seen_at, session.expires_at, session.address, session.user_agent)
            if await tx.fetchval(START, session.digest, session.user_id, *facts) is None:
                return False
            if replaces is not None:
                await tx.fetchval(END, replaces)
            await tx.execute(APPEND, [self._recorder.encode(event)])
        return True

    async def find(self, digest: bytes, now: datetime, idle_since: datetime) -> Session | None:
        """The session if it is within its limits and its user is active."""
        row = await self._pool.fetchrow(FIND, digest, now, idle_since)
        if row is None:
            return None
        return Session(
            digest=row["digest"],
            user_id=UserId(row["user_id"]),
            email=row["email"],
            name=row["name"],
            authenticated_at=row["authenticated_at"],
            last_seen_at=row["last_seen_at"],
            expires_at=row["expires_at"],
            address=row["address"],
            user_agent=row["user_agent"],
        )

    async def touch(self, digest: bytes, now: datetime) -> None:
        """Note that somebody was here."""
        await self._pool.execute(TOUCH, digest, now)

    async def end(self, digest: bytes, event: Event) -> bool:
        """False, writing nothing, when it had ended already."""
        async with self._pool.transaction() as tx:
            if await tx.fetchval(END, digest) is None:
                return False
            await tx.execute(APPEND, [self._recorder.encode(event)])
        return True

    async def of(self, user_id: UserId, current: bytes, now: datetime, idle_since: datetime) -> tuple[SignedIn, ...]:
        """Those within their limits, last seen first."""
        rows = await self._pool.fetch(OF, user_id, current, now, idle_since)
        return tuple(
            SignedIn(
                id=str(row["id"]),
                address=row["address"],
                user_agent=row["user_agent"],
                authenticated_at=row["authenticated_at"],
                last_seen_at=row["last_seen_at"],
                current=row["current"],
            )
            for row in rows
        )

    async def end_one(self, user_id: UserId, session_id: str, event: Event) -> bool:
        """False, writing nothing, when it is gone or another person's."""
        async with self._pool.transaction() as tx:
            if await tx.fetchval(END_ONE, user_id, session_id) is None:
                return False
            await tx.execute(APPEND, [self._recorder.encode(event)])
        return True

    async def end_all(self, user_id: UserId, event: Event) -> int:
        """How many ended; no audit row when none did."""
        async with self._pool.transaction() as tx:
            ended: int = await tx.fetchval(END_ALL, user_id)
            if ended:
                await tx.execute(APPEND, [self._recorder.encode(event)])
        return ended
