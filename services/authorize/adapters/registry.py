"""Client and resource records from registry: asked for once, kept for seconds, forgotten the moment registry says they changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import grpc
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc as rpc

from kit import log
from kit.cache import Cache
from kit.errors import Missing, Refused, Unavailable
from kit.oauth import parse_scope
from kit.rpc_faults import FAULT_KEY
from services.authorize.model import Client, ClientId, ClientStatus, Resource, Scope, Visit
from services.authorize.refusals import DocumentNotAcceptable, DocumentUnreachable, UnknownClient

TTL_SECONDS: Final = 30.0
_MOST_CLIENTS = 5_000
_MOST_RESOURCES = 2_000
# Registry may have to fetch a stranger's document first.
_RESOLVE_SECONDS = 12.0
_LONGEST_CLIENT_ID = 2048
_PAUSES = (0.1, 0.5, 2.0, 5.0)
_STATUS: Final = {
    pb.CLIENT_STATUS_ACTIVE: ClientStatus.ACTIVE,
    pb.CLIENT_STATUS_SUSPENDED: ClientStatus.SUSPENDED,
    pb.CLIENT_STATUS_REVOKED: ClientStatus.REVOKED,
}

logger = log.get(__name__)


class RegistryRecords:
    """The one cache per process; `RegistryClients` and `RegistryResources` are its two faces."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.RegistryServiceStub(channel)
        self._clients: Cache[str, Client] = Cache(TTL_SECONDS, _MOST_CLIENTS)
        self._resources: Cache[str, Resource] = Cache(TTL_SECONDS, _MOST_RESOURCES)
        self._mints: Cache[None, tuple[Resource, ...]] = Cache(TTL_SECONDS, 1)

    async def client(self, client_id: str, visit: Visit) -> Client:
        """Raises UnknownClient, DocumentUnreachable, DocumentNotAcceptable, Unavailable."""
        if len(client_id) > _LONGEST_CLIENT_ID:
            raise UnknownClient("no application is registered under this client_id")
        return await self._clients.get(client_id, lambda key: self._load_client(key, visit))

    async def resource(self, reference: str) -> Resource:
        """Raises Missing (member `closest`), Conflict, Unavailable."""
        return await self._resources.get(reference, self._load_resource)

    async def mints(self) -> tuple[Resource, ...]:
        """Every resource this plane mints tokens for. Raises Unavailable."""
        return await self._mints.get(None, self._load_mints)

    async def watch(self) -> None:
        """Follow registry's changes for as long as the service runs; whatever is missed clears everything."""
        attempt = 0
        while True:
            try:
                async for change in self._changes():
                    attempt = 0
                    self._apply(change)
            except Unavailable as error:
                logger.warning("registry.watch_lost", debug=error.debug)
            self._clear()
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1

    async def _changes(self) -> AsyncIterator[pb.WatchChangesResponse]:
        last: int | None = None
        async for change in self._stub.WatchChanges(pb.WatchChangesRequest()):
            if last is None or change.revision != last + 1:
                self._clear()
            last = change.revision
            yield change

    def _apply(self, change: pb.WatchChangesResponse) -> None:
        if change.kind == pb.CHANGE_KIND_CLIENT:
            self._clients.drop(change.key)
        elif change.kind == pb.CHANGE_KIND_RESOURCE:
            # One resource goes by several references, so all of them are asked for again.
            self._resources.clear()
            self._mints.clear()
        else:
            self._clear()

    def _clear(self) -> None:
        self._clients.clear()
        self._resources.clear()
        self._mints.clear()

    async def _load_client(self, client_id: str, visit: Visit) -> Client:
        is_url = client_id.startswith(("https://", "http://"))
        try:
            request = pb.ResolveClientRequest(client_id=client_id, ip=visit.address)
            answer = await self._stub.ResolveClient(request, timeout=_RESOLVE_SECONDS)
        except Missing:
            raise UnknownClient("no application is registered under this client_id") from None
        except Refused as error:
            refusal = DocumentNotAcceptable if is_url else UnknownClient
            raise refusal(error.detail, debug=error.debug) from None
        except Unavailable as error:
            if is_url and _was_answered(error):
                raise DocumentUnreachable(error.detail, debug=error.debug) from None
            raise
        return _client(answer.client, first_seen=answer.first_seen)

    async def _load_resource(self, reference: str) -> Resource:
        answer = await self._stub.ResolveResource(pb.ResolveResourceRequest(reference=reference))
        return _resource(answer.resource)

    async def _load_mints(self, _: None) -> tuple[Resource, ...]:
        answer = await self._stub.ListResources(pb.ListResourcesRequest())
        return tuple(_resource(resource) for resource in answer.resources if resource.backend_kind == pb.BACKEND_KIND_MINT)


class RegistryClients:
    """Satisfies services.authorize.ports.Clients."""

    def __init__(self, records: RegistryRecords) -> None:
        self._records = records

    async def resolve(self, client_id: str, visit: Visit) -> Client:
        """Raises UnknownClient, DocumentUnreachable, DocumentNotAcceptable, Unavailable."""
        return await self._records.client(client_id, visit)


class RegistryResources:
    """Satisfies services.authorize.ports.Resources."""

    def __init__(self, records: RegistryRecords) -> None:
        self._records = records

    async def resolve(self, reference: str) -> Resource:
        """Raises Missing (member `closest`), Conflict, Unavailable."""
        return await self._records.resource(reference)

    async def mints(self) -> tuple[Resource, ...]:
        """Every resource this plane mints tokens for. Raises Unavailable."""
        return await self._records.mints()


def _was_answered(error: Unavailable) -> bool:
    """Whether registry itself said so, about the document; otherwise registry is what cannot be reached."""
    cause = error.__cause__
    return isinstance(cause, grpc.aio.AioRpcError) and any(key == FAULT_KEY for key, _ in cause.trailing_metadata() or ())


def _client(client: pb.Client, *, first_seen: bool) -> Client:
    return Client(
        id=ClientId(client.id),
        name=client.name,
        redirect_uris=tuple(client.redirect_uris),
        grant_types=frozenset(client.grant_types),
        ceiling=parse_scope(client.scope),
        # A status this release does not know is not active.
        status=_STATUS.get(client.status, ClientStatus.REVOKED),
        document_url=client.cimd_url,
        must_push=client.require_pushed_authorization_requests,
        first_seen=first_seen,
    )


def _resource(resource: pb.Resource) -> Resource:
    return Resource(
        uri=resource.uri,
        slug=resource.slug,
        name=resource.display_name or resource.slug or resource.uri,
        scopes=tuple(Scope(scope.name, scope.description, scope.is_default) for scope in resource.scopes),
        brokered=resource.backend_kind != pb.BACKEND_KIND_MINT,
    )
