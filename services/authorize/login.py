"""Signing in with an e-mail address and a password: the same answer and the same work for every way to be wrong (A8)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kit.audit import Action, ActorKind, Event
from kit.errors import AuthPlaneError
from services.authorize.model import LOCAL, Credentials, Session, User, UserStatus, Visit
from services.authorize.passwords import LONGEST, Passwords, UnusableHash, is_outdated
from services.authorize.ports import Journal, Lockout, Logins
from services.authorize.refusals import LockedOut, LoginRejected
from services.authorize.sessions import SessionKeeper

# RFC 5321 §4.5.3.1.3 less the angle brackets.
LONGEST_EMAIL: Final = 254
_REJECTED = "That e-mail address and password do not match an account here."


class Reason(StrEnum):
    """Why a login failed, for the audit log alone."""

    USER_NOT_FOUND = "user_not_found"
    USER_DISABLED = "user_disabled"
    USER_NOT_LOCAL = "user_not_local"
    INVALID_CREDENTIALS = "invalid_credentials"
    UNUSABLE_STORED_HASH = "unusable_stored_hash"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submitted login form."""

    email: str
    password: str = field(repr=False)
    visit: Visit = field(default_factory=Visit)


def email_key(email: str) -> str:
    """The form in which addresses are compared and kept unique."""
    return email.strip().lower()


@dataclass(frozen=True, slots=True)
class Login:
    """The password login."""

    users: Logins
    passwords: Passwords
    lockout: Lockout
    sessions: SessionKeeper
    journal: Journal

    async def sign_in(self, attempt: Attempt, replaced: str | None) -> tuple[str, Session]:
        """A new session and its cookie's value; `replaced` is the cookie the browser came with, whose session ends.

        Raises LoginRejected, LockedOut, Unavailable.
        """
        user = await self._authenticate(attempt)
        return await self.sessions.begin(user, replaced, attempt.visit)

    async def _authenticate(self, attempt: Attempt) -> User:
        identity, address = email_key(attempt.email), attempt.visit.address
        if not identity or len(identity) > LONGEST_EMAIL or not attempt.password or len(attempt.password) > LONGEST:
            raise LoginRejected(_REJECTED)
        # Counted before the password is looked at, so that a burst of parallel guesses is counted too.
        wait = await self.lockout.begin(identity, address)
        if wait:
            raise LockedOut("Too many failed attempts.", retry_after=wait)
        try:
            credentials = await self.users.credentials(identity)
            reason = await self._judge(credentials, attempt.password)
            user = await self.users.user(credentials.user_id) if credentials is not None and reason is None else None
        except AuthPlaneError:
            # Our own failure is never held against a person.
            await self.lockout.forget(identity, address)
            raise
        if user is None:
            await self._reject(attempt, identity, credentials, reason or Reason.USER_NOT_FOUND)
            raise LoginRejected(_REJECTED)
        await self.lockout.clear(identity, address)
        return user

    async def _judge(self, credentials: Credentials | None, password: str) -> Reason | None:
        if credentials is None or not credentials.password_hash:
            await self.passwords.waste(password)
            return Reason.USER_NOT_FOUND if credentials is None else Reason.USER_NOT_LOCAL
        try:
            matches = await self.passwords.matches(password, credentials.password_hash)
        except UnusableHash:
            await self.passwords.waste(password)
            return Reason.UNUSABLE_STORED_HASH
        if not matches:
            return Reason.INVALID_CREDENTIALS
        if credentials.provider != LOCAL:
            return Reason.USER_NOT_LOCAL
        if credentials.status is not UserStatus.ACTIVE:
            return Reason.USER_DISABLED
        if is_outdated(credentials.password_hash):
            await self.users.rehash(credentials.user_id, credentials.password_hash, await self.passwords.hashed(password))
        return None

    async def _reject(self, attempt: Attempt, identity: str, credentials: Credentials | None, reason: Reason) -> None:
        target = credentials.user_id if credentials is not None else ""
        await self.journal.write(_failure(Action.USER_LOGIN_FAILED, target, reason, attempt.visit))
        locked = await self.lockout.failed(identity, attempt.visit.address)
        if locked:
            await self.journal.write(_failure(Action.AUTH_LOCKED_OUT, target, reason, attempt.visit, seconds=locked))


def _failure(action: Action, target: str, reason: Reason, visit: Visit, **detail: int) -> Event:
    # The address that was typed is never recorded: people type passwords into that field.
    return Event(
        action=action,
        actor_kind=ActorKind.USER if target else ActorKind.NOBODY,
        actor_id=target,
        subject=target,
        outcome="denied",
        reason=reason.value,
        ip=visit.address,
        request_id=visit.request_id,
        trace_id=visit.trace_id,
        detail=detail,
    )
