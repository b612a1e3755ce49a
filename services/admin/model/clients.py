"""OAuth clients as operators see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

ClientId = NewType("ClientId", str)


class ClientStatus(StrEnum):
    """Suspended clients may come back; revoked ones have also lost everything they held."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class RegistrationSource(StrEnum):
    """How the client became known: dynamic registration, an operator, or a metadata document."""

    DCR = "dcr"
    ADMIN = "admin"
    CIMD = "cimd"


class RegistrationMode(StrEnum):
    """Who may register clients dynamically."""

    OPEN = "open"
    APPROVED_REDIRECTS = "approved_redirects"
    ADMIN_ONLY = "admin_only"


@dataclass(frozen=True, slots=True)
class Client:
    """A client, without its secret."""

    id: ClientId
    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    token_endpoint_auth_method: str
    scope: str
    status: ClientStatus
    registration_source: RegistrationSource
    application_type: str
    agent: bool
    agent_description: str
    agent_assurance: str
    cimd_url: str
    issued_at: datetime
    updated_at: datetime
    version: int
    access_token_lifetime: int
    """Seconds; 0 = the server's default."""
    tokens_per_minute: int = 0
    """How many tokens may be issued to it; 0 = any number."""
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True)
class NewClient:
    """What an operator asks for when registering a client. Lifetimes in seconds."""

    client_name: str
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""
    scope: str = ""
    application_type: str = ""
    agent: bool = False
    agent_description: str = ""
    jwks_uri: str = ""
    jwks: str = ""
    access_token_lifetime: int = 0
    tokens_per_minute: int = 0
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True)
class ClientChange:
    """None leaves a member alone; an empty value clears it. `expected_version` 0 = write whatever the version is."""

    client_name: str | None = None
    redirect_uris: tuple[str, ...] | None = None
    grant_types: tuple[str, ...] | None = None
    scope: str | None = None
    access_token_lifetime: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    expected_version: int = 0


@dataclass(frozen=True, slots=True)
class CreatedClient:
    """The client and, for a confidential one, the secret that is shown this once."""

    client: Client
    client_secret: str
