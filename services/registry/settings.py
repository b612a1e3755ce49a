"""The part of the configuration this service reads."""

from dataclasses import dataclass, field
from datetime import timedelta

from config.schema import Configuration
from config.seeds import ClientSeed, ResourceSeed
from kit.credentials import s256
from kit.oauth import GrantType
from services.registry.catalogue import NewResource
from services.registry.clients import NewClient
from services.registry.metadata import Submitted
from services.registry.model import BackendKind, Mode, Policy, Scope
from services.registry.seeds import SeedMode, SeedRefused, Seeds

# Target T7, in the order we would choose; published so that clients need not guess.
DPOP_ALGORITHMS = ("ES256", "ES384", "Ed25519", "EdDSA", "PS256", "RS256")


@dataclass(frozen=True, slots=True)
class Rate:
    """Registrations per second and address on average, and at once; None in `Settings` = not limited."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """Client metadata documents."""

    enabled: bool
    require_https: bool
    allow_private_addresses: bool
    cache_ttl: timedelta
    fetch_timeout: timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """See the configuration reference; `never_used_life` None keeps unused clients for good."""

    issuer: str
    allowed_origins: tuple[str, ...]
    mode: Mode
    approved_redirects: frozenset[str]
    registration_rate: Rate | None
    never_used_life: timedelta | None
    grants: frozenset[GrantType]
    default_scope: str
    documents: DocumentSettings
    dpop_algorithms: tuple[str, ...]
    seeds: Seeds
    pepper: bytes | None = field(default=None, repr=False)


def of(configuration: Configuration) -> Settings:
    """Raises SeedRefused for a seeded client whose secret is missing."""
    dcr, cimd = configuration.dcr, configuration.cimd
    limited = configuration.rate_limit.enabled and dcr.rate_limit > 0 and dcr.rate_limit_burst > 0
    return Settings(
        issuer=configuration.server.issuer,
        allowed_origins=configuration.server.allowed_origins or ("*",),
        mode=Mode(dcr.mode),
        approved_redirects=frozenset(dcr.approved_redirects),
        registration_rate=Rate(dcr.rate_limit, dcr.rate_limit_burst) if limited else None,
        never_used_life=dcr.unused_lifetime or None,
        grants=enabled_grants(configuration),
        default_scope=configuration.oauth.default_client_scope,
        documents=DocumentSettings(cimd.enabled, cimd.require_https, cimd.allow_private_addresses, cimd.cache_ttl, cimd.fetch_timeout),
        dpop_algorithms=DPOP_ALGORITHMS if configuration.dpop.enabled else (),
        seeds=_seeds(configuration),
        pepper=configuration.client_secret_pepper.encode() or None,
    )


def enabled_grants(configuration: Configuration) -> frozenset[GrantType]:
    """The grants the token endpoint answers."""
    switches = {
        GrantType.AUTHORIZATION_CODE: True,
        GrantType.REFRESH_TOKEN: True,
        GrantType.CLIENT_CREDENTIALS: configuration.client_credentials.enabled,
        GrantType.TOKEN_EXCHANGE: configuration.token_exchange.enabled,
        GrantType.JWT_BEARER: configuration.xaa.enabled,
        GrantType.DEVICE_CODE: configuration.device_authorization.enabled,
    }
    return frozenset(grant for grant, enabled in switches.items() if enabled)


def _seeds(configuration: Configuration) -> Seeds:
    return Seeds(
        resources=tuple(_resource(seed) for seed in configuration.resources),
        clients=tuple(_client(seed, configuration) for seed in configuration.clients),
        mode=SeedMode(configuration.seed.mode),
    )


def _resource(seed: ResourceSeed) -> NewResource:
    return NewResource(
        slug=seed.slug,
        uri=seed.uri,
        display_name=seed.display_name or seed.slug,
        description=seed.description,
        backend_kind=BackendKind(seed.backend_kind),
        # A provider may be named by its slug, which the vault resolves like an id.
        broker_provider_id=seed.broker_provider_id or seed.broker_provider_slug,
        scopes=tuple(Scope(scope.name, scope.description, scope.upstream, scope.default) for scope in seed.scopes),
        policy=Policy(seed.policy.exchange.allowed_client_ids, seed.policy.runtime.client_ids, seed.policy.connect.allowed_return_urls),
    )


def _client(seed: ClientSeed, configuration: Configuration) -> NewClient:
    secret = seed.client_secret or (configuration.referenced(seed.client_secret_ref) or "" if seed.client_secret_ref else "")
    if seed.token_endpoint_auth_method.startswith("client_secret") and not secret:
        raise SeedRefused(
            f"clients[{seed.client_name}]: a client that authenticates with a secret needs client_secret or client_secret_ref"
        )
    return NewClient(
        metadata=Submitted(
            client_name=seed.client_name,
            redirect_uris=list(seed.redirect_uris),
            grant_types=list(seed.grant_types),
            token_endpoint_auth_method=seed.token_endpoint_auth_method,
            jwks_uri=seed.jwks_uri or None,
            agent=seed.agent,
            dpop_bound_access_tokens=seed.dpop_bound_access_tokens,
        ),
        scope=seed.scope,
        # Without an id of its own a seed is recognised by its name, on every replica and at every start.
        client_id=seed.client_id or s256(f"seeded client {seed.client_name}")[:22],
        secret=secret,
    )
