"""Composition: the only module that sees both adapters and api."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from authserver.registry.v1 import registry_pb2_grpc

from kit import log, telemetry
from kit.audit import Recorder
from kit.http import HttpApp
from kit.oauth import AuthMethod
from kit.service import Resources, Service
from services.registry import settings as registry_settings
from services.registry.adapters import metrics
from services.registry.adapters.changes import Notifications
from services.registry.adapters.client_documents import PostgresDocuments
from services.registry.adapters.clients import PostgresClients
from services.registry.adapters.commit import Commit
from services.registry.adapters.documents import OutboundDocuments
from services.registry.adapters.rate import NoRate, RedisRegistrationRate
from services.registry.adapters.registrations import PostgresRegistrations
from services.registry.adapters.resources import PostgresResources
from services.registry.adapters.settings import PostgresSettings
from services.registry.admission import Admission
from services.registry.api.admin_rpc import RegistryWrites
from services.registry.api.http import MetadataRoutes, RegistrationRoutes
from services.registry.api.rpc import RegistryReads
from services.registry.catalogue import Catalogue
from services.registry.changes import Feed
from services.registry.clients import ClientAdministration
from services.registry.metadata import Rules
from services.registry.model import Mode
from services.registry.ports import RegistrationRate
from services.registry.registration import ClientRegistration, Policy
from services.registry.resolution import DocumentPolicy, Resolution
from services.registry.seeds import Sower
from services.registry.settings import Settings

READS: Final = "authserver.registry.v1.RegistryService"
WRITES: Final = "authserver.registry.v1.RegistryAdminService"
CALLERS: Final[Mapping[str, frozenset[str]]] = {
    READS: frozenset({"authorize", "token", "admin"}),
    WRITES: frozenset({"admin"}),
}

_EXPIRY_PAUSE: Final = timedelta(hours=1)

logger = log.get(__name__)


async def build(resources: Resources) -> Service:
    """The service. Raises BootFailed, SeedRefused, Unavailable."""
    settings = registry_settings.of(resources.configuration)
    clock = resources.clock
    pool = await resources.pool()
    commit = Commit(Recorder("registry", clock))
    clients = PostgresClients(pool, commit, clock)
    registrations = PostgresRegistrations(pool, commit)
    catalogue = Catalogue(store=PostgresResources(pool, commit, clock), clock=clock)
    admission = Admission(PostgresSettings(pool, commit, clock), settings.mode, settings.approved_redirects)
    rules = Rules(settings.grants, frozenset(AuthMethod))
    policy = Policy(rules, settings.default_scope, settings.pepper, settings.never_used_life or timedelta(0))
    registration = ClientRegistration(clients=clients, registrations=registrations, admission=admission, policy=policy, clock=clock)
    administration = ClientAdministration(clients=clients, rules=rules, pepper=settings.pepper, clock=clock)
    documents = settings.documents
    outbound = resources.outbound(
        allow_private=documents.allow_private_addresses,
        require_https=documents.require_https,
        timeout=documents.fetch_timeout.total_seconds(),
    )
    resolution = Resolution(
        clients=clients,
        registrations=registrations,
        documents=PostgresDocuments(pool, commit, clock),
        source=OutboundDocuments(outbound),
        admission=admission,
        policy=DocumentPolicy(documents.enabled, documents.require_https, documents.cache_ttl, rules, settings.default_scope),
        clock=clock,
        on_suppressed=metrics.fetch_suppressed,
    )
    await Sower(administration=administration, clients=clients, catalogue=catalogue, pepper=settings.pepper).plant(settings.seeds)
    await _warn_when_open(admission)
    feed = Feed()
    notifications = Notifications(pool, feed)
    await notifications.start()

    async def close() -> None:
        notifications.close()

    return Service(
        http=HttpApp(
            (
                *RegistrationRoutes(registration, await _rate(settings, resources), settings.issuer).routes(),
                *MetadataRoutes(catalogue, settings.issuer, settings.dpop_algorithms).routes(),
            ),
            secure=settings.issuer.startswith("https:"),
            service="registry",
            on_done=telemetry.http_done,
            allowed_origins=settings.allowed_origins,
        ),
        rpc=(
            (registry_pb2_grpc.add_RegistryServiceServicer_to_server, RegistryReads(resolution, catalogue, feed), READS),
            (
                registry_pb2_grpc.add_RegistryAdminServiceServicer_to_server,
                RegistryWrites(administration, catalogue, admission, clients),
                WRITES,
            ),
        ),
        callers=CALLERS,
        background=_background(registration, settings),
        close=close,
    )


async def _rate(settings: Settings, resources: Resources) -> RegistrationRate:
    limit = settings.registration_rate
    return NoRate() if limit is None else RedisRegistrationRate(await resources.redis(), limit.per_second, limit.burst)


def _background(registration: ClientRegistration, settings: Settings) -> tuple[Callable[[], Awaitable[None]], ...]:
    async def expire_never_used() -> None:
        while True:
            if removed := await registration.expire_never_used():
                logger.info("clients.expired", removed=removed)
            await asyncio.sleep(_EXPIRY_PAUSE.total_seconds())

    return (expire_never_used,) if settings.never_used_life is not None else ()


async def _warn_when_open(admission: Admission) -> None:
    if await admission.mode() is Mode.OPEN:
        logger.warning("registration.open", meaning="anyone who reaches this server may register a client")
