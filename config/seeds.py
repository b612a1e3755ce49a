"""Objects a plane is born with. Mode `create` adds what is absent; `sync` also brings what is there back to what is written here."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kit.settings import Model, Secret

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Seed(Model):
    """How seeds are applied."""

    mode: Literal["create", "sync"] = "create"


class SeedScope(Model):
    """A scope of a resource; `upstream` is its name at the provider, `default` whether a request without scope gets it."""

    name: str
    upstream: str = ""
    description: str = ""
    default: bool = False


class ExchangePolicy(Model):
    """Who may exchange tokens for this resource."""

    allowed_client_ids: tuple[str, ...] = ()


class RuntimePolicy(Model):
    """Which clients run as this resource; empty = none."""

    client_ids: tuple[str, ...] = ()


class ConnectPolicy(Model):
    """Where a browser may return after connecting."""

    allowed_return_urls: tuple[str, ...] = ()


class ResourcePolicy(Model):
    """A resource's policies."""

    exchange: ExchangePolicy = ExchangePolicy()
    runtime: RuntimePolicy = RuntimePolicy()
    connect: ConnectPolicy = ConnectPolicy()


class ResourceSeed(Model):
    """An MCP server, or an API behind a provider."""

    slug: Slug
    uri: str
    display_name: str = ""
    description: str = ""
    backend_kind: Literal["mint", "broker"] = "mint"
    broker_provider_id: str = ""
    broker_provider_slug: str = ""
    scopes: tuple[SeedScope, ...] = ()
    policy: ResourcePolicy = ResourcePolicy()


class BrokerProviderSeed(Model):
    """An upstream provider; `config_data` has the shape its protocol needs."""

    slug: Slug
    display_name: str = ""
    protocol: Literal["oauth", "api_key", "service_account"] = "oauth"
    config_data: dict[str, Any] = {}


class UserSeed(Model):
    """A person with a local password, given directly or as the name of a variable."""

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    name: str = ""
    role: Literal["user", "admin"] = "user"
    password: Secret = ""
    password_ref: str = ""


class ClientSeed(Model):
    """A pre-registered client; without an id of its own it is recognised by its name."""

    client_id: str = ""
    client_name: str
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    token_endpoint_auth_method: Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] = "none"  # noqa: S105 - a method
    client_secret: Secret = ""
    client_secret_ref: str = ""
    scope: str = ""
    jwks_uri: str = ""
    agent: bool = False
    dpop_bound_access_tokens: bool = False
