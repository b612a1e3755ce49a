"""Registry's clients and resources, kept in memory and dropped when registry says they changed.

A value is at most 30 seconds old even if a change goes unheard; while the feed stands, a change is felt within milliseconds.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc as rpc

from kit import log
from kit.cache import Cache
from kit.errors import AuthPlaneError, Missing
from kit.oauth import AuthMethod
from services.token.model import Client, ClientId, Resource
from services.token.policy import Catalogue

if TYPE_CHECKING:
    import grpc

TTL_SECONDS = 30.0
MOST_CLIENTS = 10_000
# Ids nobody registered are remembered apart, so that asking for many of them pushes no real client out.
MOST_UNKNOWN = 1_000
_ALL = "all"
_PAUSE_SECONDS = 1.0

logger = log.get(__name__)


class RegistryFeed:
    """Implements the ports Clients and Resources."""

    def __init__(self, channel: "grpc.aio.Channel") -> None:
        self._stub: rpc.RegistryServiceAsyncStub = rpc.RegistryServiceStub(channel)
        self._clients: Cache[str, Client] = Cache(TTL_SECONDS, MOST_CLIENTS)
        self._unknown: Cache[str, bool] = Cache(TTL_SECONDS, MOST_UNKNOWN)
        self._catalogue: Cache[str, Catalogue] = Cache(TTL_SECONDS, 1)
        self._revision = 0

    async def client(self, client_id: str) -> Client | None:
        """The stored client or None. Raises Unavailable."""
        known = self._clients.peek(client_id)
        if known is not None:
            return known
        if self._unknown.peek(client_id):
            return None
        try:
            return await self._clients.get(client_id, self._load_client)
        except Missing:
            await self._unknown.get(client_id, _is_unknown)
            return None

    async def catalogue(self) -> Catalogue:
        """Every resource. Raises Unavailable."""
        return self._catalogue.peek(_ALL) or await self._catalogue.get(_ALL, self._load_catalogue)

    async def warm(self) -> None:
        """Load what every request needs. Raises Unavailable."""
        await self.catalogue()

    async def watch(self) -> None:
        """Follow registry's changes for as long as the process lives."""
        while True:
            try:
                async for change in self._stub.WatchChanges(pb.WatchChangesRequest()):
                    self.apply(change)
            except AuthPlaneError as error:
                logger.warning("registry.feed_lost", error=error.detail, debug=error.debug)
            # Whatever changed while nobody listened is unknown.
            self.clear()
            await asyncio.sleep(_PAUSE_SECONDS)

    def apply(self, change: pb.WatchChangesResponse) -> None:
        """Forget what `change` makes stale; after a gap in the revisions, everything."""
        begins = change.kind == pb.CHANGE_KIND_UNSPECIFIED
        if begins or change.revision > self._revision + 1:
            self.clear()
        elif change.kind == pb.CHANGE_KIND_CLIENT:
            self._clients.drop(change.key)
            self._unknown.drop(change.key)
        elif change.kind == pb.CHANGE_KIND_RESOURCE:
            self._catalogue.clear()
        self._revision = change.revision if begins else max(self._revision, change.revision)

    def clear(self) -> None:
        """Forget everything."""
        self._clients.clear()
        self._unknown.clear()
        self._catalogue.clear()

    async def _load_client(self, client_id: str) -> Client:
        answer = await self._stub.GetClient(pb.GetClientRequest(client_id=client_id))
        return client_of(answer.client)

    async def _load_catalogue(self, _: str) -> Catalogue:
        answer = await self._stub.ListResources(pb.ListResourcesRequest())
        return Catalogue.of(resource_of(resource) for resource in answer.resources)


async def _is_unknown(_: str) -> bool:
    return True


def client_of(message: pb.Client) -> Client:
    """The client of a message. One whose authentication method we do not know is never active."""
    known = message.token_endpoint_auth_method in _METHODS
    return Client(
        id=ClientId(message.id),
        name=message.name,
        auth_method=AuthMethod(message.token_endpoint_auth_method) if known else AuthMethod.NONE,
        secret_digest=message.secret_digest,
        grant_types=frozenset(message.grant_types),
        ceiling=_words(message.scope.split()),
        active=known and message.status == pb.CLIENT_STATUS_ACTIVE,
        pre_registered=message.registration_source == pb.REGISTRATION_SOURCE_ADMIN,
        agent=message.agent,
        access_token_lifetime=message.access_token_lifetime,
        dpop_bound=message.dpop_bound_access_tokens,
        jwks=message.jwks,
        jwks_uri=message.jwks_uri,
        tokens_per_minute=message.tokens_per_minute,
        tokens_per_day=message.tokens_per_day,
    )


def resource_of(message: pb.Resource) -> Resource:
    """The resource of a message."""
    return Resource(
        id=message.id,
        slug=message.slug,
        uri=message.uri,
        scopes=_words([scope.name for scope in message.scopes]),
        runtime_clients=frozenset(message.policy.runtime_client_ids),
        mints=message.backend_kind == pb.BACKEND_KIND_MINT,
        access_token_lifetime=message.access_token_lifetime,
        default_scopes=_words([scope.name for scope in message.scopes if scope.is_default]),
    )


_METHODS = frozenset(method.value for method in AuthMethod)


def _words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
