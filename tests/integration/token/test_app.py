"""The whole service as app.py puts it together: real Postgres, Valkey and gRPC, and a registry that is asked and listened to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc
import jwt
import pytest
from authserver.registry.v1 import registry_pb2 as reg
from authserver.registry.v1 import registry_pb2_grpc as reg_rpc
from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc

import config
from kit.clock import SystemClock
from kit.credentials import secret_digest
from kit.errors import AccessDenied, InvalidClient, InvalidRequest, Missing
from kit.resources import Resources
from kit.rpc_client import open_channel
from kit.rpc_faults import PeerFailed
from kit.rpc_server import RpcServer
from kit.service import Service
from services.token.app import build
from tests.support.fakes_token import CHALLENGE, NOTES, REDIRECT, SECRET, VERIFIER, Answer, basic, call
from tests.support.servers import Database
from tests.support.tls import Authority

ISSUER = "http://localhost:9000"


@dataclass
class Registry(reg_rpc.RegistryServiceServicer):
    """A registry of two clients and one resource, counting what it is asked."""

    clients: dict[str, reg.Client] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changes: "asyncio.Queue[reg.WatchChangesResponse]" = field(default_factory=asyncio.Queue)

    async def GetClient(self, request: reg.GetClientRequest, context: object) -> reg.GetClientResponse:
        self.asked.append(request.client_id)
        if request.client_id not in self.clients:
            raise Missing("no such client")
        return reg.GetClientResponse(client=self.clients[request.client_id])

    async def ListResources(self, request: reg.ListResourcesRequest, context: object) -> reg.ListResourcesResponse:
        self.asked.append("resources")
        scopes = [reg.Scope(name=name) for name in NOTES.scopes]
        notes = reg.Resource(id="r1", slug="notes", uri=NOTES.uri, backend_kind=reg.BACKEND_KIND_MINT, scopes=scopes)
        return reg.ListResourcesResponse(resources=[notes])

    async def ResolveClient(self, request: object, context: object) -> reg.ResolveClientResponse:
        raise AssertionError("token never asks for a metadata document to be fetched")

    async def ResolveResource(self, request: object, context: object) -> reg.ResolveResourceResponse:
        raise AssertionError("token resolves resources from memory")

    async def WatchChanges(self, request: object, context: object) -> AsyncIterator[reg.WatchChangesResponse]:
        yield reg.WatchChangesResponse(revision=7)
        while True:
            yield await self.changes.get()


def client(client_id: str, method: str, grants: list[str], **more: Any) -> reg.Client:
    return reg.Client(
        id=client_id, name=client_id, token_endpoint_auth_method=method, grant_types=grants, status=reg.CLIENT_STATUS_ACTIVE, **more
    )


@dataclass
class Running:
    """What a test needs to talk to the service."""

    service: Service
    registry: Registry
    channel_as: Callable[[str], grpc.aio.Channel]

    async def post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
        sent = [("content-type", "application/x-www-form-urlencoded"), *(headers or {}).items()]
        return await call(self.service.http, "POST", path, urlencode(form).encode(), sent)

    async def get(self, path: str) -> Answer:
        return await call(self.service.http, "GET", path)


@pytest.fixture
async def running(database: Database, valkey_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    authority = Authority(tmp_path)
    registry = Registry()
    registry.clients = {
        "machine": client(
            "machine", "client_secret_basic", ["client_credentials"], secret_digest=secret_digest(SECRET, b"pepper"), scope="a b"
        ),
        "agent": client("agent", "none", ["authorization_code", "refresh_token"], agent=True),
    }
    name = "authserver.registry.v1.RegistryService"
    server = RpcServer(
        ((reg_rpc.add_RegistryServiceServicer_to_server, registry, name),),
        {name: frozenset({"token"})},
        authority.files("registry"),
        "127.0.0.1:0",
    )
    await server.start()
    own = authority.files("token")
    environ = {
        "AUTHPLANE_SERVER_ISSUER": ISSUER,
        "AUTHPLANE_STORAGE_POSTGRES_DSN": database.dsn_for("token"),
        "AUTHPLANE_REDIS_URL": valkey_url,
        "AUTHPLANE_PEERS_REGISTRY": f"127.0.0.1:{server.port}",
        "AUTHPLANE_RPC_CA_FILE": str(own.ca),
        "AUTHPLANE_RPC_CERT_FILE": str(own.cert),
        "AUTHPLANE_RPC_KEY_FILE": str(own.key),
        "AUTHPLANE_SIGNING_KEY_STORE": "postgres_key",
        "AUTHPLANE_DATA_ENCRYPTION_DRIVER": "aes_master",
        "AUTHPLANE_DATA_ENCRYPTION_KEY_ENV": "DATA_KEY",
        "DATA_KEY": "ab" * 32,
        "AUTHPLANE_CLIENT_SECRET_PEPPER": "pepper",
    }
    resources = Resources(config.load(None, environ, service="token"), "token", SystemClock())
    service = await build(resources)
    background = [asyncio.ensure_future(run()) for run in service.background]
    mine = RpcServer(service.rpc, service.callers, own, "127.0.0.1:0")
    await mine.start()
    channels: list[grpc.aio.Channel] = []

    def channel_as(peer: str) -> grpc.aio.Channel:
        channels.append(open_channel(f"127.0.0.1:{mine.port}", authority.files(peer), "token"))
        return channels[-1]

    yield Running(service, registry, channel_as)
    for channel in channels:
        await channel.close(None)
    for task in background:
        task.cancel()
    await service.close()
    await mine.stop(0)
    await resources.close()
    await server.stop(0)


def code_request(**more: Any) -> pb.IssueCodeRequest:
    consent = pb.Consent(scopes=["notes:read"], remember=True)
    fields: dict[str, Any] = {"user_id": "ada", "client_id": "agent", "resource": NOTES.uri, "scopes": ["notes:read"], "consent": consent}
    return pb.IssueCodeRequest(redirect_uri=REDIRECT, code_challenge=CHALLENGE, ip="192.0.2.7", **{**fields, **more})


async def test_from_consent_to_revocation_over_the_wire(running: Running) -> None:
    grants = rpc.GrantServiceStub(running.channel_as("authorize"))
    admin = rpc.TokenAdminServiceStub(running.channel_as("admin"))
    asked = await grants.IssueCode(code_request(consent=None))
    assert asked.consent_needed.missing_scopes == ["notes:read"]
    assert asked.consent_needed.first_time
    code = (await grants.IssueCode(code_request())).code

    form = {"grant_type": "authorization_code", "code": code, "client_id": "agent", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    answer = await running.post("/oauth/token", form)
    assert answer.status == 200, answer.body
    document = (await running.get("/.well-known/jwks.json")).json
    key = jwt.PyJWKSet.from_dict(document).keys[0]
    claims = jwt.decode(answer.json["access_token"], key, algorithms=["ES256"], audience=NOTES.uri, issuer=ISSUER)
    assert (claims["sub"], claims["agent_id"]) == ("ada", "agent")

    (issued,) = (await admin.ListIssuances(pb.ListIssuancesRequest(user_id="ada"))).issuances
    assert (issued.jti, issued.agent_id, list(issued.scopes)) == (claims["jti"], "agent", ["notes:read"])
    assert (await admin.GetIssuance(pb.GetIssuanceRequest(issuance_id=issued.id))).issuance == issued
    (grant,) = (await admin.ListGrants(pb.ListGrantsRequest(user_id="ada"))).grants
    live = await admin.CountLive(pb.CountLiveRequest())
    assert (live.families, live.issuances) == (1, 1)
    with pytest.raises(Missing):
        await admin.RevokeGrant(pb.RevokeGrantRequest(grant_id="nobody's"))
    ended = await admin.RevokeGrant(pb.RevokeGrantRequest(grant_id=grant.id, operator=pb.Operator(key_name="root")))
    assert (ended.revoked_families, ended.revoked_issuances) == (1, 1)
    refreshed = await running.post(
        "/oauth/token", {"grant_type": "refresh_token", "refresh_token": answer.json["refresh_token"], "client_id": "agent"}
    )
    assert refreshed.error == "invalid_grant"

    people = rpc.SubjectServiceStub(running.channel_as("authorize"))
    await people.RefuseSubject(pb.RefuseSubjectRequest(user_id="ada", reason="disabled"))
    with pytest.raises(AccessDenied):
        await grants.IssueCode(code_request())
    await people.AllowSubject(pb.AllowSubjectRequest(user_id="ada"))
    assert (await grants.IssueCode(code_request())).code


async def test_who_may_call_what(running: Running) -> None:
    """Law: one gRPC service per privilege."""
    with pytest.raises(PeerFailed):
        await rpc.GrantServiceStub(running.channel_as("vault")).IssueCode(code_request())
    with pytest.raises(PeerFailed):
        await rpc.GrantServiceStub(running.channel_as("admin")).IssueCode(code_request())
    with pytest.raises(PeerFailed):
        await rpc.TokenAdminServiceStub(running.channel_as("registry")).ListKeys(pb.ListKeysRequest())
    with pytest.raises(PeerFailed):
        await rpc.TokenAdminServiceStub(running.channel_as("authorize")).ListKeys(pb.ListKeysRequest())
    with pytest.raises(PeerFailed):
        await rpc.SubjectServiceStub(running.channel_as("admin")).RefuseSubject(pb.RefuseSubjectRequest(user_id="ada"))


async def test_a_person_sees_and_ends_what_is_theirs_only(running: Running) -> None:
    """A9: through authorize, which names the person."""
    people = rpc.SubjectServiceStub(running.channel_as("authorize"))
    await rpc.GrantServiceStub(running.channel_as("authorize")).IssueCode(code_request())
    (grant,) = (await people.ListSubjectGrants(pb.ListSubjectGrantsRequest(user_id="ada"))).grants
    assert not (await people.ListSubjectGrants(pb.ListSubjectGrantsRequest(user_id="eve"))).grants
    with pytest.raises(Missing):
        await people.RevokeSubjectGrant(pb.RevokeSubjectGrantRequest(user_id="eve", grant_id=grant.id))
    with pytest.raises(InvalidRequest):
        await people.RevokeSubjectGrant(pb.RevokeSubjectGrantRequest(grant_id=grant.id))
    await people.RevokeSubjectGrant(pb.RevokeSubjectGrantRequest(user_id="ada", grant_id=grant.id))
    (ended,) = (await people.ListSubjectGrants(pb.ListSubjectGrantsRequest(user_id="ada"))).grants
    assert ended.HasField("revoked_at")


async def test_clients_are_authenticated_for_authorize(running: Running) -> None:
    clients = rpc.ClientAuthServiceStub(running.channel_as("authorize"))
    header = basic("machine", SECRET)["authorization"]
    assert (await clients.AuthenticateClient(pb.AuthenticateClientRequest(authorization=header))).client_id == "machine"
    with pytest.raises(InvalidClient):
        await clients.AuthenticateClient(pb.AuthenticateClientRequest(client_id="machine"))


async def test_warm_requests_ask_nobody_and_changes_are_felt_at_once(running: Running) -> None:
    """Law 1, and architecture §6: a suspended client stops within milliseconds."""
    form, credentials = {"grant_type": "client_credentials"}, basic("machine", SECRET)
    assert (await running.post("/oauth/token", form, credentials)).status == 200
    await asyncio.sleep(0.1)
    assert (await running.post("/oauth/token", form, credentials)).status == 200
    running.registry.asked.clear()
    for _ in range(20):
        assert (await running.post("/oauth/token", form, credentials)).status == 200
    for _ in range(5):
        assert (await running.post("/oauth/token", form, basic("nobody", SECRET))).error == "invalid_client"
    assert running.registry.asked == ["nobody"]

    running.registry.clients["machine"].status = reg.CLIENT_STATUS_SUSPENDED
    running.registry.changes.put_nowait(reg.WatchChangesResponse(revision=8, kind=reg.CHANGE_KIND_CLIENT, key="machine"))
    await asyncio.sleep(0.1)
    assert (await running.post("/oauth/token", form, credentials)).error == "invalid_client"


async def test_keys_are_rotated_by_operators(running: Running) -> None:
    admin = rpc.TokenAdminServiceStub(running.channel_as("admin"))
    (first,) = (await admin.ListKeys(pb.ListKeysRequest())).keys
    made = (await admin.RotateKey(pb.RotateKeyRequest(operator=pb.Operator(key_name="root")))).key
    assert [(key.kid, key.status) for key in (await admin.ListKeys(pb.ListKeysRequest())).keys] == [
        (made.kid, "current"),
        (first.kid, "previous"),
    ]
    for _ in range(100):
        answer = await running.post("/oauth/token", {"grant_type": "client_credentials"}, basic("machine", SECRET))
        if jwt.get_unverified_header(answer.json["access_token"])["kid"] == made.kid:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the new key never signed")


async def test_after_a_gap_nothing_cached_is_believed(running: Running) -> None:
    """Architecture §6: a revision that was missed may have changed anything."""
    form, credentials = {"grant_type": "client_credentials", "scope": "a"}, basic("machine", SECRET)
    assert (await running.post("/oauth/token", form, credentials)).status == 200
    await asyncio.sleep(0.1)
    assert (await running.post("/oauth/token", form, credentials)).status == 200
    running.registry.clients["machine"].scope = "b"
    running.registry.changes.put_nowait(reg.WatchChangesResponse(revision=8, kind=reg.CHANGE_KIND_SETTINGS, key="x"))
    await asyncio.sleep(0.1)
    assert (await running.post("/oauth/token", form, credentials)).status == 200
    running.registry.changes.put_nowait(reg.WatchChangesResponse(revision=10, kind=reg.CHANGE_KIND_SETTINGS, key="x"))
    await asyncio.sleep(0.1)
    assert (await running.post("/oauth/token", form, credentials)).error == "invalid_scope"
