"""Registry and token as authorize meets them: real gRPC with certificates, invented answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from authserver.registry.v1 import registry_pb2 as registry_pb
from authserver.registry.v1 import registry_pb2_grpc as registry_rpc
from authserver.token.v1 import token_pb2 as token_pb
from authserver.token.v1 import token_pb2_grpc as token_rpc

from kit.errors import InvalidClient, Missing, Unavailable
from kit.rpc_server import RpcServer
from tests.support.clock import MIDSUMMER
from tests.support.fakes_authorize import NOTES, REDIRECT_URI
from tests.support.tls import Authority

REGISTRY = "authserver.registry.v1.RegistryService"
GRANTS = "authserver.token.v1.GrantService"
SUBJECTS = "authserver.token.v1.SubjectService"
CLIENT_AUTH = "authserver.token.v1.ClientAuthService"
DEVICES = "authserver.token.v1.DeviceService"
US = frozenset({"authorize"})


@dataclass
class Registry(registry_rpc.RegistryServiceServicer):
    """Counts what it is asked; `changes` are sent to whoever watches, None ends the stream."""

    name: str = "Notebook"
    asked: list[str] = field(default_factory=list)
    changes: "asyncio.Queue[registry_pb.WatchChangesResponse | None]" = field(default_factory=asyncio.Queue)
    watching: asyncio.Event = field(default_factory=asyncio.Event)

    async def ResolveClient(self, request: registry_pb.ResolveClientRequest, context: Any) -> registry_pb.ResolveClientResponse:
        self.asked.append(request.client_id)
        if request.client_id == "https://down.example/c.json":
            raise Unavailable("no answer from down.example")
        if request.client_id == "https://bad.example/c.json":
            raise InvalidClient("the document is not JSON")
        if request.client_id == "nobody":
            raise Missing("no such client")
        client = registry_pb.Client(
            id=request.client_id,
            name=self.name,
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code"],
            scope="notes:read notes:write",
            status=registry_pb.CLIENT_STATUS_ACTIVE,
        )
        return registry_pb.ResolveClientResponse(client=client, first_seen=True)

    async def ResolveResource(self, request: registry_pb.ResolveResourceRequest, context: Any) -> registry_pb.ResolveResourceResponse:
        self.asked.append(request.reference)
        if request.reference != NOTES.uri:
            raise Missing("no such resource", members={"closest": NOTES.uri})
        return registry_pb.ResolveResourceResponse(resource=_notes(registry_pb.BACKEND_KIND_MINT))

    async def ListResources(self, request: registry_pb.ListResourcesRequest, context: Any) -> registry_pb.ListResourcesResponse:
        self.asked.append("all")
        return registry_pb.ListResourcesResponse(resources=[_notes(registry_pb.BACKEND_KIND_MINT), _notes(registry_pb.BACKEND_KIND_BROKER)])

    async def GetClient(self, request: registry_pb.GetClientRequest, context: Any) -> registry_pb.GetClientResponse:
        raise Missing("nobody here asks this")

    async def WatchChanges(self, request: registry_pb.WatchChangesRequest, context: Any) -> AsyncIterator[registry_pb.WatchChangesResponse]:
        yield registry_pb.WatchChangesResponse(revision=7)
        self.watching.set()
        while (change := await self.changes.get()) is not None:
            yield change
        self.watching.clear()


def _notes(kind: registry_pb.BackendKind.ValueType) -> registry_pb.Resource:
    scopes = [registry_pb.Scope(name=scope.name, description=scope.description) for scope in NOTES.scopes]
    return registry_pb.Resource(uri=NOTES.uri, slug="notes", display_name="Notes", backend_kind=kind, scopes=scopes)


@dataclass
class Token(
    token_rpc.GrantServiceServicer,
    token_rpc.SubjectServiceServicer,
    token_rpc.ClientAuthServiceServicer,
    token_rpc.DeviceServiceServicer,
):
    """Asks for consent once, then issues."""

    issued: list[token_pb.IssueCodeRequest] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    decided: list[token_pb.DecideDeviceRequest] = field(default_factory=list)
    revoked: list[token_pb.RevokeSubjectGrantRequest] = field(default_factory=list)

    async def IssueCode(self, request: token_pb.IssueCodeRequest, context: Any) -> token_pb.IssueCodeResponse:
        if not request.HasField("consent"):
            return token_pb.IssueCodeResponse(consent_needed=token_pb.ConsentNeeded(missing_scopes=request.scopes, first_time=True))
        self.issued.append(request)
        return token_pb.IssueCodeResponse(code="the-code")

    async def AuthenticateClient(self, request: token_pb.AuthenticateClientRequest, context: Any) -> token_pb.AuthenticateClientResponse:
        if request.client_secret != "right" and not request.client_assertion:
            raise InvalidClient("client authentication failed")
        return token_pb.AuthenticateClientResponse(client_id=request.client_id)

    async def FindDevice(self, request: token_pb.FindDeviceRequest, context: Any) -> token_pb.FindDeviceResponse:
        if request.user_code != "WDJBMJHT":
            raise Missing("no device waits")
        found = token_pb.FindDeviceResponse(client_id="tv", resource=NOTES.uri, scopes=["notes:read"])
        found.expires_at.FromDatetime(MIDSUMMER)
        return found

    async def DecideDevice(self, request: token_pb.DecideDeviceRequest, context: Any) -> token_pb.DecideDeviceResponse:
        self.decided.append(request)
        return token_pb.DecideDeviceResponse()

    async def ListSubjectGrants(self, request: token_pb.ListSubjectGrantsRequest, context: Any) -> token_pb.ListSubjectGrantsResponse:
        """A person with 501 permissions of which two stand: the newest and the oldest."""
        numbers = range(501)[request.offset : request.offset + request.limit]
        grants = [token_pb.Grant(id=f"g{number}", client_id="client-a", scopes=["notes:read"]) for number in numbers]
        for number, grant in zip(numbers, grants, strict=True):
            grant.created_at.FromDatetime(MIDSUMMER)
            if number not in {0, 500}:
                grant.revoked_at.FromDatetime(MIDSUMMER)
        return token_pb.ListSubjectGrantsResponse(grants=grants)

    async def RevokeSubjectGrant(self, request: token_pb.RevokeSubjectGrantRequest, context: Any) -> token_pb.RevokeSubjectGrantResponse:
        if request.grant_id != "g0":
            raise Missing("there is no such grant")
        self.revoked.append(request)
        return token_pb.RevokeSubjectGrantResponse()

    async def RefuseSubject(self, request: token_pb.RefuseSubjectRequest, context: Any) -> token_pb.RefuseSubjectResponse:
        self.refused.append((request.user_id, request.reason, request.operator.key_name))
        return token_pb.RefuseSubjectResponse()

    async def AllowSubject(self, request: token_pb.AllowSubjectRequest, context: Any) -> token_pb.AllowSubjectResponse:
        self.refused = [entry for entry in self.refused if entry[0] != request.user_id]
        return token_pb.AllowSubjectResponse()


@dataclass
class Peers:
    """Both, and where they answer."""

    registry: Registry
    token: Token
    registry_target: str
    token_target: str


@asynccontextmanager
async def running_peers(authority: Authority) -> AsyncIterator[Peers]:
    """Registry and token on free ports of the loopback."""
    registry = Registry()
    token = Token()
    first = RpcServer(
        [(registry_rpc.add_RegistryServiceServicer_to_server, registry, REGISTRY)],
        {REGISTRY: US},
        authority.files("registry"),
        "127.0.0.1:0",
    )
    second = RpcServer(
        [
            (token_rpc.add_GrantServiceServicer_to_server, token, GRANTS),
            (token_rpc.add_SubjectServiceServicer_to_server, token, SUBJECTS),
            (token_rpc.add_ClientAuthServiceServicer_to_server, token, CLIENT_AUTH),
            (token_rpc.add_DeviceServiceServicer_to_server, token, DEVICES),
        ],
        {GRANTS: US, SUBJECTS: US, CLIENT_AUTH: US, DEVICES: US},
        authority.files("token"),
        "127.0.0.1:0",
    )
    await first.start()
    await second.start()
    try:
        yield Peers(registry, token, f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}")
    finally:
        await first.stop(0)
        await second.stop(0)
