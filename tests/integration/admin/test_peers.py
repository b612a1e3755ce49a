"""Admin's adapters against real gRPC servers with real certificates: words and faults survive the journey, and operators are named."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from authserver.audit.v1 import audit_pb2, audit_pb2_grpc
from authserver.authorize.v1 import authorize_pb2, authorize_pb2_grpc
from authserver.registry.v1 import registry_pb2, registry_pb2_grpc
from authserver.token.v1 import token_pb2, token_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import Conflict, Missing, Stale, Unavailable
from kit.rpc_client import open_channel
from kit.rpc_server import RpcServer
from services.admin.adapters.peers.audit import AuditReader
from services.admin.adapters.peers.authorize import AuthorizeUsers
from services.admin.adapters.peers.health import Probes
from services.admin.adapters.peers.registry import RegistryClients
from services.admin.adapters.peers.resources import RegistryResources
from services.admin.adapters.peers.token import TokenAdmin
from services.admin.model.audit import Filter, Window
from services.admin.model.clients import ClientChange, ClientId, ClientStatus, NewClient, RegistrationSource
from services.admin.model.resources import BackendKind, NewResource, Policy, ResourceChange, ResourceId, RuntimePolicy, Scope
from services.admin.model.tokens import IssuanceFilter
from services.admin.model.users import NewUser, UserId, UserStatus
from tests.support.fakes_admin import ALICE
from tests.support.tls import Authority

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMP = Timestamp()
STAMP.FromDatetime(WHEN)


class Peer(
    registry_pb2_grpc.RegistryServiceServicer,
    registry_pb2_grpc.RegistryAdminServiceServicer,
    token_pb2_grpc.TokenAdminServiceServicer,
    authorize_pb2_grpc.UserAdminServiceServicer,
    audit_pb2_grpc.AuditServiceServicer,
):
    """Answers for every owner, and remembers the last request."""

    def __init__(self) -> None:
        self.heard: Any = None
        self.raises: Exception | None = None

    def _hear(self, request: Any) -> None:
        self.heard = request
        if self.raises is not None:
            raise self.raises

    def _client(self, **members: Any) -> registry_pb2.Client:
        known = {"id": "c1", "status": registry_pb2.CLIENT_STATUS_ACTIVE, "registration_source": registry_pb2.REGISTRATION_SOURCE_CIMD}
        return registry_pb2.Client(**{**known, **members}, secret_digest="never shown", issued_at=STAMP, updated_at=STAMP)

    def _resource(self) -> registry_pb2.Resource:
        return registry_pb2.Resource(
            id="r1",
            slug="a",
            backend_kind=registry_pb2.BACKEND_KIND_BROKER,
            scopes=[registry_pb2.Scope(name="read", upstream="repo", is_default=True)],
            policy=registry_pb2.ResourcePolicy(runtime_client_ids=["c1"]),
            created_at=STAMP,
            updated_at=STAMP,
        )

    async def GetClient(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.GetClientResponse(client=self._client())

    async def CreateClient(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.CreateClientResponse(client=self._client(name=request.client_name), client_secret="once")

    async def UpdateClient(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.UpdateClientResponse(client=self._client())

    async def SetClientStatus(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.SetClientStatusResponse(client=self._client(status=request.status))

    async def ListClients(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.ListClientsResponse(clients=[self._client()])

    async def ListResources(self, request: Any, context: Any) -> Any:
        return registry_pb2.ListResourcesResponse(resources=[self._resource()])

    async def CreateResource(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.CreateResourceResponse(resource=self._resource())

    async def UpdateResource(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return registry_pb2.UpdateResourceResponse(resource=self._resource())

    async def EndSubject(self, request: Any, context: Any) -> Any:
        self._hear(request)
        return token_pb2.EndSubjectResponse(revoked_families=1, revoked_issuances=2)

    async def ListIssuances(self, request: Any, context: Any) -> Any:
        self._hear(request)
        issued = token_pb2.Issuance(id="i1", jti="j1", subject="u1", resource="https://a", issued_at=STAMP, expires_at=STAMP)
        return token_pb2.ListIssuancesResponse(issuances=[issued])

    async def ListGrants(self, request: Any, context: Any) -> Any:
        self._hear(request)
        every = [token_pb2.Grant(id=f"g{number}", created_at=STAMP, updated_at=STAMP) for number in range(150)]
        return token_pb2.ListGrantsResponse(grants=every[request.offset : request.offset + request.limit])

    async def CreateUser(self, request: Any, context: Any) -> Any:
        self._hear(request)
        user = authorize_pb2.User(id="u1", email=request.email, status=authorize_pb2.USER_STATUS_DISABLED, created_at=STAMP)
        return authorize_pb2.CreateUserResponse(user=user)

    async def Search(self, request: Any, context: Any) -> Any:
        self._hear(request)
        entry = audit_pb2.Entry(seq=7, action="client.deleted", detail='{"force": true, "ids": ["a", "b"]}', occurred_at=STAMP)
        return audit_pb2.SearchResponse(entries=[entry], next_cursor="more")

    async def Tail(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for seq in (8, 9):
            yield audit_pb2.TailResponse(entry=audit_pb2.Entry(seq=seq, occurred_at=STAMP))


SERVICES: Mapping[str, Callable[[Any, Any], None]] = {
    "authserver.registry.v1.RegistryService": registry_pb2_grpc.add_RegistryServiceServicer_to_server,
    "authserver.registry.v1.RegistryAdminService": registry_pb2_grpc.add_RegistryAdminServiceServicer_to_server,
    "authserver.token.v1.TokenAdminService": token_pb2_grpc.add_TokenAdminServiceServicer_to_server,
    "authserver.authorize.v1.UserAdminService": authorize_pb2_grpc.add_UserAdminServiceServicer_to_server,
    "authserver.audit.v1.AuditService": audit_pb2_grpc.add_AuditServiceServicer_to_server,
}


@pytest.fixture
def peer() -> Peer:
    return Peer()  # type: ignore[abstract]  # only what the tests call


@pytest.fixture
async def channel(peer: Peer, tmp_path: Path) -> AsyncIterator[Any]:
    authority = Authority(tmp_path)
    offered = [(add, peer, name) for name, add in SERVICES.items()]
    server = RpcServer(offered, dict.fromkeys(SERVICES, frozenset({"admin"})), authority.files("registry"), "127.0.0.1:0")
    await server.start()
    opened = open_channel(f"127.0.0.1:{server.port}", authority.files("admin"), "registry")
    yield opened
    await opened.close(None)
    await server.stop(0)


async def test_a_client_arrives_in_our_words_and_without_its_digest(channel: Any) -> None:
    client = await RegistryClients(channel).get_client(ClientId("c1"))
    assert (client.status, client.registration_source, client.issued_at) == (ClientStatus.ACTIVE, RegistrationSource.CIMD, WHEN)
    assert "never shown" not in repr(client)


@pytest.mark.parametrize("error", [Missing("no such client"), Conflict("taken"), Stale("too late"), Unavailable("later", retry_after=3)])
async def test_a_peers_refusal_arrives_as_the_same_refusal(channel: Any, peer: Peer, error: Exception) -> None:
    peer.raises = error
    with pytest.raises(type(error), match=str(error)):
        await RegistryClients(channel).get_client(ClientId("c1"))


async def test_every_write_names_the_operator(channel: Any, peer: Peer) -> None:
    named = ("alice", "192.0.2.7", "req-1", "t" * 32)
    registry, resources = RegistryClients(channel), RegistryResources(channel)
    for write in (
        registry.create_client(ALICE, NewClient(client_name="A")),
        registry.set_client_status(ALICE, ClientId("c1"), ClientStatus.REVOKED),
        resources.create_resource(ALICE, NewResource(slug="a", backend_kind=BackendKind.MINT)),
        TokenAdmin(channel).end_subject(ALICE, UserId("u1")),
        AuthorizeUsers(channel).create_user(ALICE, NewUser(email="a@example.com", password="p" * 12)),
    ):
        await write
        operator = peer.heard.operator
        assert (operator.key_name, operator.ip, operator.request_id, operator.trace_id) == named


async def test_absent_and_empty_stay_apart_on_the_wire(channel: Any, peer: Peer) -> None:
    await RegistryClients(channel).update_client(ALICE, ClientId("c1"), ClientChange(redirect_uris=(), scope=""))
    assert (peer.heard.HasField("redirect_uris"), peer.heard.HasField("scope")) == (True, True)
    assert (peer.heard.HasField("client_name"), peer.heard.HasField("grant_types")) == (False, False)
    change = ResourceChange(policy=Policy(runtime=RuntimePolicy(("c1",))), expected_version=4)
    await RegistryResources(channel).update_resource(ALICE, ResourceId("r1"), change)
    assert (peer.heard.HasField("policy"), peer.heard.HasField("scopes"), peer.heard.expected_version) == (True, False, 4)


async def test_filters_reach_their_owner(channel: Any, peer: Peer) -> None:
    await RegistryClients(channel).list_clients(ClientStatus.SUSPENDED, None, 5, 10)
    assert (peer.heard.status, peer.heard.registration_source) == (registry_pb2.CLIENT_STATUS_SUSPENDED, 0)
    assert (peer.heard.limit, peer.heard.offset) == (5, 10)
    (issuance,) = await TokenAdmin(channel).list_issuances(IssuanceFilter(user="u1", since=WHEN, limit=5))
    assert (peer.heard.user_id, peer.heard.since.ToDatetime(UTC), peer.heard.limit) == ("u1", WHEN, 5)
    assert (issuance.revocable, issuance.parent_jti, issuance.revoked_at) == (True, None, None)


async def test_resources_users_and_grants_arrive_whole(channel: Any) -> None:
    (resource,) = await RegistryResources(channel).list_resources()
    assert (resource.backend_kind, resource.policy.runtime.client_ids) == (BackendKind.BROKER, ("c1",))
    assert resource.scopes == (Scope("read", upstream="repo", is_default=True),)
    user = await AuthorizeUsers(channel).create_user(ALICE, NewUser(email="a@example.com", password="p" * 12))
    assert (user.status, user.created_at) == (UserStatus.DISABLED, WHEN)
    assert len(await TokenAdmin(channel).list_grants("u1")) == 150


async def test_the_audit_log_is_read_and_followed(channel: Any, peer: Peer) -> None:
    reader = AuditReader(channel)
    page = await reader.search(Filter(actions=("client.deleted",), since=WHEN), Window(limit=3, cursor="c"))
    assert (page.entries[0].detail, page.next_cursor) == ("force=true ids=a,b", "more")
    assert (list(peer.heard.filter.actions), peer.heard.limit, peer.heard.cursor) == (["client.deleted"], 3, "c")
    assert [entry.seq async for entry in reader.tail(Filter(), 7)] == [8, 9]


async def test_a_peer_that_is_gone_is_unhealthy_and_costs_a_second_at_most(channel: Any, tmp_path: Path) -> None:
    gone = open_channel("127.0.0.1:1", Authority(tmp_path / "other").files("admin"), "vault")

    async def database() -> bool:
        return True

    probes = Probes({"registry": channel, "vault": gone}, database)
    assert await probes.peers() == {"registry": True, "vault": False}
    assert await probes.database()
    await gone.close(None)
