"""Signed-in browsers: one random secret in a cookie, everything else on the server (A8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.credentials import digest, random_secret
from services.authorize.model import Session, User, Visit
from services.authorize.ports import Sessions
from services.authorize.refusals import LoginRejected

# Writing "last seen" more often than this would cost a commit per request and tell nobody more.
TOUCH_EVERY: Final = timedelta(minutes=1)
_SECRET_LENGTH = 43


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts untouched, and at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class SessionKeeper:
    """Begins, finds and ends sessions."""

    store: Sessions
    limits: SessionLimits
    clock: Clock

    async def begin(
        self,
        user: User,
        replaced: str | None,
        visit: Visit,
        *,
        action: Action = Action.USER_LOGIN,
        authenticated_at: datetime | None = None,
        detail: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[str, Session]:
        """A new session after a login, ending the one the browser had. Returns the cookie's value, which is kept nowhere else.

        `action` and `detail` are for the audit row; `authenticated_at` is given where the person proved who they are before this moment.

        Raises LoginRejected when the person was disabled or deleted in this very moment, Unavailable.
        """
        now = self.clock.now()
        secret = random_secret()
        session = Session(
            digest=digest(secret),
            user_id=user.id,
            email=user.email,
            name=user.name,
            authenticated_at=authenticated_at or now,
            last_seen_at=now,
            expires_at=now + self.limits.absolute,
            address=visit.address,
            user_agent=visit.user_agent,
        )
        event = event_of(action, session, visit, detail)
        if not await self.store.start(session, digest(replaced) if replaced else None, event):
            raise LoginRejected("That account is no longer here.")
        return secret, session

    async def current(self, secret: str | None) -> Session | None:
        """The session of a cookie, if it stands and its user is active. Raises Unavailable rather than guess."""
        if secret is None or len(secret) != _SECRET_LENGTH:
            return None
        now = self.clock.now()
        session = await self.store.find(digest(secret), now, now - self.limits.idle)
        if session is not None and _stale(session, now):
            await self.store.touch(session.digest, now)
        return session

    async def end(self, session: Session, visit: Visit) -> None:
        """Sign out."""
        await self.store.end(session.digest, event_of(Action.USER_LOGOUT, session, visit))


def _stale(session: Session, now: datetime) -> bool:
    return now - session.last_seen_at >= TOUCH_EVERY


def event_of(action: Action, session: Session, visit: Visit, detail: Mapping[str, str] = MappingProxyType({})) -> Event:
    """An audit row about the person of a session, by themselves."""
    return Event(
        action=action,
        actor_kind=ActorKind.USER,
        actor_id=session.user_id,
        subject=session.user_id,
        ip=visit.address,
        request_id=visit.request_id,
        trace_id=visit.trace_id,
        detail=detail,
    )
