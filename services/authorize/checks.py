"""The rules of an authorization request, one function each, in the order they are asked.

Until the redirect URI is known to be the client's, a refusal is a page (RFC 6749 §4.1.2.1, A1, K12); afterwards it goes to the client.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.errors import AuthPlaneError, InvalidRequest, InvalidScope, InvalidTarget, Refused, UnauthorizedClient, UnsupportedResponseType
from kit.oauth import GrantType, parse_scope
from services.authorize import scopes
from services.authorize.model import Client, ClientStatus, Resource
from services.authorize.redirect_uri import is_registered
from services.authorize.refusals import ClientNotActive
from services.authorize.request import AuthorizationRequest, Prompt, RawRequest

# RFC 7636 §4.2: 43 to 128 unreserved characters.
_CHALLENGE = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
# RFC 9449 §10: a SHA-256 thumbprint in base64url is 43 characters.
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_LONGEST_STATE = 4096
_LONGEST_SCOPE = 4096
_LONGEST_HINT = 254


class RequestNotSupported(Refused):
    """OpenID Connect Core §3.1.2.6: request objects are declined as a whole (K11)."""

    code = "request_not_supported"
    status = 400


class RequestUriNotSupported(Refused):
    """OpenID Connect Core §3.1.2.6: no request object is ever fetched."""

    code = "request_uri_not_supported"
    status = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """A request beside everything the rules compare it with.

    `resources`: the one named, or all mint resources when neither resource nor scope was named. `unresolved`: why the one named is not
    there, held back until its rule is reached.
    """

    raw: RawRequest
    client: Client
    resources: tuple[Resource, ...] = ()
    unresolved: AuthPlaneError | None = None
    scope_required: bool = False
    push_required: bool = False


Check = Callable[[Asked], None]


def client_is_active(asked: Asked) -> None:
    """A suspended or revoked client gets neither page nor redirect (K5)."""
    if asked.client.status is not ClientStatus.ACTIVE:
        raise ClientNotActive("this application has been switched off by an administrator")


def redirect_uri_is_given_once(asked: Asked) -> None:
    """OAuth 2.1 §4.1.1; there is no defaulting to a single registered value."""
    if "redirect_uri" in asked.raw.repeated:
        raise InvalidRequest("redirect_uri was sent more than once")
    if asked.raw.redirect_uri is None:
        raise InvalidRequest("redirect_uri is missing")


def redirect_uri_is_registered(asked: Asked) -> None:
    """RFC 9700 §4.1.3; K7 to K10."""
    if not is_registered(asked.raw.redirect_uri or "", asked.client.redirect_uris):
        raise InvalidRequest("redirect_uri is not one this application registered")


def parameters_are_single(asked: Asked) -> None:
    """RFC 6749 §3.1."""
    if asked.raw.repeated:
        raise InvalidRequest(f"{' and '.join(sorted(asked.raw.repeated)[:5])} was sent more than once")


def state_is_bounded(asked: Asked) -> None:
    """What is echoed must fit into a URL."""
    if asked.raw.state is not None and len(asked.raw.state) > _LONGEST_STATE:
        raise InvalidRequest(f"state is longer than {_LONGEST_STATE} characters")


def no_request_object(asked: Asked) -> None:
    """RFC 9101 is declined: nothing signed, encrypted or nested is looked into (K11)."""
    if asked.raw.request is not None:
        raise RequestNotSupported("request objects are not supported; send the parameters themselves")
    if asked.raw.request_uri is not None:
        raise RequestUriNotSupported("request_uri is not supported; send the parameters themselves")


def client_need_not_push(asked: Asked) -> None:
    """RFC 9126 §5 (every client) and §6 (this client)."""
    if asked.raw.pushed:
        return
    if asked.push_required:
        raise InvalidRequest("requests must be pushed to /oauth/par first")
    if asked.client.must_push:
        raise InvalidRequest("this client must use pushed authorization requests")


def response_type_is_code(asked: Asked) -> None:
    """OAuth 2.1 §4.1.1."""
    if asked.raw.response_type is None:
        raise InvalidRequest("response_type is missing")
    if asked.raw.response_type != "code":
        raise UnsupportedResponseType("response_type must be code")


def response_mode_is_query(asked: Asked) -> None:
    """Only the default of the code flow."""
    if asked.raw.response_mode not in {None, "query"}:
        raise InvalidRequest("response_mode must be query")


def client_may_use_codes(asked: Asked) -> None:
    """RFC 6749 §4.1.2.1 unauthorized_client."""
    if GrantType.AUTHORIZATION_CODE not in asked.client.grant_types:
        raise UnauthorizedClient("this client is not registered for the authorization_code grant")


def pkce_is_s256(asked: Asked) -> None:
    """OAuth 2.1 §4.1.1, RFC 7636 §4.4.1: required, and there is no default to plain."""
    if asked.raw.code_challenge is None:
        raise InvalidRequest("code_challenge is missing")
    if asked.raw.code_challenge_method != "S256":
        raise InvalidRequest("code_challenge_method must be S256")


def code_challenge_is_wellformed(asked: Asked) -> None:
    """RFC 7636 §4.2."""
    if not _CHALLENGE.fullmatch(asked.raw.code_challenge or ""):
        raise InvalidRequest("code_challenge must be 43 to 128 unreserved characters")


def proof_key_is_wellformed(asked: Asked) -> None:
    """RFC 9449 §10."""
    if asked.raw.dpop_jkt is not None and not _THUMBPRINT.fullmatch(asked.raw.dpop_jkt):
        raise InvalidRequest("dpop_jkt must be a SHA-256 JWK thumbprint in base64url")


def prompt_is_known(asked: Asked) -> None:
    """OpenID Connect Core §3.1.2.1: none stands alone."""
    values = prompts(asked.raw.prompt)
    if Prompt.NONE in values and len(values) > 1:
        raise InvalidRequest("prompt=none cannot be combined with another value")


def max_age_is_a_number(asked: Asked) -> None:
    """OpenID Connect Core §3.1.2.1: seconds."""
    if asked.raw.max_age is not None and not _SECONDS.fullmatch(asked.raw.max_age):
        raise InvalidRequest("max_age must be a number of seconds")


def resource_is_single(asked: Asked) -> None:
    """RFC 8707 §2 allows several; a token here is for one (A3)."""
    if len(asked.raw.resources) > 1:
        raise InvalidTarget("name one resource per request")


def resource_is_known(asked: Asked) -> None:
    """RFC 8707 §2; the message names the closest registered value (A3)."""
    if asked.unresolved is not None:
        closest = asked.unresolved.members.get("closest", "")
        hint = f"; the closest one is {closest}" if closest else ""
        raise InvalidTarget(f"the resource is not registered here{hint}", debug=asked.unresolved.detail)


def resource_is_minted_here(asked: Asked) -> None:
    """Brokered resources are reached by token exchange only."""
    if asked.raw.resources and any(resource.brokered for resource in asked.resources):
        raise InvalidTarget("this resource is reached by token exchange, not by authorization")


def scope_is_wellformed(asked: Asked) -> None:
    """RFC 6749 §3.3; bounded, because it is kept while a person decides."""
    if asked.raw.scope is not None:
        if len(asked.raw.scope) > _LONGEST_SCOPE:
            raise InvalidScope(f"scope is longer than {_LONGEST_SCOPE} characters")
        parse_scope(asked.raw.scope)


def scope_is_given_where_required(asked: Asked) -> None:
    """The operator's `oauth.require_scope` (A2)."""
    if asked.scope_required and asked.raw.scope is None:
        raise InvalidScope("scope is missing")


def scope_is_within_ceiling(asked: Asked) -> None:
    """The ceiling an operator gave the client; an empty one bounds nothing here."""
    if asked.client.ceiling:
        scopes.require_subset(named_scopes(asked.raw), asked.client.ceiling, "is more than this client may ask for")


def scope_is_in_catalogue(asked: Asked) -> None:
    """RFC 6749 §3.3: only what the resource declares; an empty catalogue refuses."""
    if asked.raw.resources:
        scopes.require_subset(named_scopes(asked.raw), scopes.catalogue(asked.resources), "is not offered by the resource")


def default_scope_is_not_empty(asked: Asked) -> None:
    """Refused before anybody is bothered with a login (A2)."""
    if not named_scopes(asked.raw):
        scopes.defaulted(asked.client.ceiling, asked.resources)


BEFORE_REDIRECT_IS_TRUSTED: tuple[Check, ...] = (client_is_active, redirect_uri_is_given_once, redirect_uri_is_registered)
AFTER_REDIRECT_IS_TRUSTED: tuple[Check, ...] = (
    parameters_are_single,
    state_is_bounded,
    no_request_object,
    client_need_not_push,
    response_type_is_code,
    response_mode_is_query,
    client_may_use_codes,
    pkce_is_s256,
    code_challenge_is_wellformed,
    proof_key_is_wellformed,
    prompt_is_known,
    max_age_is_a_number,
    resource_is_single,
    resource_is_known,
    resource_is_minted_here,
    scope_is_wellformed,
    scope_is_given_where_required,
    scope_is_within_ceiling,
    scope_is_in_catalogue,
    default_scope_is_not_empty,
)


def run(checks: tuple[Check, ...], asked: Asked) -> None:
    """Ask every rule in order; the first refusal is raised."""
    for check in checks:
        check(asked)


def prompts(value: str | None) -> frozenset[Prompt]:
    """The values of `prompt`. Raises InvalidRequest for an unknown one."""
    try:
        return frozenset(Prompt(word) for word in (value or "").split())
    except ValueError:
        raise InvalidRequest("prompt must be none, login or consent") from None


def named_scopes(raw: RawRequest) -> tuple[str, ...]:
    """The scopes the request itself names. Raises InvalidScope when malformed."""
    return scopes.named(parse_scope(raw.scope)) if raw.scope is not None else ()


def accepted(asked: Asked, now: datetime) -> AuthorizationRequest:
    """The request as it stands. Call after every rule has passed."""
    raw = asked.raw
    prompt = prompts(raw.prompt)
    return AuthorizationRequest(
        client_id=asked.client.id,
        redirect_uri=raw.redirect_uri or "",
        code_challenge=raw.code_challenge or "",
        scopes=named_scopes(raw) or scopes.defaulted(asked.client.ceiling, asked.resources),
        resource=asked.resources[0].uri if raw.resources else "",
        state=raw.state or "",
        dpop_jkt=raw.dpop_jkt or "",
        prompt=prompt,
        signed_in_since=_signed_in_since(prompt, raw.max_age, now),
        login_hint=raw.login_hint if raw.login_hint and len(raw.login_hint) <= _LONGEST_HINT else "",
    )


def _signed_in_since(prompt: frozenset[Prompt], max_age: str | None, now: datetime) -> datetime | None:
    if prompt & {Prompt.LOGIN, Prompt.SELECT_ACCOUNT}:
        return now
    return now - timedelta(seconds=int(max_age)) if max_age is not None else None
