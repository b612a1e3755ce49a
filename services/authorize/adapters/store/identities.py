"""People who sign in elsewhere, and sign-ins under way, in Postgres."""

from datetime import datetime

from kit import pg
from kit.audit import APPEND, Event, Recorder
from kit.errors import Conflict
from services.authorize.adapters.store.users import user_of
from services.authorize.federation import Pending
from services.authorize.identities import Identity, Known
from services.authorize.login import email_key
from services.authorize.model import InteractionId, User

FIND = """
SELECT u.id, u.email, u.name, u.role, u.status, u.provider, u.created_at, u.updated_at, i.issuer, i.groups
  FROM authorize.identities i
  JOIN authorize.users u ON u.id = i.user_id
 WHERE i.provider = $1 AND i.subject = $2
"""

ADD_USER = """
INSERT INTO authorize.users (id, email, email_key, name, role, status, provider, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

ADD_IDENTITY = """
INSERT INTO authorize.identities (provider, subject, issuer, user_id, groups, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""

UPDATE_USER = """
UPDATE authorize.users
   SET email = $2, email_key = $3, name = $4, updated_at = $5
 WHERE id = $1
"""

UPDATE_IDENTITY = """
UPDATE authorize.identities
   SET groups = $3
 WHERE provider = $1 AND subject = $2
"""

ADD_PENDING = """
INSERT INTO authorize.federated_sign_ins (state, browser, provider, nonce, verifier, redirect, interaction_id, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

TAKE_PENDING = """
DELETE FROM authorize.federated_sign_ins
 WHERE state = $1 AND browser = $2 AND expires_at > $3
RETURNING state, browser, provider, nonce, verifier, redirect, interaction_id, expires_at
"""

_IDENTITY_KEY = "identities_pkey"


class IdentityStore:
    """Satisfies services.authorize.identities.Identities."""

    def __init__(self, pool: pg.Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def find(self, provider: str, subject: str) -> Known | None:
        """By provider and subject."""
        row = await self._pool.fetchrow(FIND, provider, subject)
        return Known(user_of(row), row["issuer"], tuple(row["groups"])) if row is not None else None

    async def add(self, user: User, identity: Identity, event: Event) -> bool:
        """A new person with their identity; False, writing nothing, when the identity is there already. Raises Conflict."""
        moments = (user.created_at, user.updated_at)
        key = email_key(user.email) or None
        try:
            async with self._pool.transaction() as tx:
                row = (user.id, user.email, key, user.name, user.role.value, user.status.value, user.provider)
                await tx.execute(ADD_USER, *row, *moments)
                groups = list(identity.groups)
                await tx.execute(ADD_IDENTITY, identity.provider, identity.subject, identity.issuer, user.id, groups, user.created_at)
                await tx.execute(APPEND, [self._recorder.encode(event)])
        except Conflict as error:
            # Either of two who provision one person at once may meet the address first; the identity then tells whose it is.
            if error.members.get("constraint") == _IDENTITY_KEY or await self.find(identity.provider, identity.subject) is not None:
                return False
            raise
        return True

    async def update(self, user: User, identity: Identity, event: Event) -> None:
        """Address, name and groups. Raises Conflict."""
        async with self._pool.transaction() as tx:
            await tx.execute(UPDATE_USER, user.id, user.email, email_key(user.email) or None, user.name, user.updated_at)
            await tx.execute(UPDATE_IDENTITY, identity.provider, identity.subject, list(identity.groups))
            await tx.execute(APPEND, [self._recorder.encode(event)])


class PendingSignInStore:
    """Satisfies services.authorize.federation.PendingSignIns."""

    def __init__(self, pool: pg.Pool) -> None:
        self._pool = pool

    async def add(self, pending: Pending) -> None:
        """Store a new one."""
        await self._pool.execute(
            ADD_PENDING,
            pending.state,
            pending.browser,
            pending.provider,
            pending.nonce,
            pending.verifier,
            pending.redirect,
            pending.interaction_id,
            pending.expires_at,
        )

    async def take(self, state: bytes, browser: bytes, now: datetime) -> Pending | None:
        """The sign-in, once, and only for the browser that began it."""
        row = await self._pool.fetchrow(TAKE_PENDING, state, browser, now)
        if row is None:
            return None
        return Pending(
            state=row["state"],
            browser=row["browser"],
            provider=row["provider"],
            nonce=row["nonce"],
            verifier=row["verifier"],
            redirect=row["redirect"],
            interaction_id=InteractionId(row["interaction_id"]) if row["interaction_id"] is not None else None,
            expires_at=row["expires_at"],
        )
