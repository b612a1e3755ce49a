"""The part of the configuration admin reads."""

from dataclasses import dataclass
from datetime import timedelta

from config.schema import Configuration
from services.admin.model.configuration import PublicConfiguration

PEERS = ("registry", "authorize", "token", "vault", "audit")


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
        jwks_listing=configuration.agents.enable_jwks_listing,
        oidc_enabled=configuration.oidc.enabled,
        default_client_scope=configuration.oauth.default_client_scope or "",
    )
