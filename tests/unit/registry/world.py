"""The registry's rules over fakes, as a test wants them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson

from kit.oauth import AuthMethod, GrantType
from services.registry.admission import Admission
from services.registry.catalogue import Catalogue, NewResource
from services.registry.clients import ClientAdministration, NewClient
from services.registry.metadata import Rules, submitted
from services.registry.model import Mode, Origin, Scope
from services.registry.ports import Response
from services.registry.registration import ClientRegistration, Policy
from services.registry.resolution import DocumentPolicy, Resolution
from services.registry.seeds import Sower
from tests.support.clock import FrozenClock
from tests.support.fakes_registry import (
    FakeClients,
    FakeDocumentHost,
    FakeDocuments,
    FakeRegistrations,
    FakeResources,
    FakeSettings,
    Memory,
)

PEPPER = b"pepper"
OPERATOR = Origin(ip="192.0.2.9", request_id="r-1", trace_id="t-1", operator="ci")
STRANGER = Origin(ip="192.0.2.1", request_id="r-2")
URL = "https://client.example/client.json"
MCP = NewResource("notes", "https://mcp.example/mcp", "Notes", scopes=(Scope("notes:read", "Read notes", is_default=True),))


def document(**members: Any) -> Response:
    told = {"client_id": URL, "client_name": "App", "redirect_uris": ["https://client.example/cb"]} | members
    return Response(200, {"content-type": "application/json", "cache-control": "max-age=600"}, orjson.dumps(told))


def wish(**members: Any) -> NewClient:
    own = ("scope", "client_id", "secret", "access_token_lifetime", "tokens_per_minute", "tokens_per_day")
    chosen = {name: members.pop(name) for name in own if name in members}
    about = {"client_name": "App", "redirect_uris": ["https://app.example/cb"]} | members
    return NewClient(metadata=submitted(about), **chosen)


@dataclass
class World:
    """Everything wired; `host` answers for metadata documents."""

    mode: Mode = Mode.OPEN
    approved: frozenset[str] = frozenset()
    default_scope: str = ""
    cimd: bool = True
    clock: FrozenClock = field(default_factory=FrozenClock)

    def __post_init__(self) -> None:
        clock = self.clock
        self.memory = memory = Memory(clock)
        self.host = FakeDocumentHost()
        self.suppressed: list[str] = []
        self.clients = clients = FakeClients(memory)
        registrations = FakeRegistrations(memory)
        rules = Rules(frozenset(GrantType), frozenset(AuthMethod))
        self.admission = Admission(FakeSettings(memory), self.mode, self.approved)
        self.registration = ClientRegistration(
            clients=clients,
            registrations=registrations,
            admission=self.admission,
            policy=Policy(rules, self.default_scope, PEPPER),
            clock=clock,
        )
        self.administration = ClientAdministration(clients=clients, rules=rules, pepper=PEPPER, clock=clock)
        self.catalogue = Catalogue(store=FakeResources(memory), clock=clock)
        self.resolution = Resolution(
            clients=clients,
            registrations=registrations,
            documents=FakeDocuments(memory),
            source=self.host,
            admission=self.admission,
            policy=DocumentPolicy(self.cimd, require_https=True, ceiling=timedelta(hours=1), rules=rules, default_scope=self.default_scope),
            clock=clock,
            on_suppressed=self.suppressed.append,
        )
        self.sower = Sower(administration=self.administration, clients=clients, catalogue=self.catalogue, pepper=PEPPER)
