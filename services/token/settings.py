"""The part of the configuration this service reads."""

from dataclasses import dataclass
from datetime import timedelta

from config.schema import Configuration


@dataclass(frozen=True, slots=True)
class Settings:
    """`masters` are the data keys, the one that seals first; `requests_per_second` is for one address, 0 = any number."""

    issuer: str
    access_token_lifetime: timedelta
    machine_token_lifetime: timedelta
    refresh_lifetime: timedelta
    family_lifetime: timedelta
    reuse_window: timedelta
    code_lifetime: timedelta
    skew: timedelta
    client_credentials: bool
    dpop: bool
    dpop_proof_lifetime: timedelta
    dpop_nonce_lifetime: timedelta
    dpop_require_nonce: bool
    metadata_documents: bool
    require_push: bool
    signing_alg: str
    key_store: str
    masters: tuple[bytes, ...]
    pepper: bytes | None
    allowed_origins: tuple[str, ...]
    device_authorization: bool
    device_code_lifetime: timedelta
    device_poll_interval: timedelta
    require_scope: bool
    requests_per_second: float
    request_burst: int
    private_addresses: bool
    require_https: bool

    @property
    def longest_token(self) -> timedelta:
        """How long the longest-lived access token lives."""
        return max(self.access_token_lifetime, self.machine_token_lifetime)


def of(configuration: Configuration) -> Settings:
    """Pick this service's part; the configuration has been checked as a whole."""
    pepper = configuration.client_secret_pepper
    return Settings(
        issuer=configuration.server.issuer,
        access_token_lifetime=configuration.dcr.default_token_expiry,
        machine_token_lifetime=configuration.client_credentials.token_expiry,
        refresh_lifetime=configuration.dcr.default_refresh_expiry,
        family_lifetime=configuration.refresh.max_lifetime,
        reuse_window=configuration.refresh.reuse_window,
        code_lifetime=configuration.oauth.code_lifetime,
        skew=configuration.clock_skew,
        client_credentials=configuration.client_credentials.enabled,
        dpop=configuration.dpop.enabled,
        dpop_proof_lifetime=configuration.dpop.proof_lifetime,
        dpop_nonce_lifetime=configuration.dpop.nonce_ttl,
        dpop_require_nonce=configuration.dpop.require_nonce,
        metadata_documents=configuration.cimd.enabled,
        require_push=configuration.oauth.require_pushed_authorization_requests,
        signing_alg=configuration.signing.algorithm,
        key_store=configuration.signing.key_store,
        masters=_masters(configuration),
        pepper=pepper.encode() if pepper else None,
        allowed_origins=configuration.server.allowed_origins or ("*",),
        device_authorization=configuration.device_authorization.enabled,
        device_code_lifetime=configuration.device_authorization.code_lifetime,
        device_poll_interval=configuration.device_authorization.poll_interval,
        require_scope=configuration.oauth.require_scope,
        requests_per_second=configuration.rate_limit.requests_per_second if configuration.rate_limit.enabled else 0,
        request_burst=configuration.rate_limit.burst,
        private_addresses=configuration.cimd.allow_private_addresses,
        require_https=configuration.cimd.require_https,
    )


def _masters(configuration: Configuration) -> tuple[bytes, ...]:
    named = configuration.data_encryption.aes_master
    values = [configuration.referenced(name) for name in (named.key_env, named.old_key_env) if name]
    return tuple(bytes.fromhex(value) for value in values if value)
