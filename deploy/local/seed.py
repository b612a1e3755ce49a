"""Puts the demonstration's objects and the configuration file's seeds into a plane that has just become ready.

Speaks the public operator API like any other tool. Idempotent: what is there by name is left alone.
"""

import asyncio
import time

import grpc
from authserver.admin.v1 import admin_pb2, admin_pb2_grpc

from deploy.local import demo_objects, secret_file
from deploy.local.stack import Plane
from deploy.local.supervisor import StartFailed

_PATIENCE = 30.0
_TAKES = 10.0


class SeedFailed(StartFailed):
    """The operator API refused a seed, or could not be reached."""


async def seed(plane: Plane) -> list[str]:
    """Create what is absent; returns a line for everything created. Raises SeedFailed."""
    metadata = (("authorization", f"Bearer {plane.secrets['ADMIN_API_KEY']}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{plane.ports.admin}") as channel:
        await _answering(channel, metadata)
        try:
            made = [
                await _resource(plane, channel, metadata),
                await _person(plane, channel, metadata),
                await _machine(plane, channel, metadata),
            ]
        except grpc.aio.AioRpcError as refused:
            raise SeedFailed(f"the demonstration could not be set up: {refused.code().name}: {refused.details()}") from refused
    return [line for line in made if line]


Metadata = tuple[tuple[str, str], ...]


async def _answering(channel: grpc.aio.Channel, metadata: Metadata) -> None:
    """The operator API's HTTP side is ready before we are called; its gRPC side may need a moment through the gateway."""
    system = admin_pb2_grpc.SystemServiceStub(channel)
    began = time.monotonic()
    while True:
        try:
            await system.VerifyKey(admin_pb2.VerifyKeyRequest(), metadata=metadata, timeout=_TAKES)
        except grpc.aio.AioRpcError as problem:
            if problem.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() - began > _PATIENCE:
                raise SeedFailed(f"the operator API does not answer its own key: {problem.code().name}: {problem.details()}") from problem
            await asyncio.sleep(0.2)
        else:
            return


async def _resource(plane: Plane, channel: grpc.aio.Channel, metadata: Metadata) -> str:
    resources = admin_pb2_grpc.ResourceServiceStub(channel)
    found = await resources.ListResources(admin_pb2.ListResourcesRequest(slug=demo_objects.SLUG), metadata=metadata, timeout=_TAKES)
    uri = demo_objects.resource_uri(plane.ports)
    present = [row for row in found.resources if row.slug == demo_objects.SLUG]
    if present and present[0].uri == uri:
        return ""
    if present:
        # The same state directory on other ports: the demo server has moved, and tokens must name where it is.
        await resources.UpdateResource(
            admin_pb2.UpdateResourceRequest(resource_id=present[0].id, uri=uri, expected_version=present[0].version),
            metadata=metadata,
            timeout=_TAKES,
        )
        return f"resource {demo_objects.SLUG} moved to {uri}"
    await resources.CreateResource(
        admin_pb2.CreateResourceRequest(
            slug=demo_objects.SLUG,
            uri=uri,
            display_name=demo_objects.DISPLAY_NAME,
            backend_kind="mint",
            scopes=[admin_pb2.Scope(name=name, description=words, is_default=True) for name, words in demo_objects.SCOPES.items()],
        ),
        metadata=metadata,
        timeout=_TAKES,
    )
    return f"resource {demo_objects.SLUG} created: {uri}"


async def _person(plane: Plane, channel: grpc.aio.Channel, metadata: Metadata) -> str:
    request = admin_pb2.CreateUserRequest(
        email=demo_objects.EMAIL, password=plane.secrets["DEMO_USER_PASSWORD"], name=demo_objects.PERSON, role="user"
    )
    try:
        await admin_pb2_grpc.UserServiceStub(channel).CreateUser(request, metadata=metadata, timeout=_TAKES)
    except grpc.aio.AioRpcError as refused:
        if refused.code() is grpc.StatusCode.ALREADY_EXISTS:
            return ""
        raise
    return f"user {demo_objects.EMAIL} created"


async def _machine(plane: Plane, channel: grpc.aio.Channel, metadata: Metadata) -> str:
    known = secret_file.read(plane.places.secrets)
    if known.get("DEMO_CLIENT_SECRET"):
        return ""
    created = await admin_pb2_grpc.ClientServiceStub(channel).CreateClient(
        admin_pb2.CreateClientRequest(
            client_name=demo_objects.MACHINE,
            grant_types=["client_credentials"],
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 the name of a method, not a secret
            scope=" ".join(demo_objects.SCOPES),
        ),
        metadata=metadata,
        timeout=_TAKES,
    )
    secret_file.write(plane.places.secrets, known | {"DEMO_CLIENT_ID": created.client.id, "DEMO_CLIENT_SECRET": created.client_secret})
    return f"client {demo_objects.MACHINE} created: {created.client.id}"
