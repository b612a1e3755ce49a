"""Client metadata as strangers write it (RFC 7591 §2), and the negotiation that makes it ours (target C4).

Unknown grant types, response types and authentication methods are dropped rather than refused, as long as something usable remains.
An operator's request is not negotiated: there, an unknown value is a mistake worth hearing about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from kit.errors import InvalidClientMetadata
from kit.oauth import AuthMethod, GrantType
from services.registry import key_sets, presentation, redirect_uris
from services.registry.model import ApplicationType, Metadata
from services.registry.redirect_uris import RedirectUri

_WITH_SECRET: Final = frozenset({AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST})
_USER_GRANTS: Final = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)
# Grants that need no person: their client's scope ceiling must come from an operator.
_MACHINE_GRANTS: Final = frozenset({GrantType.CLIENT_CREDENTIALS, GrantType.JWT_BEARER, GrantType.TOKEN_EXCHANGE})
ENABLED_BY: Final = {
    GrantType.CLIENT_CREDENTIALS: "AUTHPLANE_CLIENT_CREDENTIALS_ENABLED",
    GrantType.TOKEN_EXCHANGE: "AUTHPLANE_TOKEN_EXCHANGE_ENABLED",
    GrantType.JWT_BEARER: "AUTHPLANE_XAA_ENABLED",
    GrantType.DEVICE_CODE: "AUTHPLANE_DEVICE_AUTHORIZATION_ENABLED",
}


class Submitted(BaseModel):
    """Metadata as submitted: types checked and nothing converted (K6), members we do not read ignored (RFC 7591 §2)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    client_name: str | None = None
    redirect_uris: list[str] | None = None
    grant_types: list[str] | None = None
    response_types: list[str] | None = None
    token_endpoint_auth_method: str | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    application_type: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None
    jwks_uri: str | None = None
    jwks: dict[str, Any] | None = None
    agent: bool | None = None
    agent_description: str | None = None
    require_pushed_authorization_requests: bool | None = None
    dpop_bound_access_tokens: bool | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What this server supports for one way of registering. `strict` refuses what would otherwise be dropped."""

    grants: frozenset[GrantType]
    auth_methods: frozenset[AuthMethod] = frozenset(AuthMethod)
    strict: bool = False
    unnamed: str = ""


@dataclass(slots=True)
class _Problems:
    """Collects, because a developer wants to hear of all mistakes at once."""

    found: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        self.found.append(problem)

    def caught(self, value: Callable[[], str]) -> str:
        """The value, or nothing and one problem more."""
        try:
            return value()
        except InvalidClientMetadata as error:
            self.add(error.detail)
            return ""

    def raise_any(self) -> None:
        if self.found:
            raise InvalidClientMetadata("; ".join(self.found))


def submitted(value: object) -> Submitted:
    """Check the types of a parsed JSON object. Raises InvalidClientMetadata naming every member of a wrong type."""
    if not isinstance(value, dict):
        raise InvalidClientMetadata("the metadata must be a JSON object")
    try:
        return Submitted.model_validate(value)
    except ValidationError as error:
        # The location and the rule, never the input: it may be large, or not printable.
        told = dict.fromkeys(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors(include_input=False))
        raise InvalidClientMetadata("; ".join(told)) from None


def negotiate(asked: Submitted, rules: Rules) -> Metadata:
    """The metadata to register. Raises InvalidClientMetadata listing every problem (RFC 7591 §3.2.2)."""
    problems = _Problems()
    uris, wrong_uris = redirect_uris.parse_all(asked.redirect_uris or ())
    problems.found.extend(wrong_uris)
    jwks, jwks_uri = _keys(asked, problems)
    method = _auth_method(asked, rules, problems, has_keys=bool(jwks or jwks_uri))
    grants = _grant_types(asked, rules, method, problems)
    responses = _response_types(asked, grants, rules, problems)
    if GrantType.AUTHORIZATION_CODE in grants and not asked.redirect_uris:
        problems.add("redirect_uris: at least one is needed for authorization_code")
    application_type = _application_type(asked.application_type, uris, problems)
    name = problems.caught(lambda: presentation.text("client_name", asked.client_name)) or rules.unnamed or presentation.name_from(uris)
    description = problems.caught(lambda: presentation.text("agent_description", asked.agent_description))
    problems.raise_any()
    return Metadata(
        name=name,
        redirect_uris=tuple(uri.text for uri in uris),
        grant_types=grants,
        response_types=responses,
        auth_method=method,
        application_type=application_type,
        client_uri=presentation.link(asked.client_uri),
        logo_uri=presentation.link(asked.logo_uri),
        tos_uri=presentation.link(asked.tos_uri),
        policy_uri=presentation.link(asked.policy_uri),
        jwks_uri=jwks_uri,
        jwks=jwks,
        agent=asked.agent or False,
        agent_description=description,
        require_pushed_authorization_requests=asked.require_pushed_authorization_requests or False,
        dpop_bound_access_tokens=asked.dpop_bound_access_tokens or False,
    )


def has_secret(metadata: Metadata) -> bool:
    """Whether the client authenticates with a shared secret."""
    return metadata.auth_method in _WITH_SECRET


def may_have_default_scope(metadata: Metadata) -> bool:
    """`oauth.default_client_scope` is for clients whose every grant has a person behind it."""
    return not _MACHINE_GRANTS.intersection(metadata.grant_types)


def inferred_type(uris: Sequence[RedirectUri]) -> ApplicationType | None:
    """Target C8: https everywhere is a web application; anything that leads to the person's own device is a native one."""
    if not uris:
        return None
    return ApplicationType.WEB if all(uri.is_https and not uri.is_loopback for uri in uris) else ApplicationType.NATIVE


def _auth_method(asked: Submitted, rules: Rules, problems: _Problems, *, has_keys: bool) -> AuthMethod:
    offered = [asked.token_endpoint_auth_method] if asked.token_endpoint_auth_method is not None else []
    offered += asked.token_endpoint_auth_methods_supported or []
    if not offered:
        # RFC 7591 §2 says client_secret_basic; MCP clients that say nothing are public, machines cannot be.
        machine = GrantType.CLIENT_CREDENTIALS in (asked.grant_types or ()) and AuthMethod.CLIENT_SECRET_BASIC in rules.auth_methods
        return AuthMethod.CLIENT_SECRET_BASIC if machine else AuthMethod.NONE
    for method in offered:
        if method in rules.auth_methods and (method != AuthMethod.PRIVATE_KEY_JWT or has_keys):
            return AuthMethod(method)
        if rules.strict:
            break
    if AuthMethod.PRIVATE_KEY_JWT in offered and not has_keys:
        problems.add("token_endpoint_auth_method: private_key_jwt needs jwks or jwks_uri")
    else:
        problems.add(f"token_endpoint_auth_method: supported are {', '.join(sorted(rules.auth_methods))}")
    return AuthMethod.NONE


def _grant_types(asked: Submitted, rules: Rules, method: AuthMethod, problems: _Problems) -> tuple[str, ...]:
    wanted = list(dict.fromkeys(asked.grant_types)) if asked.grant_types is not None else list(_USER_GRANTS)
    reasons = {grant: reason for grant in wanted if (reason := _why_not(grant, rules, method))}
    kept = tuple(grant for grant in wanted if grant not in reasons)
    # A refresh token alone can never be obtained.
    if not set(kept) - {GrantType.REFRESH_TOKEN} or (rules.strict and reasons):
        problems.add("grant_types: " + (", ".join(f"{_shown(grant)} {reason}" for grant, reason in reasons.items()) or "none is usable"))
    return kept


def _why_not(grant: str, rules: Rules, method: AuthMethod) -> str:
    if grant not in rules.grants:
        switch = ENABLED_BY.get(GrantType(grant)) if grant in frozenset(GrantType) else None
        return f"is not enabled (set {switch}=true)" if switch else "is not supported"
    if grant == GrantType.CLIENT_CREDENTIALS and method is AuthMethod.NONE:
        return "needs a client that authenticates"
    return ""


def _response_types(asked: Submitted, grants: Sequence[str], rules: Rules, problems: _Problems) -> tuple[str, ...]:
    if asked.response_types and ("code" not in asked.response_types or (rules.strict and set(asked.response_types) != {"code"})):
        problems.add("response_types: only code is supported")
    # RFC 7591 §2.1: grant types and response types go together.
    return ("code",) if GrantType.AUTHORIZATION_CODE in grants else ()


def _application_type(asked: str | None, uris: Sequence[RedirectUri], problems: _Problems) -> ApplicationType | None:
    if not asked:
        return inferred_type(uris)
    if asked not in frozenset(ApplicationType):
        problems.add("application_type: must be web or native")
        return None
    if asked == ApplicationType.WEB and not all(uri.is_https for uri in uris):
        problems.add("redirect_uris: a web application uses https only")
    # RFC 8252 §7.2: a native client may claim https URIs beside those that lead to the device; with https alone it is a web application.
    if asked == ApplicationType.NATIVE and uris and not any(uri.is_loopback or uri.is_private_use for uri in uris):
        problems.add("redirect_uris: a native application needs a loopback or private-use URI")
    return ApplicationType(asked)


def _keys(asked: Submitted, problems: _Problems) -> tuple[str, str]:
    # RFC 7591 §2: jwks and jwks_uri MUST NOT both be present.
    if asked.jwks is not None and asked.jwks_uri:
        problems.add("jwks: must not be present together with jwks_uri")
        return "", ""
    if asked.jwks_uri and not presentation.link(asked.jwks_uri).startswith("https:"):
        problems.add("jwks_uri: must be an https URL")
        return "", ""
    if asked.jwks is None:
        return "", asked.jwks_uri or ""
    inline = asked.jwks
    return problems.caught(lambda: key_sets.canonical(inline)), ""


def _shown(grant: str) -> str:
    return grant if grant.isascii() and grant.isprintable() and len(grant) <= 64 else "one"
