"""The client information response (RFC 7591 §3.2.1, RFC 7592 §3)."""

from typing import Any

import orjson

from services.registry.model import ApplicationType
from services.registry.registration import Registered


def client_information(registered: Registered, uri: str, access_token: str = "") -> dict[str, Any]:
    """The members as registered, which may differ from those asked for. `access_token` is one the client presented itself."""
    client = registered.client
    about = client.metadata
    members: dict[str, Any] = {
        "client_id": client.id,
        "client_id_issued_at": int(client.issued_at.timestamp()),
        "client_name": about.name,
        "redirect_uris": about.redirect_uris,
        "grant_types": about.grant_types,
        "response_types": about.response_types,
        "token_endpoint_auth_method": about.auth_method.value,
        "application_type": (about.application_type or ApplicationType.WEB).value,
    }
    if registered.secret:
        members["client_secret"] = registered.secret
    if client.secret_digest:
        members["client_secret_expires_at"] = 0
    if token := registered.access_token or access_token:
        members |= {"registration_access_token": token, "registration_client_uri": uri}
    return members | {name: value for name, value in _optional(registered).items() if value}


def _optional(registered: Registered) -> dict[str, Any]:
    about = registered.client.metadata
    return {
        "scope": registered.client.scope,
        "client_uri": about.client_uri,
        "logo_uri": about.logo_uri,
        "tos_uri": about.tos_uri,
        "policy_uri": about.policy_uri,
        "jwks_uri": about.jwks_uri,
        "jwks": orjson.loads(about.jwks) if about.jwks else None,
        "agent": about.agent,
        "agent_description": about.agent_description,
        "require_pushed_authorization_requests": about.require_pushed_authorization_requests,
        "dpop_bound_access_tokens": about.dpop_bound_access_tokens,
    }
