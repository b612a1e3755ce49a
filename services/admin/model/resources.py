"""Protected resources as operators see them: the MCP servers tokens are for."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

ResourceId = NewType("ResourceId", str)


class BackendKind(StrEnum):
    """Mint: we issue the tokens. Broker: somebody else does, and vault obtains them."""

    MINT = "mint"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of a resource. `upstream` is the provider's own name for it, for Broker resources."""

    name: str
    description: str = ""
    upstream: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class ExchangePolicy:
    """Which clients may exchange another client's token into this resource."""

    allowed_client_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuntimePolicy:
    """Which clients act as the resource itself. Empty = none."""

    client_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectPolicy:
    """Where a browser may return after connecting an upstream account."""

    allowed_return_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """The three lists an operator keeps per resource."""

    exchange: ExchangePolicy = field(default_factory=ExchangePolicy)
    runtime: RuntimePolicy = field(default_factory=RuntimePolicy)
    connect: ConnectPolicy = field(default_factory=ConnectPolicy)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource with its scopes and policy."""

    id: ResourceId
    slug: str
    uri: str
    display_name: str
    description: str
    backend_kind: BackendKind
    broker_provider_id: str
    scopes: tuple[Scope, ...]
    policy: Policy
    created_at: datetime
    updated_at: datetime
    version: int
    access_token_lifetime: int
    """Seconds; 0 = the server's default."""


@dataclass(frozen=True, slots=True)
class NewResource:
    """What an operator asks for when describing a resource."""

    slug: str
    backend_kind: BackendKind
    uri: str = ""
    display_name: str = ""
    description: str = ""
    broker_provider_id: str = ""
    scopes: tuple[Scope, ...] = ()
    policy: Policy = field(default_factory=Policy)
    access_token_lifetime: int = 0


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """None leaves a member alone; an empty value clears it. `expected_version` 0 = write whatever the version is."""

    slug: str | None = None
    uri: str | None = None
    display_name: str | None = None
    description: str | None = None
    scopes: tuple[Scope, ...] | None = None
    policy: Policy | None = None
    access_token_lifetime: int | None = None
    expected_version: int = 0
