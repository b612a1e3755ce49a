"""How clients come to be known, and what each grant gives them."""

from typing import Annotated, Literal

from pydantic import Field

from kit.settings import Duration, Env, Model, PositiveDuration, Secret, parse_duration


class Dcr(Model):
    """Dynamic registration (RFC 7591), and lifetimes of user tokens."""

    mode: Literal["open", "approved_redirects", "admin_only"] = "open"
    """Who may register; governs client metadata documents too."""
    approved_redirects: tuple[str, ...] = ()
    rate_limit: Annotated[float, Field(ge=0)] = 10
    """Registrations per second and address."""
    rate_limit_burst: Annotated[int, Field(ge=0)] = 20
    default_token_expiry: PositiveDuration = parse_duration("15m")
    """Lifetime of users' access tokens, for every client."""
    default_refresh_expiry: PositiveDuration = parse_duration("168h")
    """Lifetime of a refresh token, renewed by use."""
    unused_lifetime: Duration = parse_duration("720h")
    """A registered client never used is removed after this; 0 = never."""


class Cimd(Model):
    """Client ID metadata documents."""

    enabled: bool = True
    require_https: bool = True
    allow_private_addresses: bool = False
    ca_file: str = ""
    """Additional authority trusted when fetching documents."""
    cache_ttl: PositiveDuration = parse_duration("1h")
    fetch_timeout: PositiveDuration = parse_duration("10s")


class OAuth(Model):
    """The authorization endpoint."""

    require_scope: bool = False
    """Refuse a request without scope instead of granting the resource's default scopes."""
    default_client_scope: str = ""
    """Ceiling given to clients that register themselves; empty = none."""
    state_max_age: PositiveDuration = parse_duration("10m")
    """How long a person may take at an identity provider."""
    code_lifetime: Annotated[PositiveDuration, Field(le=parse_duration("10m"))] = parse_duration("2m")
    require_pushed_authorization_requests: bool = False
    pushed_request_lifetime: Annotated[PositiveDuration, Field(le=parse_duration("10m"))] = parse_duration("60s")


class Refresh(Model):
    """Refresh tokens."""

    reuse_window: Annotated[Duration, Field(ge=parse_duration("0"), le=parse_duration("10m"))] = parse_duration("60s")
    """How long a spent refresh token is answered with the same successor; 0 = never."""
    max_lifetime: PositiveDuration = parse_duration("720h")
    """After this the person signs in again, however often the token was renewed."""


class ClientCredentials(Model):
    """Machine tokens."""

    enabled: bool = True
    token_expiry: PositiveDuration = parse_duration("1h")


class Dpop(Model):
    """Sender-constrained tokens (RFC 9449): supported, required only of clients that say so."""

    enabled: bool = True
    proof_lifetime: Annotated[Duration, Field(ge=parse_duration("10s"), le=parse_duration("300s"))] = parse_duration("60s")
    nonce_ttl: PositiveDuration = parse_duration("60s")
    require_nonce: bool = False


class TokenExchange(Model):
    """RFC 8693."""

    enabled: bool = True
    allow_self_exchange: bool = False
    max_chain_depth: Annotated[int, Field(ge=1, le=10)] = 5
    token_expiry: PositiveDuration = parse_duration("1h")


class DeviceAuthorization(Model):
    """RFC 8628."""

    enabled: bool = True
    code_lifetime: PositiveDuration = parse_duration("10m")
    poll_interval: PositiveDuration = parse_duration("5s")


class Agents(Model):
    """Clients that act on their own."""

    enable_jwks_listing: bool = False


class Connect(Model):
    """Where people connect their accounts elsewhere."""

    state_secret: Secret = ""
    redirect_base_url: str = ""
    allowed_return_urls: tuple[str, ...] = ()


class Vault(Model):
    """Upstream tokens."""

    cache_tokens: Annotated[bool, Env("UPSTREAM_CACHE_TOKENS")] = True
    """Keep a vended token, sealed, until shortly before it expires."""


class Xaa(Model):
    """Identity assertions of trusted identity providers (RFC 7523)."""

    enabled: bool = True
    token_expiry: PositiveDuration = parse_duration("1h")
    max_assertion_age: PositiveDuration = parse_duration("5m")
    require_resource: bool = False
    subject_mode: Literal["auto_map", "strict"] = "auto_map"
    jwks_cache_ttl: PositiveDuration = parse_duration("1h")
