"""Small honest stand-ins for what authorize talks to; tests/contract keeps those of stores in step with the real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kit.audit import Event
from kit.credentials import random_id, random_secret
from kit.errors import AuthPlaneError, Conflict, Missing
from services.authorize.interaction import CLAIM_SECONDS, Interaction, Needed
from services.authorize.login import email_key
from services.authorize.model import (
    LOCAL,
    Client,
    ClientId,
    Credentials,
    InteractionId,
    Operator,
    Resource,
    Role,
    Scope,
    Session,
    User,
    UserId,
    UserStatus,
    Visit,
)
from services.authorize.ports import CodeRequest
from services.authorize.refusals import UnknownClient

NOTES = Resource(
    uri="https://notes.example/mcp",
    slug="notes",
    name="Notes",
    scopes=(Scope("notes:read", "Read your notes"), Scope("notes:write", "Change your notes")),
)
REDIRECT_URI = "https://app.example/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def a_client(client_id: str = "client-a", **changes: object) -> Client:
    """An ordinary client."""
    plain = Client(ClientId(client_id), "Notebook", (REDIRECT_URI,), frozenset({"authorization_code", "refresh_token"}))
    return replace(plain, **changes)  # type: ignore[arg-type]


def a_user(now: datetime, user_id: str = "user-1", email: str = "ada@example.com", **changes: object) -> User:
    """An ordinary person."""
    plain = User(UserId(user_id), email, "Ada", Role.USER, UserStatus.ACTIVE, LOCAL, now, now)
    return replace(plain, **changes)  # type: ignore[arg-type]


class FakeClients:
    """Registry's clients; an entry may be an error to raise."""

    def __init__(self, *clients: Client) -> None:
        self.known: dict[str, Client | AuthPlaneError] = {client.id: client for client in clients}

    async def resolve(self, client_id: str, visit: Visit) -> Client:
        found = self.known.get(client_id)
        if found is None:
            raise UnknownClient("no application is registered under this client_id")
        if isinstance(found, AuthPlaneError):
            raise found
        return found


class FakeResources:
    """Registry's resources, by URI or slug."""

    def __init__(self, *resources: Resource) -> None:
        self.known = resources
        self.fault: AuthPlaneError | None = None

    async def resolve(self, reference: str) -> Resource:
        if self.fault is not None:
            raise self.fault
        for resource in self.known:
            if reference in {resource.uri, resource.slug}:
                return resource
        raise Missing("no such resource", members={"closest": self.known[0].uri} if self.known else {})

    async def mints(self) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.known if not resource.brokered)


class FakeCodes:
    """Token's grants and codes. Consent is kept per (user, client, redirect origin, resource), as token keeps it (A6)."""

    def __init__(self) -> None:
        self.remembered: dict[tuple[str, str, str, str], tuple[str, ...]] = {}
        self.met: set[tuple[str, str]] = set()
        self.issued: list[CodeRequest] = []
        self.calls = 0
        self.fault: Exception | None = None

    async def issue(self, asked: CodeRequest) -> str | Needed:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        request = asked.request
        key = (asked.user_id, request.client_id, asked.redirect_origin, request.resource)
        known = self.remembered.get(key, ())
        if asked.consent is None:
            missing = tuple(name for name in request.scopes if name not in known)
            if missing or key not in self.remembered:
                granted = tuple(name for name in request.scopes if name in known)
                return Needed(granted, missing, (asked.user_id, request.client_id) not in self.met)
        elif asked.consent.remember:
            self.remembered[key] = tuple(dict.fromkeys((*known, *asked.consent.scopes)))
        self.met.add((asked.user_id, request.client_id))
        self.issued.append(asked)
        return f"code-{len(self.issued)}-{random_secret()}"


class FakeSubjects:
    """Token's list of people it refuses; `order` lets a test see what was called when."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.order: list[str] = []
        self.fault: AuthPlaneError | None = None

    async def refuse(self, user_id: UserId, reason: str, operator: Operator) -> None:
        if self.fault is not None:
            raise self.fault
        self.order.append(f"refuse {reason}")
        self.refused[user_id] = reason

    async def allow(self, user_id: UserId, operator: Operator) -> None:
        if self.fault is not None:
            raise self.fault
        self.order.append("allow")
        self.refused.pop(user_id, None)


@dataclass
class FakeTables:
    """What the stores below share, as the real ones share a database."""

    users: dict[UserId, User] = field(default_factory=dict)
    hashes: dict[UserId, str] = field(default_factory=dict)
    sessions: dict[bytes, Session] = field(default_factory=dict)
    interactions: dict[InteractionId, Interaction] = field(default_factory=dict)
    claims: dict[InteractionId, datetime] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


class FakeInteractions:
    """Stands for InteractionStore."""

    def __init__(self, tables: FakeTables) -> None:
        self.tables = tables

    async def add(self, interaction: Interaction) -> None:
        self.tables.interactions[interaction.id] = interaction

    async def find(self, interaction_id: InteractionId, now: datetime) -> Interaction | None:
        found = self.tables.interactions.get(interaction_id)
        return found if found is not None and found.expires_at > now else None

    async def claim(self, interaction_id: InteractionId, now: datetime) -> bool:
        held = self.tables.claims.get(interaction_id)
        if await self.find(interaction_id, now) is None or (held is not None and held >= now - timedelta(seconds=CLAIM_SECONDS)):
            return False
        self.tables.claims[interaction_id] = now
        return True

    async def release(self, interaction_id: InteractionId, user_id: UserId | None, needed: Needed | None) -> None:
        self.tables.claims.pop(interaction_id, None)
        found = self.tables.interactions.get(interaction_id)
        if found is not None:
            self.tables.interactions[interaction_id] = replace(found, user_id=user_id, needed=needed)

    async def finish(self, interaction_id: InteractionId, events: Sequence[Event]) -> bool:
        if self.tables.interactions.pop(interaction_id, None) is None:
            return False
        self.tables.events.extend(events)
        return True


class FakeSessions:
    """Stands for SessionStore."""

    def __init__(self, tables: FakeTables) -> None:
        self.tables = tables

    async def start(self, session: Session, replaces: bytes | None, event: Event) -> bool:
        user = self.tables.users.get(session.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            return False
        if replaces is not None:
            self.tables.sessions.pop(replaces, None)
        self.tables.sessions[session.digest] = session
        self.tables.events.append(event)
        return True

    async def find(self, digest: bytes, now: datetime, idle_since: datetime) -> Session | None:
        found = self.tables.sessions.get(digest)
        if found is None or found.expires_at <= now or found.last_seen_at <= idle_since:
            return None
        user = self.tables.users.get(found.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            return None
        return replace(found, email=user.email, name=user.name)

    async def touch(self, digest: bytes, now: datetime) -> None:
        found = self.tables.sessions.get(digest)
        if found is not None and found.last_seen_at < now:
            self.tables.sessions[digest] = replace(found, last_seen_at=now)

    async def end(self, digest: bytes, event: Event) -> bool:
        if self.tables.sessions.pop(digest, None) is None:
            return False
        self.tables.events.append(event)
        return True


class FakeUsers:
    """Stands for UserStore and LoginStore."""

    def __init__(self, tables: FakeTables) -> None:
        self.tables = tables

    async def credentials(self, email: str) -> Credentials | None:
        for user in self.tables.users.values():
            if email and email_key(user.email) == email:
                return Credentials(user.id, user.status, user.provider, self.tables.hashes.get(user.id, ""))
        return None

    async def user(self, user_id: UserId) -> User | None:
        return self.tables.users.get(user_id)

    async def rehash(self, user_id: UserId, before: str, after: str) -> None:
        if self.tables.hashes.get(user_id) == before:
            self.tables.hashes[user_id] = after

    async def add(self, user: User, password_hash: str, event: Event) -> None:
        self._require_free(user)
        self.tables.users[user.id] = user
        self.tables.hashes[user.id] = password_hash
        self.tables.events.append(event)

    async def get(self, user_id: UserId) -> User | None:
        return self.tables.users.get(user_id)

    async def all(self, limit: int, offset: int, email: str) -> tuple[User, ...]:
        ordered = sorted(self.tables.users.values(), key=lambda user: (user.created_at, user.id))
        wanted = [user for user in ordered if not email or email_key(user.email) == email_key(email)]
        return tuple(wanted[offset : offset + limit])

    async def counts(self) -> tuple[int, int]:
        return len(self.tables.users), sum(user.status is UserStatus.ACTIVE for user in self.tables.users.values())

    async def change(self, user: User, password_hash: str | None, event: Event) -> bool:
        if user.id not in self.tables.users:
            return False
        self._require_free(user)
        self.tables.users[user.id] = user
        if password_hash is not None:
            self.tables.hashes[user.id] = password_hash
            self._end_sessions(user.id)
        self.tables.events.append(event)
        return True

    async def set_status(self, user_id: UserId, status: UserStatus, now: datetime, event: Event) -> User | None:
        user = self.tables.users.get(user_id)
        if user is None:
            return None
        if status is UserStatus.DISABLED:
            self._end_sessions(user_id)
        if user.status is not status:
            user = self.tables.users[user_id] = replace(user, status=status, updated_at=now)
            self.tables.events.append(event)
        return user

    async def remove(self, user_id: UserId, event: Event) -> bool:
        if self.tables.users.pop(user_id, None) is None:
            return False
        self._end_sessions(user_id)
        self.tables.events.append(event)
        return True

    async def end_sessions(self, user_id: UserId, event: Event) -> int:
        ended = self._end_sessions(user_id)
        if ended:
            self.tables.events.append(event)
        return ended

    def _end_sessions(self, user_id: UserId) -> int:
        theirs = [digest for digest, session in self.tables.sessions.items() if session.user_id == user_id]
        for digest in theirs:
            del self.tables.sessions[digest]
        return len(theirs)

    def _require_free(self, user: User) -> None:
        for other in self.tables.users.values():
            if other.id != user.id and user.email and email_key(other.email) == email_key(user.email):
                raise Conflict("this already exists")


class FakeJournal:
    """Stands for JournalStore."""

    def __init__(self, tables: FakeTables) -> None:
        self.tables = tables

    async def write(self, event: Event) -> None:
        self.tables.events.append(event)


class FakeLockout:
    """Counts without ever forgetting."""

    def __init__(self, most: int = 3, lock: int = 900) -> None:
        self.most = most
        self.lock = lock
        self.counts: dict[tuple[str, str], int] = {}
        self.locked: set[tuple[str, str]] = set()

    async def begin(self, identity: str, address: str) -> int:
        pair = (identity, address)
        if pair in self.locked:
            return self.lock
        self.counts[pair] = self.counts.get(pair, 0) + 1
        return 0

    async def failed(self, identity: str, address: str) -> int:
        pair = (identity, address)
        if self.counts.get(pair, 0) < self.most or pair in self.locked:
            return 0
        self.locked.add(pair)
        return self.lock

    async def forget(self, identity: str, address: str) -> None:
        self.counts[identity, address] = max(0, self.counts.get((identity, address), 0) - 1)

    async def clear(self, identity: str, address: str) -> None:
        self.counts.pop((identity, address), None)
        self.locked.discard((identity, address))


def new_id() -> UserId:
    """An id nobody has."""
    return UserId(random_id())
