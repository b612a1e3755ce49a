"""Resources, at registry."""

import grpc.aio
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1.registry_pb2_grpc import RegistryAdminServiceStub, RegistryServiceStub

from services.admin.adapters.peers.registry import acting
from services.admin.adapters.peers.wire import moment, word
from services.admin.model.operators import Operator
from services.admin.model.resources import (
    BackendKind,
    ConnectPolicy,
    ExchangePolicy,
    NewResource,
    Policy,
    Resource,
    ResourceChange,
    ResourceId,
    RuntimePolicy,
    Scope,
)

KIND = {BackendKind.MINT: pb.BACKEND_KIND_MINT, BackendKind.BROKER: pb.BACKEND_KIND_BROKER}


def resource_of(message: pb.Resource) -> Resource:
    """The resource as operators see it."""
    return Resource(
        id=ResourceId(message.id),
        slug=message.slug,
        uri=message.uri,
        display_name=message.display_name,
        description=message.description,
        backend_kind=word(BackendKind, "BACKEND_KIND_", pb.BackendKind.Name(message.backend_kind)),
        broker_provider_id=message.broker_provider_id,
        scopes=tuple(
            Scope(name=each.name, description=each.description, upstream=each.upstream, is_default=each.is_default)
            for each in message.scopes
        ),
        policy=_policy_of(message.policy),
        created_at=moment(message, "created_at"),
        updated_at=moment(message, "updated_at"),
        version=message.version,
        access_token_lifetime=message.access_token_lifetime,
    )


def _policy_of(message: pb.ResourcePolicy) -> Policy:
    return Policy(
        exchange=ExchangePolicy(allowed_client_ids=tuple(message.exchange_allowed_client_ids)),
        runtime=RuntimePolicy(client_ids=tuple(message.runtime_client_ids)),
        connect=ConnectPolicy(allowed_return_urls=tuple(message.connect_allowed_return_urls)),
    )


def _scopes(scopes: tuple[Scope, ...]) -> list[pb.Scope]:
    return [pb.Scope(name=each.name, description=each.description, upstream=each.upstream, is_default=each.is_default) for each in scopes]


def _policy(policy: Policy) -> pb.ResourcePolicy:
    return pb.ResourcePolicy(
        exchange_allowed_client_ids=policy.exchange.allowed_client_ids,
        runtime_client_ids=policy.runtime.client_ids,
        connect_allowed_return_urls=policy.connect.allowed_return_urls,
    )


class RegistryResources:
    """Implements ResourceRegistry."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._reads = RegistryServiceStub(channel)
        self._writes = RegistryAdminServiceStub(channel)

    async def list_resources(self) -> tuple[Resource, ...]:
        """In registration order."""
        return tuple(resource_of(each) for each in (await self._reads.ListResources(pb.ListResourcesRequest())).resources)

    async def create_resource(self, operator: Operator, new: NewResource) -> Resource:
        """Raises Conflict, InvalidRequest."""
        request = pb.CreateResourceRequest(
            slug=new.slug,
            uri=new.uri,
            display_name=new.display_name,
            description=new.description,
            backend_kind=KIND[new.backend_kind],
            broker_provider_id=new.broker_provider_id,
            scopes=_scopes(new.scopes),
            policy=_policy(new.policy),
            access_token_lifetime=new.access_token_lifetime,
            operator=acting(operator),
        )
        return resource_of((await self._writes.CreateResource(request)).resource)

    async def update_resource(self, operator: Operator, resource_id: ResourceId, change: ResourceChange) -> Resource:
        """Raises Missing, Conflict, InvalidRequest, Stale."""
        request = pb.UpdateResourceRequest(
            resource_id=resource_id,
            slug=change.slug,
            uri=change.uri,
            display_name=change.display_name,
            description=change.description,
            scopes=None if change.scopes is None else pb.ScopeList(scopes=_scopes(change.scopes)),
            policy=None if change.policy is None else _policy(change.policy),
            access_token_lifetime=change.access_token_lifetime,
            expected_version=change.expected_version,
            operator=acting(operator),
        )
        return resource_of((await self._writes.UpdateResource(request)).resource)

    async def delete_resource(self, operator: Operator, resource_id: ResourceId, *, cascade: bool) -> None:
        """Raises Missing, Conflict."""
        await self._writes.DeleteResource(pb.DeleteResourceRequest(resource_id=resource_id, cascade=cascade, operator=acting(operator)))
