"""The Authentication Request an identity provider gets (OpenID Connect Core §3.1.2.1)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from services.authorize.identity_provider import Metadata, Provider
from services.authorize.request import AuthorizationRequest, Prompt

# What a provider can do about a request to sign in anew; the other values concern its own consent.
_PASSED_ON: Final = frozenset({Prompt.LOGIN, Prompt.SELECT_ACCOUNT})


def authentication_request(provider: Provider, metadata: Metadata, secrets: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """The URL to send the browser to. `secrets` are state, nonce and code_challenge; `wanted` comes of `wishes`."""
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uri,
        "scope": " ".join(scopes(provider, metadata)),
        **secrets,
        "code_challenge_method": "S256",
        **wanted,
    }
    if provider.connector_id:
        query["connector_id"] = provider.connector_id
    endpoint = metadata.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def scopes(provider: Provider, metadata: Metadata) -> tuple[str, ...]:
    """What is asked for: `openid` always (Core §3.1.2.1), `groups` where wanted and offered."""
    groups = ("groups",) if provider.ask_for_groups and metadata.offers_groups else ()
    return tuple(dict.fromkeys(("openid", *provider.scopes, *groups)))


def wishes(request: AuthorizationRequest, now: datetime) -> dict[str, str]:
    """What a client's own request asks of the sign-in, in words the provider knows (Core §3.1.2.1)."""
    said: dict[str, str] = {}
    if request.login_hint:
        said["login_hint"] = request.login_hint
    prompt = sorted(request.prompt & _PASSED_ON)
    if prompt:
        said["prompt"] = " ".join(prompt)
    elif request.signed_in_since is not None:
        said["max_age"] = str(max(0, int((now - request.signed_in_since).total_seconds())))
    return said
