"""The part of the configuration admin reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from config.schema import Configuration

PEERS = ("registry", "authorize", "token", "vault", "audit")


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
    agents_enabled: bool
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
            "agents": {"enabled": self.agents_enabled, "jwks_listing": self.jwks_listing},
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


@dataclass(frozen=True, slots=True)
class Settings:
    """`api_key` is the bootstrap key; empty opens nothing."""

    api_key: str
    secure: bool
    default_lookback: timedelta
    max_lookback: timedelta
    public: PublicConfiguration

    def __repr__(self) -> str:
        """Without the key."""
        return f"Settings(public={self.public!r})"


def of(configuration: Configuration) -> Settings:
    """Pick out admin's part."""
    return Settings(
        api_key=configuration.admin.api_key or "",
        secure=configuration.server.issuer.startswith("https://"),
        default_lookback=configuration.admin.audit_default_lookback,
        max_lookback=configuration.admin.audit_max_lookback,
        public=_public(configuration),
    )


def _public(configuration: Configuration) -> PublicConfiguration:
    return PublicConfiguration(
        issuer=configuration.server.issuer,
        storage_driver=configuration.storage.driver,
        algorithm=configuration.signing.algorithm,
        key_store=configuration.signing.key_store,
        encryption_driver=configuration.data_encryption.driver or "",
        dcr_mode=configuration.dcr.mode,
        rate_limit_enabled=configuration.rate_limit.enabled,
        client_credentials_enabled=configuration.client_credentials.enabled,
        dpop_enabled=configuration.dpop.enabled,
        dpop_nonce_ttl=f"{int(configuration.dpop.nonce_ttl.total_seconds())}s",
        dpop_require_nonce=configuration.dpop.require_nonce,
        token_exchange_enabled=configuration.token_exchange.enabled,
        max_chain_depth=configuration.token_exchange.max_chain_depth,
        agents_enabled=configuration.agents.enabled,
        jwks_listing=configuration.agents.jwks_listing,
        oidc_enabled=configuration.oidc.enabled,
        default_client_scope=configuration.oauth.default_client_scope or "",
    )
