"""What is known: clients, resources, and the fact that one of them changed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from kit.oauth import AuthMethod

ClientId = NewType("ClientId", str)
ResourceId = NewType("ResourceId", str)
Slug = NewType("Slug", str)
Revision = NewType("Revision", int)


class ClientStatus(StrEnum):
    """Only an active client may do anything."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Source(StrEnum):
    """How a client became known."""

    DCR = "dcr"
    ADMIN = "admin"
    CIMD = "cimd"


class ApplicationType(StrEnum):
    """OpenID Connect Dynamic Client Registration §2; enforced here (target C8)."""

    WEB = "web"
    NATIVE = "native"


class AgentAssurance(StrEnum):
    """Who says that a client is an agent (target T13)."""

    NONE = ""
    SELF_DECLARED = "self_declared"
    VOUCHED = "vouched"


class Mode(StrEnum):
    """Who may register without an operator."""

    OPEN = "open"
    APPROVED_REDIRECTS = "approved_redirects"
    ADMIN_ONLY = "admin_only"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a client says about itself, after negotiation: every value is one this server supports (RFC 7591 §2)."""

    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    auth_method: AuthMethod
    application_type: ApplicationType | None
    client_uri: str = ""
    logo_uri: str = ""
    tos_uri: str = ""
    policy_uri: str = ""
    jwks_uri: str = ""
    # The JWK set as canonical JSON, or empty.
    jwks: str = ""
    agent: bool = False
    agent_description: str = ""
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """A client as stored. `scope` is the ceiling, space-separated; `access_token_lifetime` in seconds, 0 = the server's default."""

    id: ClientId
    metadata: Metadata
    status: ClientStatus
    source: Source
    issued_at: datetime
    updated_at: datetime
    version: int = 1
    scope: str = ""
    agent_assurance: AgentAssurance = AgentAssurance.NONE
    access_token_lifetime: int = 0
    # How many tokens may be issued to it (target T12); 0 = any number.
    tokens_per_minute: int = 0
    tokens_per_day: int = 0
    # kit.credentials.secret_digest; empty for a client without a secret.
    secret_digest: str = field(default="", repr=False)

    @property
    def cimd_url(self) -> str:
        """The metadata document's URL, which is the id of a client that has one."""
        return self.id if self.source is Source.CIMD else ""


class BackendKind(StrEnum):
    """Who signs the tokens for a resource: this plane, or the provider behind it."""

    MINT = "mint"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Scope:
    """One entry of a resource's catalogue; `upstream` is the provider's own name for it."""

    name: str
    description: str = ""
    upstream: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may exchange into a resource, who is the resource at run time, where its connect flow may return to."""

    exchange_allowed_client_ids: tuple[str, ...] = ()
    runtime_client_ids: tuple[str, ...] = ()
    connect_allowed_return_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """Something tokens are issued for. `access_token_lifetime` in seconds, 0 = the server's default."""

    id: ResourceId
    slug: Slug
    uri: str
    display_name: str
    description: str
    backend_kind: BackendKind
    broker_provider_id: str
    scopes: tuple[Scope, ...]
    policy: Policy
    created_at: datetime
    updated_at: datetime
    version: int = 1
    access_token_lifetime: int = 0


class ChangeKind(StrEnum):
    """What a change is about."""

    CLIENT = "client"
    RESOURCE = "resource"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write; `kind` is None for the first message of a feed, which only tells where it starts."""

    revision: Revision
    kind: ChangeKind | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, for its audit row; `operator` is the API key's name, empty for everyone else."""

    ip: str = ""
    request_id: str = ""
    trace_id: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """The operator's overview."""

    clients: int
    active_clients: int
    resources: int
