"""The settings an operator may read back."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublicConfiguration:
    """What an operator may read back: how the plane behaves, and nothing that opens anything."""

    issuer: str
    storage_driver: str
    algorithm: str
    key_store: str
    encryption_driver: str
    dcr_mode: str
    rate_limit_enabled: bool
    client_credentials_enabled: bool
    dpop_enabled: bool
    dpop_nonce_ttl: str
    dpop_require_nonce: bool
    token_exchange_enabled: bool
    max_chain_depth: int
    jwks_listing: bool
    oidc_enabled: bool
    default_client_scope: str

    def view(self) -> Mapping[str, object]:
        """As `GET /admin/system/config` shows it."""
        return {
            "issuer": self.issuer,
            "storage": {"driver": self.storage_driver},
            "signing": {"algorithm": self.algorithm, "key_store": self.key_store},
            "encryption": {"driver": self.encryption_driver},
            "dcr": {"mode": self.dcr_mode},
            "rate_limit": {"enabled": self.rate_limit_enabled},
            "client_credentials": {"enabled": self.client_credentials_enabled},
            "dpop": {"enabled": self.dpop_enabled, "nonce_ttl": self.dpop_nonce_ttl, "require_nonce": self.dpop_require_nonce},
            "token_exchange": {"enabled": self.token_exchange_enabled, "max_chain_depth": self.max_chain_depth},
            "agents": {"enabled": True, "jwks_listing": self.jwks_listing},
            "oidc": {"enabled": self.oidc_enabled},
            "notices": self._notices(),
        }

    def _notices(self) -> list[dict[str, str]]:
        if self.default_client_scope or self.dcr_mode not in {"open", "approved_redirects"}:
            return []
        return [
            {
                "id": "oauth-default-client-scope-required-v0.3.0",
                "severity": "warning",
                "title": "Registered clients have no scope ceiling",
                "body": "Clients may register themselves, and oauth.default_client_scope is not set, so such a client may ask a user "
                "for any scope of any resource.",
            }
        ]
