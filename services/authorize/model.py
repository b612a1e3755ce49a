"""The nouns of this service: who asks, for what, and which browser they sit at."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

ClientId = NewType("ClientId", str)
UserId = NewType("UserId", str)
InteractionId = NewType("InteractionId", str)

LOCAL = "local"


class ClientStatus(StrEnum):
    """Only an active client is served."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Client:
    """What this service needs to know of a client. An empty `ceiling` means none was set; `document_url` is set for CIMD clients."""

    id: ClientId
    name: str
    redirect_uris: tuple[str, ...]
    grant_types: frozenset[str]
    ceiling: tuple[str, ...] = ()
    status: ClientStatus = ClientStatus.ACTIVE
    document_url: str = ""
    must_push: bool = False
    first_seen: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """One entry of a resource's catalogue."""

    name: str
    description: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource by its canonical URI. A brokered one is reached by token exchange only, never from here."""

    uri: str
    slug: str
    name: str
    scopes: tuple[Scope, ...]
    brokered: bool = False


class UserStatus(StrEnum):
    """A disabled user has no session and gets no token."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Role(StrEnum):
    """What a person is to the plane."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """A person. `email` may be empty for a federated one; `provider` is `local` or the identity provider's name."""

    id: UserId
    email: str
    name: str
    role: Role
    status: UserStatus
    provider: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is checked against. `password_hash` is empty for people who have none."""

    user_id: UserId
    status: UserStatus
    provider: str
    password_hash: str

    def __repr__(self) -> str:
        """Leaves the hash out, so that no traceback carries it."""
        return f"Credentials(user_id={self.user_id!r}, status={self.status!r}, provider={self.provider!r})"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `digest` is SHA-256 of the cookie's value, which is stored nowhere.

    `address` and `user_agent` are where it began and what the browser called itself, for its owner to recognise.
    """

    digest: bytes
    user_id: UserId
    email: str
    name: str
    authenticated_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request came from: client address as the gateway reports it, request and trace id for audit rows, the browser's claim."""

    address: str = ""
    request_id: str = ""
    trace_id: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who performs an operator's write: the name of the API key and where the call came from."""

    key_name: str
    visit: Visit = Visit()
