"""What this service needs from elsewhere, in its own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kit.audit import Event
from services.authorize.interaction import Interaction, Needed
from services.authorize.model import Client, Credentials, InteractionId, Operator, Resource, Session, User, UserId, UserStatus, Visit
from services.authorize.request import AuthorizationRequest


class Clients(Protocol):
    """Client records, owned by registry; cached for seconds."""

    async def resolve(self, client_id: str, visit: Visit) -> Client:
        """Raises UnknownClient, DocumentUnreachable, DocumentNotAcceptable, Unavailable."""
        ...


class Resources(Protocol):
    """Resource records, owned by registry; cached for seconds."""

    async def resolve(self, reference: str) -> Resource:
        """By slug, URI or an alias of it. Raises Missing (member `closest`), Conflict, Unavailable."""
        ...

    async def mints(self) -> tuple[Resource, ...]:
        """Every resource this plane mints tokens for, in registration order. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's decision: everything allowed for this request, and whether to remember it."""

    scopes: tuple[str, ...]
    remember: bool


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """Everything a code is bound to."""

    request: AuthorizationRequest
    user_id: UserId
    authenticated_at: datetime
    redirect_origin: str
    visit: Visit
    consent: Consent | None = None


class Codes(Protocol):
    """Grants and codes, owned by token."""

    async def issue(self, asked: CodeRequest) -> str | Needed:
        """A code, or what the person has not yet allowed. Raises AccessDenied, InvalidTarget, Unavailable."""
        ...


class Subjects(Protocol):
    """The list of people token refuses to serve. Both calls are idempotent and raise Unavailable."""

    async def refuse(self, user_id: UserId, reason: str, operator: Operator) -> None:
        """From its return on token serves this person nothing."""
        ...

    async def allow(self, user_id: UserId, operator: Operator) -> None:
        """Lifts `refuse`."""
        ...


class Interactions(Protocol):
    """Pending authorizations."""

    async def add(self, interaction: Interaction) -> None:
        """Store a new one."""
        ...

    async def find(self, interaction_id: InteractionId, now: datetime) -> Interaction | None:
        """None when it expired or never was."""
        ...

    async def claim(self, interaction_id: InteractionId, now: datetime) -> bool:
        """True for one caller at a time, until released; a claim nobody released lapses after CLAIM_SECONDS. Atomic."""
        ...

    async def release(self, interaction_id: InteractionId, user_id: UserId | None, needed: Needed | None) -> None:
        """Open it again, remembering what is needed of whom."""
        ...

    async def finish(self, interaction_id: InteractionId, events: Sequence[Event]) -> bool:
        """Delete it with its audit rows; False, writing nothing, when it is already gone. Atomic."""
        ...


class Sessions(Protocol):
    """Signed-in browsers."""

    async def start(self, session: Session, replaces: bytes | None, event: Event) -> bool:
        """Store a session with its audit row and end the one it replaces; False, writing nothing, for a person who is not active."""
        ...

    async def find(self, digest: bytes, now: datetime, idle_since: datetime) -> Session | None:
        """The session if it is within its limits and its user is active."""
        ...

    async def touch(self, digest: bytes, now: datetime) -> None:
        """Note that somebody was here."""
        ...

    async def end(self, digest: bytes, event: Event) -> bool:
        """False, writing nothing, when it had ended already."""
        ...


class Logins(Protocol):
    """What a password login reads and writes of a user."""

    async def credentials(self, email: str) -> Credentials | None:
        """By the comparable form of the address."""
        ...

    async def user(self, user_id: UserId) -> User | None:
        """By id."""
        ...

    async def rehash(self, user_id: UserId, before: str, after: str) -> None:
        """Replace a hash made with older parameters, unless it changed meanwhile."""
        ...


class Journal(Protocol):
    """Audit rows that belong to no other write."""

    async def write(self, event: Event) -> None:
        """One row, committed when this returns."""
        ...


class Lockout(Protocol):
    """Failed logins per (identity, address), counted where every replica sees them. Raises Unavailable rather than guess (C9)."""

    async def begin(self, identity: str, address: str) -> int:
        """Count an attempt before its password is looked at: 0 if it may go on, else the seconds still to wait."""
        ...

    async def failed(self, identity: str, address: str) -> int:
        """The attempt failed; the seconds of the lock if this very attempt caused it, else 0."""
        ...

    async def forget(self, identity: str, address: str) -> None:
        """The attempt was never judged; it does not count."""
        ...

    async def clear(self, identity: str, address: str) -> None:
        """The attempt succeeded; nothing is held against the pair any more."""
        ...


class Directory(Protocol):
    """People, as operators administer them. Every write commits its audit row."""

    async def add(self, user: User, password_hash: str, event: Event) -> None:
        """Raises Conflict when the e-mail address is taken."""
        ...

    async def get(self, user_id: UserId) -> User | None:
        """By id."""
        ...

    async def all(self, limit: int, offset: int, email: str) -> tuple[User, ...]:
        """By creation; `email` narrows to one address, whatever its case."""
        ...

    async def counts(self) -> tuple[int, int]:
        """All users, and the active ones."""
        ...


class DirectoryWrites(Protocol):
    """Changes to people. Each returns None (or False) when the user is gone, and commits its audit row otherwise."""

    async def change(self, user: User, password_hash: str | None, event: Event) -> bool:
        """Raises Conflict when the e-mail address is taken."""
        ...

    async def set_status(self, user_id: UserId, status: UserStatus, now: datetime, event: Event) -> User | None:
        """Disabling also ends the sessions. No audit row when the status was already so."""
        ...

    async def remove(self, user_id: UserId, event: Event) -> bool:
        """With their sessions."""
        ...

    async def end_sessions(self, user_id: UserId, event: Event) -> int:
        """How many ended; no audit row when none did."""
        ...
