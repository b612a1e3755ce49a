"""The whole configuration: attribute path equals key in the file."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr

from config import single_seeds
from config.clients import (
    Agents,
    Cimd,
    ClientCredentials,
    Connect,
    Dcr,
    DeviceAuthorization,
    Dpop,
    OAuth,
    Refresh,
    TokenExchange,
    Vault,
    Xaa,
)
from config.keys import DataEncryption, Signing
from config.localhost import is_localhost
from config.observability import Observability
from config.people import Admin, Audit, Oidc, RateLimit, Session
from config.seeds import BrokerProviderSeed, ClientSeed, ResourceSeed, Seed, UserSeed
from config.server import Listen, Peers, Redis, Rpc, Runtime, Server, Storage
from kit.settings import Duration, Model, Secret, parse_duration


class Configuration(Model):
    """Everything an operator can say."""

    server: Server = Server()
    storage: Storage = Storage()
    redis: Redis = Redis()
    runtime: Runtime = Runtime()
    listen: Listen = Listen()
    rpc: Rpc = Rpc()
    peers: Peers = Peers()
    signing: Signing = Signing()
    data_encryption: DataEncryption = DataEncryption()
    client_secret_pepper: Secret = ""
    clock_skew: Annotated[Duration, Field(ge=parse_duration("0"), le=parse_duration("300s"))] = parse_duration("30s")
    """Tolerance of every exp, nbf and iat check."""
    dcr: Dcr = Dcr()
    cimd: Cimd = Cimd()
    session: Session = Session()
    rate_limit: RateLimit = RateLimit()
    admin: Admin = Admin()
    audit: Audit = Audit()
    oauth: OAuth = OAuth()
    oidc: Oidc = Oidc()
    observability: Observability = Observability()
    refresh: Refresh = Refresh()
    client_credentials: ClientCredentials = ClientCredentials()
    dpop: Dpop = Dpop()
    token_exchange: TokenExchange = TokenExchange()
    device_authorization: DeviceAuthorization = DeviceAuthorization()
    agents: Agents = Agents()
    connect: Connect = Connect()
    vault: Vault = Vault()
    xaa: Xaa = Xaa()
    seed: Seed = Seed()
    resources: tuple[ResourceSeed, ...] = ()
    broker_providers: tuple[BrokerProviderSeed, ...] = ()
    users: tuple[UserSeed, ...] = ()
    clients: tuple[ClientSeed, ...] = ()

    replaced: ClassVar[Mapping[str, str]] = {
        "resource_servers": "use resources",
        "vault_connectors": "use broker_providers",
        "vault_connect": "use connect",
        "token_exchange.cross_client_allowlist": "use resources[].policy.exchange.allowed_client_ids",
    }
    other_variables: ClassVar[frozenset[str]] = frozenset({"AUTHPLANE_CONFIG"}) | single_seeds.VARIABLES
    # Secrets of providers that operators add while the plane runs.
    open_prefixes: ClassVar[tuple[str, ...]] = ("AUTHPLANE_VAULT_",)

    _references: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def overlay(cls, raw: dict[str, Any], environ: Mapping[str, str]) -> None:
        """Add the objects seeded by single variables."""
        single_seeds.apply(raw, environ)

    @property
    def localhost(self) -> bool:
        """Whether the issuer is on this machine, which relaxes what protects others."""
        return is_localhost(self.server.issuer)

    def referenced(self, name: str) -> str | None:
        """The value of a variable that a `…_ref` or `…_env` key names, or that may be named by one later."""
        return self._references.get(name)

    def with_references(self, references: Mapping[str, str]) -> Self:
        """The same configuration, knowing the values of referenced variables."""
        known = self.model_copy()
        known._references = dict(references)
        return known
