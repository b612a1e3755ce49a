"""RegistryService: what the deciding services read."""

from collections.abc import AsyncIterator
from typing import Any, Final

import structlog
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc

from kit import telemetry
from kit.rpc_interceptors import caller_of
from services.registry.api.messages import change_message, client_message, resource_message
from services.registry.catalogue import Catalogue
from services.registry.changes import Feed
from services.registry.model import ClientId, Origin
from services.registry.resolution import Resolution

# The only service that compares client secrets.
_CHECKS_SECRETS: Final = "token"


class RegistryReads(registry_pb2_grpc.RegistryServiceServicer):
    """Wire to value, call, value to wire."""

    def __init__(self, resolution: Resolution, catalogue: Catalogue, feed: Feed) -> None:
        self._resolution = resolution
        self._catalogue = catalogue
        self._feed = feed

    async def GetClient(self, request: pb.GetClientRequest, context: Any) -> pb.GetClientResponse:  # noqa: N802
        """A stored client."""
        client = await self._resolution.stored(ClientId(request.client_id))
        with_digest = caller_of(context.auth_context()) == _CHECKS_SECRETS
        return pb.GetClientResponse(client=client_message(client, with_digest=with_digest))

    async def ResolveClient(self, request: pb.ResolveClientRequest, context: Any) -> pb.ResolveClientResponse:  # noqa: N802
        """A stored client, or one described by a document."""
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        origin = Origin(ip=request.ip, request_id=request_id, trace_id=telemetry.trace_id())
        resolved = await self._resolution.resolve(ClientId(request.client_id), origin)
        return pb.ResolveClientResponse(client=client_message(resolved.client), first_seen=resolved.first_seen)

    async def ResolveResource(self, request: pb.ResolveResourceRequest, context: Any) -> pb.ResolveResourceResponse:  # noqa: N802
        """A resource by any of its names."""
        return pb.ResolveResourceResponse(resource=resource_message(await self._catalogue.resolve(request.reference)))

    async def ListResources(self, request: pb.ListResourcesRequest, context: Any) -> pb.ListResourcesResponse:  # noqa: N802
        """All of them."""
        return pb.ListResourcesResponse(resources=[resource_message(resource) for resource in await self._catalogue.all()])

    async def WatchChanges(self, request: pb.WatchChangesRequest, context: Any) -> AsyncIterator[pb.WatchChangesResponse]:  # noqa: N802
        """The feed, until its reader leaves or must start over."""
        async for change in self._feed.watch():
            yield change_message(change)
