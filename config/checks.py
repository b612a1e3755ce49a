"""Rules between settings: each a function that yields a sentence per problem, in one table that says whom it concerns."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from config.key_checks import encryption_is_complete, signing_store_is_complete
from config.localhost import is_localhost
from config.people import IdentityProvider
from config.references import expected
from config.schema import Configuration

EVERYONE: Final = frozenset({"registry", "authorize", "token", "vault", "audit", "admin"})
WEAK_SECRETS: Final = frozenset({"dev-secret-change-me", "dev-admin-key", "changeme", "secret", "password", "admin", "test"})
REFERENCE_PREFIXES: Final = ("CONNECTOR_", "AUTHPLANE_VAULT_")
_SHORTEST_SECRET = 16
_SHORTEST_STATE_SECRET = 32


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and the services whose processes must pass it."""

    find: Callable[[Configuration], Iterable[str]]
    services: frozenset[str] = EVERYONE


def issuer_is_a_plain_url(configuration: Configuration) -> Iterator[str]:
    """RFC 8414 §2: https, no query, no fragment; and one spelling, since it is compared as text everywhere."""
    issuer = configuration.server.issuer
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        yield "server.issuer must be an http or https URL"
        return
    if parts.query or parts.fragment or "?" in issuer or "#" in issuer or parts.username is not None:
        yield "server.issuer must have no query, fragment or user name"
    if issuer.endswith("/"):
        yield "server.issuer must not end with a slash"
    if parts.scheme != "https" and not configuration.localhost:
        yield "server.issuer must be https unless its host is localhost, 127.0.0.1 or [::1]"


def addresses_differ(configuration: Configuration) -> Iterator[str]:
    """The operator's side must never be reachable by accident on the public port."""
    if configuration.admin.enabled and configuration.server.address == configuration.admin.address:
        yield "admin.address must differ from server.address"


def storage_is_postgres(configuration: Configuration) -> Iterator[str]:
    """Six processes share one database; a file for one process cannot serve them."""
    if configuration.storage.driver != "postgres":
        yield "storage.driver must be postgres: other drivers, sqlite among them, cannot be shared by several services"
    pool = configuration.storage.postgres
    if pool.max_conns and pool.min_conns > pool.max_conns:
        yield "storage.postgres.min_conns must not exceed storage.postgres.max_conns"


def session_is_protected(configuration: Configuration) -> Iterator[str]:
    """Off localhost a session needs a secret of its own and a cookie that never travels in clear."""
    yield from _secret("session.secret", configuration.session.secret, local=configuration.localhost)


def cookie_is_protected(configuration: Configuration) -> Iterator[str]:
    """The cookie's attributes."""
    session = configuration.session
    if not session.secure and not configuration.localhost:
        yield "session.secure must be true unless the issuer is on localhost"
    if session.same_site == "none" and not session.secure:
        yield "session.same_site none needs session.secure"


def admin_is_protected(configuration: Configuration) -> Iterator[str]:
    """Off localhost the operator's side needs a key."""
    if configuration.admin.enabled:
        yield from _secret("admin.api_key", configuration.admin.api_key, local=configuration.localhost)


def lookback_is_possible(configuration: Configuration) -> Iterator[str]:
    """A default beyond the maximum would refuse every request."""
    if configuration.admin.audit_default_lookback > configuration.admin.audit_max_lookback:
        yield "admin.audit_default_lookback must not exceed admin.audit_max_lookback"


def rates_are_possible(configuration: Configuration) -> Iterator[str]:
    """A limit of nothing would refuse everybody."""
    limit = configuration.rate_limit
    if limit.enabled and (limit.requests_per_second <= 0 or limit.burst <= 0):
        yield "rate_limit.requests_per_second and rate_limit.burst must be above zero, or rate_limit.enabled false"
    if limit.auth_fail_max and (limit.auth_fail_window <= timedelta() or limit.auth_lockout <= timedelta()):
        yield "rate_limit.auth_fail_window and rate_limit.auth_lockout must be above zero, or rate_limit.auth_fail_max 0"


def registration_is_consistent(configuration: Configuration) -> Iterator[str]:
    """What is relaxed for development stays there."""
    if configuration.dcr.mode == "approved_redirects" and not configuration.dcr.approved_redirects:
        yield "dcr.approved_redirects must name redirect URIs when dcr.mode is approved_redirects"
    if not configuration.localhost:
        if not configuration.cimd.require_https:
            yield "cimd.require_https may be false only with an issuer on localhost"
        if configuration.cimd.allow_private_addresses:
            yield "cimd.allow_private_addresses may be true only with an issuer on localhost"


def lifetimes_are_ordered(configuration: Configuration) -> Iterator[str]:
    """A family that ends before its first refresh token does would surprise everybody."""
    if configuration.refresh.max_lifetime < configuration.dcr.default_refresh_expiry:
        yield "refresh.max_lifetime must not be shorter than dcr.default_refresh_expiry"
    if configuration.session.idle_timeout > configuration.session.max_age and "idle_timeout" in configuration.session.model_fields_set:
        yield "session.idle_timeout must not exceed session.max_age"


def identity_providers_are_complete(configuration: Configuration) -> Iterator[str]:
    """An identity provider is asked by redirect and by a direct call; both must be possible."""
    providers = configuration.oidc.all_providers()
    if configuration.oidc.enabled and not providers:
        yield "oidc.issuer, or an entry in oidc.providers, is required when oidc.enabled is true"
    if len({name for name, _ in providers}) != len(providers):
        yield "oidc.providers must have different names, none of them oidc"
    for name, provider in providers:
        where = "oidc" if provider is configuration.oidc else f"oidc.providers[{name}]"
        yield from _provider(where, provider, local=configuration.localhost)
        yield from _way_back(where, name, provider, alone=len(providers) == 1)


def connect_is_complete(configuration: Configuration) -> Iterator[str]:
    """Where people return from an upstream provider."""
    connect = configuration.connect
    if connect.state_secret and len(connect.state_secret) < _SHORTEST_STATE_SECRET:
        yield f"connect.state_secret must have at least {_SHORTEST_STATE_SECRET} characters"
    if connect.state_secret and not connect.redirect_base_url:
        yield "connect.redirect_base_url is required with connect.state_secret"
    url = connect.redirect_base_url
    if url and not url.startswith("https://") and not is_localhost(url):
        yield "connect.redirect_base_url must be https, or on localhost"


def telemetry_has_a_destination(configuration: Configuration) -> Iterator[str]:
    """Nothing is sent to a default place."""
    telemetry = configuration.observability
    if telemetry.tracing.enabled and not telemetry.tracing.endpoint:
        yield "observability.tracing.endpoint is required when observability.tracing.enabled is true"
    if telemetry.logging.outputs.otel and not telemetry.logging.outputs.otel_endpoint:
        yield "observability.logging.outputs.otel_endpoint is required when observability.logging.outputs.otel is true"
    if telemetry.metrics.provider in {"otel", "both"} and not telemetry.metrics.otel_endpoint:
        yield f"observability.metrics.otel_endpoint is required when observability.metrics.provider is {telemetry.metrics.provider}"


def references_are_separate(configuration: Configuration) -> Iterator[str]:
    """A key that names a variable may name only variables meant for that."""
    for reference in expected(configuration):
        if reference.prefixed and not reference.variable.startswith(REFERENCE_PREFIXES):
            yield f"{reference.key} must name a variable that begins with {' or '.join(REFERENCE_PREFIXES)}"


def references_are_set(service: str) -> Rule:
    """A rule for one service: what it will need to read is there now, not at the first request."""

    def find(configuration: Configuration) -> Iterator[str]:
        for reference in expected(configuration):
            if service in reference.services and not configuration.referenced(reference.variable):
                yield f"{reference.key} names {reference.variable}, which is not set"

    return Rule(find, frozenset({service}))


def _secret(key: str, value: str, *, local: bool) -> Iterator[str]:
    if value.lower() in WEAK_SECRETS:
        yield f"{key} is one of the values everybody tries first"
    elif not local and not value:
        yield f"{key} is required unless the issuer is on localhost"
    elif not local and len(value) < _SHORTEST_SECRET:
        yield f"{key} must have at least {_SHORTEST_SECRET} characters"


def _provider(where: str, provider: IdentityProvider, *, local: bool) -> Iterator[str]:
    for key in ("issuer", "client_id", "redirect_uri"):
        if not getattr(provider, key):
            yield f"{where}.{key} is required"
    if provider.client_secret and provider.secret_reference:
        yield f"{where}.client_secret and {where}.client_secret_ref exclude each other"
    for key in ("issuer", "redirect_uri"):
        url = getattr(provider, key)
        if url and not url.startswith("https://") and not (local and url.startswith("http://")):
            yield f"{where}.{key} must be https"
    if not local and is_localhost(provider.issuer):
        yield f"{where}.issuer may be on localhost only with an issuer on localhost"


def _way_back(where: str, name: str, provider: IdentityProvider, *, alone: bool) -> Iterator[str]:
    """RFC 9700 §4.4.2.2: answers of several providers are told apart by where they arrive."""
    try:
        marks = parse_qs(urlsplit(provider.redirect_uri).query).get("provider", [])
    except ValueError:
        yield f"{where}.redirect_uri is not a URL"
        return
    if marks != [name] and (marks or not (alone or name == "oidc")):
        yield f"{where}.redirect_uri must end with ?provider={name}"


RULES: Final = (
    Rule(issuer_is_a_plain_url),
    Rule(addresses_differ),
    Rule(storage_is_postgres),
    # The services that derive keys from it; in others it is absent on purpose.
    Rule(session_is_protected, frozenset({"registry", "authorize", "token", "admin"})),
    Rule(cookie_is_protected, frozenset({"authorize", "admin"})),
    Rule(admin_is_protected, frozenset({"admin"})),
    Rule(lookback_is_possible),
    Rule(rates_are_possible),
    Rule(registration_is_consistent),
    Rule(lifetimes_are_ordered),
    Rule(identity_providers_are_complete),
    Rule(connect_is_complete),
    Rule(signing_store_is_complete, frozenset({"token"})),
    Rule(encryption_is_complete, frozenset({"token", "vault", "audit"})),
    Rule(telemetry_has_a_destination),
    Rule(references_are_separate),
    *(references_are_set(service) for service in sorted(EVERYONE)),
)
