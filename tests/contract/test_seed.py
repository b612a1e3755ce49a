"""Seeding speaks the operator API, creates what is absent, and leaves alone what is there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from authserver.admin.v1 import admin_pb2, admin_pb2_grpc

from deploy.local import secret_file
from deploy.local.places import Places, Ports
from deploy.local.seed import SeedFailed, seed
from deploy.local.stack import Plane


class Operator(
    admin_pb2_grpc.SystemServiceServicer,
    admin_pb2_grpc.ResourceServiceServicer,
    admin_pb2_grpc.UserServiceServicer,
    admin_pb2_grpc.ClientServiceServicer,
):
    """The operator API, remembering what it was asked to create."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.resources: list[admin_pb2.Resource] = []
        self.users: list[str] = []
        self.clients: list[admin_pb2.CreateClientRequest] = []

    async def VerifyKey(self, request: admin_pb2.VerifyKeyRequest, context: Any) -> admin_pb2.VerifyKeyResponse:
        if ("authorization", f"Bearer {self.key}") not in tuple(context.invocation_metadata()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid API key")
        return admin_pb2.VerifyKeyResponse(valid=True)

    async def ListResources(self, request: admin_pb2.ListResourcesRequest, context: Any) -> admin_pb2.ListResourcesResponse:
        return admin_pb2.ListResourcesResponse(resources=[row for row in self.resources if row.slug == request.slug])

    async def CreateResource(self, request: admin_pb2.CreateResourceRequest, context: Any) -> admin_pb2.CreateResourceResponse:
        made = admin_pb2.Resource(id=str(len(self.resources)), slug=request.slug, uri=request.uri, scopes=request.scopes, version=1)
        self.resources.append(made)
        return admin_pb2.CreateResourceResponse(resource=made)

    async def UpdateResource(self, request: admin_pb2.UpdateResourceRequest, context: Any) -> admin_pb2.UpdateResourceResponse:
        [row] = [row for row in self.resources if row.id == request.resource_id]
        if request.expected_version not in {0, row.version}:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "stale")
        row.uri = request.uri
        return admin_pb2.UpdateResourceResponse(resource=row)

    async def CreateUser(self, request: admin_pb2.CreateUserRequest, context: Any) -> admin_pb2.CreateUserResponse:
        if request.email in self.users:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "this email is taken")
        self.users.append(request.email)
        return admin_pb2.CreateUserResponse()

    async def CreateClient(self, request: admin_pb2.CreateClientRequest, context: Any) -> admin_pb2.CreateClientResponse:
        self.clients.append(request)
        return admin_pb2.CreateClientResponse(client=admin_pb2.Client(id="made-by-admin"), client_secret="shown-once")


@pytest.fixture
async def operator() -> AsyncIterator[tuple[Operator, int]]:
    # Methods the seeds never call answer UNIMPLEMENTED, as the generated base class does; only its types call them abstract.
    servicer = Operator("the-key")  # type: ignore[abstract]
    server = grpc.aio.server()
    admin_pb2_grpc.add_SystemServiceServicer_to_server(servicer, server)
    admin_pb2_grpc.add_ResourceServiceServicer_to_server(servicer, server)
    admin_pb2_grpc.add_UserServiceServicer_to_server(servicer, server)
    admin_pb2_grpc.add_ClientServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, port
    await server.stop(None)


def plane(state: Path, port: int, key: str = "the-key", demo: int = 8080) -> Plane:
    places = Places(state)
    secrets = secret_file.ensure(places.secrets) | {"ADMIN_API_KEY": key}
    nothing = cast("Any", None)
    return Plane(places, Ports(admin=port, demo=demo), secrets, nothing, nothing, "http://localhost:9000")


async def test_the_demonstration_is_created_once(operator: tuple[Operator, int], tmp_path: Path) -> None:
    api, port = operator
    assert len(await seed(plane(tmp_path, port))) == 3
    assert await seed(plane(tmp_path, port)) == []
    assert [row.uri for row in api.resources] == ["http://localhost:8080/mcp"]
    assert api.users == ["demo@example.com"]
    assert len(api.clients) == 1


async def test_the_machine_clients_secret_is_kept_where_only_the_owner_reads(operator: tuple[Operator, int], tmp_path: Path) -> None:
    _, port = operator
    await seed(plane(tmp_path, port))
    kept = secret_file.read(Places(tmp_path).secrets)
    assert (kept["DEMO_CLIENT_ID"], kept["DEMO_CLIENT_SECRET"]) == ("made-by-admin", "shown-once")
    assert Places(tmp_path).secrets.stat().st_mode & 0o077 == 0


async def test_the_demo_resource_follows_the_demo_server_to_other_ports(operator: tuple[Operator, int], tmp_path: Path) -> None:
    api, port = operator
    await seed(plane(tmp_path, port))
    assert await seed(plane(tmp_path, port, demo=9102)) == ["resource demo moved to http://localhost:9102/mcp"]
    assert [row.uri for row in api.resources] == ["http://localhost:9102/mcp"]


async def test_a_refused_key_is_said_in_plain_words(operator: tuple[Operator, int], tmp_path: Path) -> None:
    _, port = operator
    with pytest.raises(SeedFailed, match="UNAUTHENTICATED: invalid API key"):
        await seed(plane(tmp_path, port, key="another"))
