"""Authorize put together: the only module that sees both its API and its adapters."""

from datetime import timedelta
from functools import partial
from typing import Final

import grpc
from authserver.authorize.v1 import authorize_pb2_grpc
from redis.asyncio import Redis

from kit import telemetry
from kit.audit import Recorder
from kit.clock import Clock
from kit.credentials import Mac
from kit.errors import InvalidRequest
from kit.http import HttpApp
from kit.pg import Pool
from kit.replay import TickPipeline
from kit.resources import BootFailed
from kit.service import Resources, Service
from services.authorize import settings as authorize_settings
from services.authorize.account import AccountDesk, Grants
from services.authorize.adapters.devices import TokenDevices
from services.authorize.adapters.grants import TokenGrants
from services.authorize.adapters.identity_provider import OutboundIdentityProviders
from services.authorize.adapters.lockout import RedisLockout
from services.authorize.adapters.registry import RegistryClients, RegistryRecords, RegistryResources
from services.authorize.adapters.store.housekeeping import JournalStore, Purge
from services.authorize.adapters.store.identities import IdentityStore, PendingSignInStore
from services.authorize.adapters.store.interactions import InteractionStore
from services.authorize.adapters.store.pushed import PushedRequestStore
from services.authorize.adapters.store.sessions import SessionStore
from services.authorize.adapters.store.users import LoginStore, UserStore
from services.authorize.adapters.token import TokenClientAuthentication, TokenCodes, TokenSubjects
from services.authorize.api.cookies import Cookies
from services.authorize.api.http import routes
from services.authorize.api.pages import Pages
from services.authorize.api.rpc import UserAdmin
from services.authorize.api.site import Site
from services.authorize.authorization import Authorization
from services.authorize.consent import ConsentDesk
from services.authorize.device import DeviceDesk, Devices
from services.authorize.federation import Federation
from services.authorize.forms import FormTokens
from services.authorize.identities import Provisioning
from services.authorize.identity_provider import IdentityProviders
from services.authorize.interaction import Hops
from services.authorize.login import Login
from services.authorize.passwords import Passwords
from services.authorize.ports import Clients, Codes
from services.authorize.ports import Resources as ProtectedResources
from services.authorize.pushed import ClientAuthentication, Pushing
from services.authorize.response import Responder
from services.authorize.seeds import seed
from services.authorize.sessions import SessionKeeper
from services.authorize.settings import Settings
from services.authorize.users import UserAdministration

CALLERS: Final = {"authserver.authorize.v1.UserAdminService": frozenset({"admin"})}
# A person waits for up to four answers in a row, and the gateway for half a minute.
_PROVIDER_SECONDS: Final = 6.0

# RFC 8628 §5.1: wrong user codes before a pause. Behind one address there may be an office.
_CODES_PER_SESSION: Final = 10
_CODES_PER_ADDRESS: Final = 50
_CODES_WINDOW: Final = timedelta(minutes=15)


def site(
    settings: Settings,
    *,
    pool: Pool,
    redis: Redis,
    clients: Clients,
    resources: ProtectedResources,
    codes: Codes,
    client_authentication: ClientAuthentication,
    devices: Devices,
    grants: Grants,
    passwords: Passwords,
    clock: Clock,
    identity_providers: IdentityProviders | None = None,
) -> Site:
    """Everything behind the pages."""
    recorder = Recorder("authorize", clock)
    authorization = Authorization(
        clients=clients,
        resources=resources,
        codes=codes,
        interactions=InteractionStore(pool, recorder),
        responder=Responder(settings.issuer),
        clock=clock,
        require_scope=settings.require_scope,
        require_push=settings.require_push,
    )
    stored_sessions = SessionStore(pool, recorder)
    sessions = SessionKeeper(stored_sessions, settings.limits, clock)
    lockout, pipeline, journal = settings.lockout, TickPipeline(redis), JournalStore(pool, recorder)
    login = Login(
        users=LoginStore(pool),
        passwords=passwords,
        lockout=RedisLockout(pipeline, most=lockout.most, window=lockout.window, lock=lockout.lock),
        sessions=sessions,
        journal=journal,
    )
    return Site(
        authorization=authorization,
        desk=ConsentDesk(authorization),
        pushing=Pushing(client_authentication, PushedRequestStore(pool), authorization, settings.push_lifetime),
        device=DeviceDesk(
            devices=devices,
            clients=clients,
            resources=resources,
            by_address=RedisLockout(pipeline, "device address", most=_CODES_PER_ADDRESS, window=_CODES_WINDOW, lock=_CODES_WINDOW),
            by_session=RedisLockout(pipeline, "device session", most=_CODES_PER_SESSION, window=_CODES_WINDOW, lock=_CODES_WINDOW),
            journal=journal,
        )
        if settings.device_page
        else None,
        account=AccountDesk(grants, stored_sessions, sessions, clients, resources),
        login=login,
        sessions=sessions,
        hops=Hops(Mac(settings.key, "authorize hop")),
        forms=FormTokens(Mac(settings.key, "authorize form")),
        cookies=Cookies(settings.secure, settings.cookie_name, settings.limits.absolute, settings.same_site),
        pages=Pages(),
        clock=clock,
        local_login=settings.local_login,
        federation=_federation(settings, pool, identity_providers, sessions, clock) if identity_providers is not None else None,
    )


def _federation(settings: Settings, pool: Pool, directory: IdentityProviders, sessions: SessionKeeper, clock: Clock) -> Federation:
    recorder = Recorder("authorize", clock)
    return Federation(
        providers={provider.name: provider for provider in settings.providers},
        directory=directory,
        pending=PendingSignInStore(pool),
        provisioning=Provisioning(IdentityStore(pool, recorder), clock),
        sessions=sessions,
        journal=JournalStore(pool, recorder),
        clock=clock,
        skew=settings.clock_skew,
        lifetime=settings.sign_in_lifetime,
    )


def administration(pool: Pool, passwords: Passwords, token: grpc.aio.Channel, clock: Clock) -> UserAdministration:
    """What operators do to people."""
    users = UserStore(pool, Recorder("authorize", clock))
    return UserAdministration(directory=users, writes=users, subjects=TokenSubjects(token), passwords=passwords, clock=clock)


def _identity_providers(settings: Settings, resources: Resources) -> OutboundIdentityProviders | None:
    # O10: without a provider there is no way out.
    if not settings.providers:
        return None
    return OutboundIdentityProviders(
        resources.outbound(timeout=_PROVIDER_SECONDS),
        resources.outbound(allow_private=True, require_https=False, timeout=_PROVIDER_SECONDS),
    )


async def build(resources: Resources) -> Service:
    """Raises BootFailed when Postgres, Redis or a peer's address is missing, or a seed is nobody who could be created."""
    settings = authorize_settings.of(resources.configuration)
    pool, redis, token = await resources.pool(), await resources.redis(), resources.channel("token")
    passwords = Passwords()
    records = RegistryRecords(resources.channel("registry"))
    users = administration(pool, passwords, token, resources.clock)
    try:
        await seed(settings.users, users, sync=settings.sync_users)
    except InvalidRequest as error:
        raise BootFailed(f"an entry of users[] cannot be used: {error.detail}") from error
    providers = _identity_providers(settings, resources)
    pages = site(
        settings,
        pool=pool,
        redis=redis,
        clients=RegistryClients(records),
        resources=RegistryResources(records),
        codes=TokenCodes(token),
        client_authentication=TokenClientAuthentication(token),
        devices=TokenDevices(token),
        grants=TokenGrants(token),
        passwords=passwords,
        clock=resources.clock,
        identity_providers=providers,
    )

    async def close() -> None:
        passwords.close()

    return Service(
        http=HttpApp(
            routes(pages),
            secure=settings.secure,
            service="authorize",
            on_done=telemetry.http_done,
            allowed_origins=settings.allowed_origins,
        ),
        rpc=[
            (authorize_pb2_grpc.add_UserAdminServiceServicer_to_server, UserAdmin(users), "authserver.authorize.v1.UserAdminService"),
        ],
        callers=CALLERS,
        background=[
            records.watch,
            Purge(pool, resources.clock).run,
            *([partial(providers.check, settings.providers)] if providers else []),
        ],
        close=close,
    )
