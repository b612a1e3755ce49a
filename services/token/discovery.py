"""Authorization server metadata (RFC 8414), and where it is found. Only what works is advertised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from kit.errors import Unavailable
from kit.oauth import AuthMethod, GrantType, ResponseType
from services.token.policy import OFFLINE_ACCESS, Catalogue
from services.token.ports import Resources

_SECRETS = (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST, AuthMethod.PRIVATE_KEY_JWT)


@dataclass(frozen=True, slots=True)
class Features:
    """What this deployment serves. An empty `dpop_algs` says no DPoP."""

    grant_types: Sequence[str]
    assertion_algs: Sequence[str]
    dpop_algs: Sequence[str] = ()
    client_id_metadata_documents: bool = True
    require_pushed_authorization_requests: bool = False
    signing_alg: str = "ES256"


def metadata(issuer: str, features: Features, catalogue: Catalogue | None) -> dict[str, Any]:
    """The document; without a catalogue, `scopes_supported` is left out rather than guessed.

    `none` and `private_key_jwt` are always listed: some MCP clients use metadata documents or keys only when they see them (C1).
    """
    with_public = [AuthMethod.NONE, *_SECRETS]
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "token_endpoint": f"{issuer}/oauth/token",
        "registration_endpoint": f"{issuer}/oauth/register",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [ResponseType.CODE],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(features.grant_types),
        "token_endpoint_auth_methods_supported": with_public,
        "token_endpoint_auth_signing_alg_values_supported": list(features.assertion_algs),
        "introspection_endpoint_auth_methods_supported": list(_SECRETS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(features.assertion_algs),
        "introspection_signing_alg_values_supported": [features.signing_alg],
        "revocation_endpoint_auth_methods_supported": with_public,
        "revocation_endpoint_auth_signing_alg_values_supported": list(features.assertion_algs),
        "code_challenge_methods_supported": ["S256"],
        "resource_indicators_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "authplane_agent_identity_supported": True,
    }
    if catalogue is not None:
        document["scopes_supported"] = list(dict.fromkeys([*catalogue.scopes(), OFFLINE_ACCESS]))
    if features.require_pushed_authorization_requests:
        document["require_pushed_authorization_requests"] = True
    if GrantType.DEVICE_CODE.value in features.grant_types:
        document["device_authorization_endpoint"] = f"{issuer}/oauth/device_authorization"
    if features.client_id_metadata_documents:
        document["client_id_metadata_document_supported"] = True
    if features.dpop_algs:
        document["dpop_signing_alg_values_supported"] = list(features.dpop_algs)
    return document


def paths(issuer: str) -> list[str]:
    """Where the document is served: both names, bare, and with an issuer's path behind (RFC 8414 §3.1) or before them."""
    suffix = urlsplit(issuer).path.rstrip("/")
    names = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
    if not suffix:
        return names
    return [*names, *(name + suffix for name in names), f"{suffix}/.well-known/openid-configuration"]


class Discovery:
    """The document as bytes, made anew only when the registered resources change."""

    def __init__(self, *, issuer: str, features: Features, resources: Resources) -> None:
        self._issuer = issuer
        self._features = features
        self._resources = resources
        self._made: tuple[Catalogue, bytes] | None = None

    async def document(self) -> bytes:
        """The document's JSON. While registry is away, the last one known, or one without `scopes_supported`."""
        try:
            catalogue = await self._resources.catalogue()
        except Unavailable:
            return self._made[1] if self._made is not None else orjson.dumps(metadata(self._issuer, self._features, None))
        if self._made is None or self._made[0] is not catalogue:
            self._made = (catalogue, orjson.dumps(metadata(self._issuer, self._features, catalogue)))
        return self._made[1]
