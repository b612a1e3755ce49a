"""Identity providers: what an operator configured, what a provider publishes about itself, and what we ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from kit.jose import VerificationKey
from services.authorize.refusals import ProviderUnavailable

GROUPS: Final = "groups"


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry of `oidc`. `label` is its button's text; without one it has no button.

    `local` marks a developer's own provider, which alone may be on this machine and without TLS.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    label: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    ask_for_groups: bool = True
    groups_claim: str = GROUPS
    connector_id: str = ""
    local: bool = False

    @property
    def return_mark(self) -> str | None:
        """The `provider` parameter within its redirect URI, by which its answers are told from another provider's (RFC 9700 §4.4.2.2)."""
        found = parse_qs(urlsplit(self.redirect_uri).query).get("provider")
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What we need of OpenID Connect Discovery §3. `names_itself`: its answers carry `iss` (RFC 9207 §3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    names_itself: bool = False
    offers_groups: bool = False
    secret_in_form: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a code was exchanged for."""

    id_token: str = field(repr=False)
    access_token: str = field(default="", repr=False)


class IdentityProviders(Protocol):
    """The way to the providers. Every call raises ProviderUnavailable when the provider does not answer, or not sensibly."""

    async def metadata(self, provider: Provider) -> Metadata:
        """What the provider publishes, at most an hour old."""
        ...

    async def redeem(self, provider: Provider, code: str, verifier: str) -> Answer:
        """Exchange a code. Raises CodeRefused."""
        ...

    async def keys(self, provider: Provider, kid: str) -> Mapping[str, VerificationKey]:
        """Its signing keys, fetched again if `kid` is not among those known, but not over and over."""
        ...

    async def person(self, provider: Provider, access_token: str) -> Mapping[str, Any]:
        """The claims its UserInfo endpoint gives for a token; none where it has no such endpoint or refuses."""
        ...


def discovery_url(provider: Provider) -> str:
    """Where the metadata is (OpenID Connect Discovery §4)."""
    return provider.issuer.rstrip("/") + "/.well-known/openid-configuration"


def read_metadata(provider: Provider, document: Any) -> Metadata:
    """The metadata of a fetched document. Raises ProviderUnavailable for one that is another issuer's, incomplete or unsafe."""
    if not isinstance(document, Mapping) or document.get("issuer") != provider.issuer:
        raise unusable(provider, "the discovery document is of another issuer")
    userinfo = document.get("userinfo_endpoint")
    methods = _words(document, "token_endpoint_auth_methods_supported")
    return Metadata(
        authorization_endpoint=_endpoint(provider, document, "authorization_endpoint"),
        token_endpoint=_endpoint(provider, document, "token_endpoint"),
        jwks_uri=_endpoint(provider, document, "jwks_uri"),
        userinfo_endpoint=_endpoint(provider, document, "userinfo_endpoint") if userinfo is not None else "",
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        offers_groups=GROUPS in _words(document, "scopes_supported"),
        # Discovery §3: a provider that names no method takes HTTP Basic.
        secret_in_form="client_secret_post" in methods and "client_secret_basic" not in methods,
    )


def unusable(provider: Provider, why: str) -> ProviderUnavailable:
    """The error for a provider that answered, but not as one can work with."""
    return ProviderUnavailable(
        f"{provider.label or provider.name} cannot be used to sign in at this moment", debug=f"{provider.name}: {why}"
    )


def _endpoint(provider: Provider, document: Mapping[str, Any], name: str) -> str:
    url = document.get(name)
    schemes = ("https://", "http://") if provider.local else ("https://",)
    if not isinstance(url, str) or not url.startswith(schemes) or "#" in url or not url.isascii() or any(c.isspace() for c in url):
        raise unusable(provider, f"{name} is missing or not an acceptable URL")
    return url


def _words(document: Mapping[str, Any], name: str) -> frozenset[str]:
    values = document.get(name)
    return frozenset(value for value in values if isinstance(value, str)) if isinstance(values, list) else frozenset()
