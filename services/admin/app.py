"""Admin put together: the only module that sees both its APIs and its adapters."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Final

from kit.audit import Recorder
from kit.http import HttpApp
from kit.pg import Pool
from kit.service import Resources, Service
from services.admin import settings as admin_settings
from services.admin.adapters.peers.audit import AuditReader
from services.admin.adapters.peers.authorize import AuthorizeUsers
from services.admin.adapters.peers.health import PeerCounts, Probes
from services.admin.adapters.peers.registry import RegistryClients
from services.admin.adapters.peers.resources import RegistryResources
from services.admin.adapters.peers.token import TokenAdmin
from services.admin.adapters.store import PostgresJournal, PostgresKeys, answers
from services.admin.api.http.application import application
from services.admin.api.rpc.services import servicers
from services.admin.authentication import Gate, RefusalRecord
from services.admin.operations.api_keys import NamedKeys
from services.admin.operations.audit import Audit
from services.admin.operations.clients import Clients
from services.admin.operations.every import Operations
from services.admin.operations.keys import Keys
from services.admin.operations.policies import Policies
from services.admin.operations.registration import Registration
from services.admin.operations.resources import Resources as ProtectedResources
from services.admin.operations.system import System
from services.admin.operations.tokens import Tokens
from services.admin.operations.users import Users
from services.admin.settings import PEERS, Settings

# The gateway passes on whoever holds an API key; `operator` is the certificate of tooling that comes without a gateway.
OPERATORS: Final = frozenset({"gateway", "operator"})
CALLERS: Final = {
    "authserver.admin.v1.ClientService": OPERATORS,
    "authserver.admin.v1.ResourceService": OPERATORS,
    "authserver.admin.v1.UserService": OPERATORS,
    "authserver.admin.v1.TokenService": OPERATORS,
    "authserver.admin.v1.AuditService": OPERATORS,
    "authserver.admin.v1.SystemService": OPERATORS,
    "authserver.admin.v1.ApiKeyService": OPERATORS,
}


@dataclass(frozen=True, slots=True)
class Own:
    """What admin keeps itself."""

    pool: Pool
    keys: PostgresKeys
    journal: PostgresJournal


def product_version() -> str:
    """The version this process was installed as."""
    try:
        return version_of("authplane-plane")
    except PackageNotFoundError:
        return "unknown"


def operations(resources: Resources, settings: Settings, own: Own) -> Operations:
    """Every operation, on the peers that own the things operated on."""
    registry = RegistryClients(resources.channel("registry"))
    protected = RegistryResources(resources.channel("registry"))
    people = AuthorizeUsers(resources.channel("authorize"))
    token = TokenAdmin(resources.channel("token"))
    clock = resources.clock

    async def database() -> bool:
        return await answers(own.pool)

    return Operations(
        clients=Clients(records=registry, life=registry, tokens=token),
        registration=Registration(settings=registry),
        resources=ProtectedResources(registry=protected),
        policies=Policies(resources=protected, clients=registry),
        users=Users(records=people, life=people, tokens=token),
        tokens=Tokens(records=token, resources=protected, clock=clock),
        keys=Keys(signing=token),
        audit=Audit(
            log=AuditReader(resources.channel("audit")),
            clock=clock,
            default_lookback=settings.default_lookback,
            max_lookback=settings.max_lookback,
        ),
        system=System(
            health=Probes({name: resources.channel(name) for name in PEERS}, database),
            counts=PeerCounts(registry, people, resources.channel("vault")),
            tokens=token,
            signing=token,
            journal=own.journal,
            configured=settings.public,
            clock=clock,
            started_at=clock.now(),
            version=product_version(),
        ),
        api_keys=NamedKeys(keys=own.keys, clock=clock),
    )


async def build(resources: Resources) -> Service:
    """Raises BootFailed when Postgres or a peer's address is missing."""
    settings = admin_settings.of(resources.configuration)
    recorder = Recorder("admin", resources.clock)
    pool = await resources.pool()
    own = Own(pool=pool, keys=PostgresKeys(pool, recorder), journal=PostgresJournal(pool, recorder))
    every = operations(resources, settings, own)
    gate = Gate(keys=own.keys, bootstrap_key=settings.api_key, refusals=RefusalRecord(own.journal, resources.clock), clock=resources.clock)
    rest = application(every, gate, product_version())
    return Service(
        http=HttpApp([], fallback=rest, secure=settings.secure, service="admin"),
        rpc=servicers(every, gate),
        callers=CALLERS,
        reflection=True,
    )
