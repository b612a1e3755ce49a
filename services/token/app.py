"""Everything the token service is made of, put together; the only module that sees both sides."""

from math import ceil
from typing import Final

from authserver.token.v1 import token_pb2_grpc as rpc
from redis.asyncio import Redis

from kit import jose, log, telemetry
from kit.audit import Recorder
from kit.clock import Clock
from kit.credentials import Sealer, derive_key, digest
from kit.errors import Unavailable
from kit.http import HttpApp
from kit.oauth import GrantType
from kit.pg import Pool
from kit.replay import RedisReplay
from kit.resources import BootFailed
from kit.service import Resources, Service
from services.token import dpop, settings
from services.token.access_tokens import AccessTokens
from services.token.adapters.client_keys import FetchedClientKeys
from services.token.adapters.codes import PostgresCodes
from services.token.adapters.device_codes import PostgresDeviceCodes
from services.token.adapters.inventory import PostgresInventory
from services.token.adapters.issued import PostgresIssued
from services.token.adapters.key_feed import KeyFeed
from services.token.adapters.key_postgres import PostgresKeys
from services.token.adapters.ledger import PostgresLedger
from services.token.adapters.lineage import PostgresLineages
from services.token.adapters.purge import Purge
from services.token.adapters.rate import RedisBudget, RedisQuotas
from services.token.adapters.registry import RegistryFeed
from services.token.api.admin_rpc import TokenAdminServicer
from services.token.api.device_rpc import DeviceServicer
from services.token.api.http import TokenRoutes
from services.token.api.rpc import ClientAuthServicer, GrantServicer
from services.token.api.subject_rpc import SubjectServicer
from services.token.assertions import ALGS, ClientAssertions
from services.token.client_auth import ClientAuthentication
from services.token.consents import CodeIssuing
from services.token.device_authorization import DeviceAuthorization
from services.token.device_decisions import DeviceDecisions
from services.token.devices import UserCodes
from services.token.discovery import Discovery, Features, paths
from services.token.endpoint import TokenEndpoint
from services.token.families import Lifetimes, Successors
from services.token.grants import Grant
from services.token.grants.authorization_code import AuthorizationCode
from services.token.grants.client_credentials import ClientCredentials
from services.token.grants.device_code import DeviceCode
from services.token.grants.refresh_token import RefreshToken
from services.token.introspection import Introspection
from services.token.issuer import Issuer
from services.token.keyring import Keyring
from services.token.lineage import Endings
from services.token.ports import Proofs
from services.token.rate import AddressRate
from services.token.revocation import Revocation
from services.token.settings import Settings

CALLERS: Final = {
    "authserver.token.v1.ClientAuthService": frozenset({"authorize"}),
    "authserver.token.v1.GrantService": frozenset({"authorize"}),
    "authserver.token.v1.DeviceService": frozenset({"authorize"}),
    "authserver.token.v1.SubjectService": frozenset({"authorize"}),
    "authserver.token.v1.TokenAdminService": frozenset({"admin"}),
}

logger = log.get(__name__)


async def build(resources: Resources) -> Service:
    """Raises BootFailed when something is missing without which no token can be issued."""
    chosen = settings.of(resources.configuration)
    clock, pool = resources.clock, await resources.pool()
    recorder = Recorder("token", clock)
    keyring = Keyring()
    keys = key_store(chosen, pool, recorder, clock)
    key_feed = KeyFeed(pool=pool, store=keys, keyring=keyring, kept=chosen.longest_token * 2)
    await key_feed.start()
    registry = RegistryFeed(resources.channel("registry"))
    await warmed(registry)

    codes = PostgresCodes(pool=pool, recorder=recorder)
    device_codes, user_codes = PostgresDeviceCodes(pool=pool, recorder=recorder), UserCodes(chosen.masters)
    issued = PostgresIssued(pool=pool)
    ledger = PostgresLedger(pool=pool, recorder=recorder)
    lineages = PostgresLineages(pool=pool, recorder=recorder)
    redis = await resources.redis()
    replay = RedisReplay(redis, clock)
    nonces = dpop.Nonces(key=chosen.masters[0], lifetime=chosen.dpop_nonce_lifetime, clock=clock) if chosen.dpop else None
    authentication = ClientAuthentication(
        clients=registry,
        assertions=ClientAssertions(
            keys=FetchedClientKeys(
                resources.outbound(allow_private=chosen.private_addresses, require_https=chosen.require_https, timeout=5.0)
            ),
            replay=replay,
            clock=clock,
            # RFC 9126 §2: the address requests are pushed to names this server as well.
            audiences=frozenset({chosen.issuer, f"{chosen.issuer}/oauth/token", f"{chosen.issuer}/oauth/par"}),
            skew=chosen.skew,
        ),
        ledger=ledger,
        pepper=chosen.pepper,
    )
    endpoint = TokenEndpoint(
        authentication=authentication,
        proofs=proofs(chosen, nonces, replay, clock),
        grants=grants(chosen, codes, device_codes, issued, registry, clock),
        issuer=Issuer(issuer=chosen.issuer, keys=keyring, clock=clock),
        ledger=ledger,
        lineages=lineages,
        clock=clock,
        quotas=RedisQuotas(redis),
        disabled=switched_off(chosen),
    )
    access_tokens = AccessTokens(issuer=chosen.issuer, keys=keyring, clock=clock, skew=chosen.skew)
    discovery = Discovery(
        issuer=chosen.issuer,
        features=Features(
            grant_types=endpoint.grant_types,
            signing_alg=chosen.signing_alg,
            assertion_algs=ALGS,
            dpop_algs=dpop.ALGS if chosen.dpop else (),
            client_id_metadata_documents=chosen.metadata_documents,
            require_pushed_authorization_requests=chosen.require_push,
        ),
        resources=registry,
    )
    routes = TokenRoutes(
        endpoint=endpoint,
        revocation=Revocation(
            authentication=authentication, access_tokens=access_tokens, refresh_tokens=issued, lineages=lineages, clock=clock
        ),
        introspection=Introspection(
            issuer=chosen.issuer,
            keys=keyring,
            authentication=authentication,
            access_tokens=access_tokens,
            refresh_tokens=issued,
            issued_tokens=issued,
            clients=registry,
            resources=registry,
            ledger=ledger,
            clock=clock,
        ),
        keys=keyring,
        metadata=discovery.document,
        metadata_paths=paths(chosen.issuer),
        nonces=nonces,
        devices=DeviceAuthorization(
            authentication=authentication,
            resources=registry,
            codes=device_codes,
            user_codes=user_codes,
            ledger=ledger,
            clock=clock,
            page=f"{chosen.issuer}/device",
            lifetime=chosen.device_code_lifetime,
            interval=ceil(chosen.device_poll_interval.total_seconds()),
            require_scope=chosen.require_scope,
        )
        if chosen.device_authorization
        else None,
        rate=address_rate(chosen, redis, clock),
    )
    decisions = DeviceDecisions(codes=device_codes, user_codes=user_codes, clock=clock)
    code_issuing = CodeIssuing(grants=codes, clock=clock, lifetime=chosen.code_lifetime)
    endings, inventory = Endings(lineages=lineages, clock=clock), PostgresInventory(pool=pool)
    return Service(
        http=HttpApp(
            routes.routes(),
            secure=chosen.issuer.startswith("https:"),
            service="token",
            on_done=telemetry.http_done,
            allowed_origins=chosen.allowed_origins,
        ),
        rpc=(
            (rpc.add_ClientAuthServiceServicer_to_server, ClientAuthServicer(authentication), "authserver.token.v1.ClientAuthService"),
            (rpc.add_GrantServiceServicer_to_server, GrantServicer(code_issuing), "authserver.token.v1.GrantService"),
            (rpc.add_DeviceServiceServicer_to_server, DeviceServicer(decisions), "authserver.token.v1.DeviceService"),
            (
                rpc.add_SubjectServiceServicer_to_server,
                SubjectServicer(endings=endings, inventory=inventory),
                "authserver.token.v1.SubjectService",
            ),
            (
                rpc.add_TokenAdminServiceServicer_to_server,
                TokenAdminServicer(endings=endings, inventory=inventory, keys=keys, clock=clock),
                "authserver.token.v1.TokenAdminService",
            ),
        ),
        callers=CALLERS,
        background=(registry.watch, key_feed.run, Purge(pool=pool, recorder=recorder, clock=clock).run),
        close=ledger.close,
    )


def key_store(chosen: Settings, pool: Pool, recorder: Recorder, clock: Clock) -> PostgresKeys:
    """Where signing keys are kept. Raises BootFailed for a store this server does not have, or one without a key to seal with."""
    if chosen.key_store != "postgres_key":
        raise BootFailed(f"signing.key_store {chosen.key_store} is not available; use postgres_key")
    if not chosen.masters:
        raise BootFailed("signing.key_store postgres_key needs data_encryption.driver aes_master and the key it names")
    return PostgresKeys(
        pool=pool, recorder=recorder, sealers=tuple(map(sealer, chosen.masters)), alg=jose.Alg(chosen.signing_alg), clock=clock
    )


def sealer(master: bytes) -> Sealer:
    """Seals signing keys and nothing else. Its id is derived from the key, so that several can be told apart without naming them."""
    key = derive_key(master, "signing keys")
    return Sealer(digest(key.hex()).hex()[:16], key)


def proofs(chosen: Settings, nonces: dpop.Nonces | None, replay: RedisReplay, clock: Clock) -> Proofs:
    """DPoP where it is switched on."""
    if nonces is None:
        return dpop.ProofsIgnored()
    return dpop.DpopProofs(
        htu=f"{chosen.issuer}/oauth/token",
        lifetime=chosen.dpop_proof_lifetime,
        skew=chosen.skew,
        nonces=nonces,
        require_nonce=chosen.dpop_require_nonce,
        replay=replay,
        clock=clock,
    )


def address_rate(chosen: Settings, redis: Redis, clock: Clock) -> AddressRate | None:
    """How much one address may ask, unless an operator said any amount."""
    if not chosen.requests_per_second:
        return None
    budget = RedisBudget(redis, chosen.requests_per_second, chosen.request_burst)
    return AddressRate(budget=budget, burst=chosen.request_burst, clock=clock)


def switched_off(chosen: Settings) -> dict[str, str]:
    """Grants this deployment does not serve, with the setting that would."""
    switches = {
        GrantType.CLIENT_CREDENTIALS.value: (chosen.client_credentials, "client_credentials.enabled"),
        GrantType.DEVICE_CODE.value: (chosen.device_authorization, "device_authorization.enabled"),
    }
    return {name: setting for name, (enabled, setting) in switches.items() if not enabled}


def grants(
    chosen: Settings, codes: PostgresCodes, device_codes: PostgresDeviceCodes, issued: PostgresIssued, registry: RegistryFeed, clock: Clock
) -> list[Grant]:
    """What is served, in the order discovery lists it."""
    lifetimes = Lifetimes(sliding=chosen.refresh_lifetime, absolute=chosen.family_lifetime, reuse_window=chosen.reuse_window)
    seconds = int(chosen.access_token_lifetime.total_seconds())
    served: list[Grant] = [
        AuthorizationCode(codes=codes, resources=registry, families=lifetimes, lifetime=seconds, clock=clock),
        RefreshToken(
            tokens=issued,
            resources=registry,
            lifetimes=lifetimes,
            successors=Successors(chosen.masters),
            lifetime=seconds,
            clock=clock,
        ),
    ]
    if chosen.client_credentials:
        served.append(ClientCredentials(resources=registry, lifetime=int(chosen.machine_token_lifetime.total_seconds())))
    if chosen.device_authorization:
        served.append(DeviceCode(codes=device_codes, resources=registry, families=lifetimes, lifetime=seconds, clock=clock))
    return served


async def warmed(registry: RegistryFeed) -> None:
    """Load what requests need, if registry is up already; otherwise the first request does."""
    try:
        await registry.warm()
    except Unavailable as error:
        logger.warning("registry.not_warm", debug=error.debug)
