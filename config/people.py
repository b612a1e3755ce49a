"""People's sessions, operators, identity providers, and how much anybody may ask."""

from typing import Annotated, Literal

from pydantic import Field

from kit.settings import Duration, Env, Model, PositiveDuration, Secret, parse_duration


class Session(Model):
    """The browser's session."""

    secret: Secret = ""
    """Root of every key derived for cookies, forms and flows."""
    cookie_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "authserver_session"
    max_age: PositiveDuration = parse_duration("24h")
    idle_timeout: PositiveDuration = parse_duration("8h")
    secure: bool = False
    same_site: Literal["lax", "strict", "none"] = "lax"
    fail_closed: bool = True


class RateLimit(Model):
    """Requests per address, and the lockout of guessed passwords."""

    enabled: bool = True
    requests_per_second: Annotated[float, Env("RATE_LIMIT_RPS")] = 100
    burst: int = 200
    auth_fail_max: Annotated[int, Field(ge=0)] = 10
    """Failures before an identity is locked for an address; 0 = never."""
    auth_fail_window: Duration = parse_duration("10m")
    auth_lockout: Duration = parse_duration("15m")
    max_tracked_identities: Annotated[int, Field(ge=10_000)] = 250_000


class Admin(Model):
    """The operator's side."""

    enabled: bool = True
    address: str = ":9001"
    api_key: Secret = ""
    """The first key; named keys are made with it."""
    requests_per_second: Annotated[float, Field(ge=0)] = 0
    burst: Annotated[int, Field(ge=0)] = 0
    audit_default_lookback: PositiveDuration = parse_duration("24h")
    audit_max_lookback: PositiveDuration = parse_duration("720h")


class Audit(Model):
    """The log of what happened."""

    retention: Annotated[Duration, Field(ge=parse_duration("0"))] = parse_duration("0")
    """Entries older than this are removed, a month at a time; 0 = kept for ever."""


class IdentityProvider(Model):
    """An OpenID provider where people may sign in."""

    issuer: str = ""
    client_id: str = ""
    client_secret: Secret = ""
    client_secret_ref: str = ""
    """Name of the variable that holds the secret; exclusive with `client_secret`."""
    client_secret_env: str = ""
    """The former name of `client_secret_ref`."""
    redirect_uri: str = ""
    """`<issuer>/oidc/callback`; with several providers each has its own, `<issuer>/oidc/callback?provider=<name>`."""
    display_name: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    include_groups_scope: bool = True
    """Ask for the scope `groups` where the provider offers it."""
    groups_claim: Annotated[str, Field(min_length=1)] = "groups"
    """The claim that lists a person's groups."""
    connector_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""

    @property
    def secret_reference(self) -> str:
        """The variable that holds the client secret, or an empty string."""
        return self.client_secret_ref or self.client_secret_env


class NamedIdentityProvider(IdentityProvider):
    """One of several; `name` appears in paths and in the identities of those who signed in through it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Oidc(IdentityProvider):
    """Sign-in through other providers: the one described here, and any in `providers`."""

    enabled: bool = False
    show_local_login: bool = True
    providers: tuple[NamedIdentityProvider, ...] = ()

    def all_providers(self) -> tuple[tuple[str, IdentityProvider], ...]:
        """Every provider in use with its name; the one without a name of its own is called `oidc`."""
        if not self.enabled:
            return ()
        first: tuple[tuple[str, IdentityProvider], ...] = (("oidc", self),) if self.issuer else ()
        return first + tuple((provider.name, provider) for provider in self.providers)
