"""What operators watch about tokens, under the names of the operator contract."""

from kit import telemetry
from kit.oauth import GrantType

_GRANTS = tuple(grant.value for grant in GrantType)

ISSUED = telemetry.Count("authserver_tokens_issued_total", "Access tokens issued.", {"grant_type": _GRANTS})
REFRESHED = telemetry.Count("authserver_tokens_refreshed_total", "Access tokens issued for a refresh token.")
INTROSPECTED = telemetry.Count("authserver_introspection_total", "Introspections answered.", {"active": ("true", "false")})
DEVICES = telemetry.Count("authplane_device_authorizations_total", "Device authorizations begun.")
LIMITED = telemetry.Count(
    "authplane_rate_limited_total",
    "Requests refused because their address had asked too often.",
    {"http_route": ("/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/device_authorization")},
)
BOUND = telemetry.Count("authplane_dpop_proofs_validated_total", "Tokens issued against a DPoP proof.")
PROOFS_REFUSED = telemetry.Count(
    "authplane_dpop_proofs_rejected_total", "DPoP proofs refused.", {"reason": ("invalid_dpop_proof", "use_dpop_nonce")}
)


def count_issued(grant_type: str, *, bound: bool) -> None:
    """One token issued."""
    ISSUED.add(grant_type)
    if grant_type == GrantType.REFRESH_TOKEN:
        REFRESHED.add()
    if bound:
        BOUND.add()
