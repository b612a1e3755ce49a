"""ResourceService."""
# ruff: noqa: N802 - methods are named by the contract

from collections.abc import Iterable

from authserver.admin.v1 import admin_pb2 as pb
from authserver.admin.v1.admin_pb2_grpc import ResourceServiceServicer

from services.admin.access import Operation
from services.admin.api.rpc.admission import Door, needs
from services.admin.api.rpc.wire import chosen, chosen_or_none, identifier, stamp, written
from services.admin.model.operators import Operator
from services.admin.model.resources import (
    BackendKind,
    ConnectPolicy,
    ExchangePolicy,
    NewResource,
    Policy,
    Resource,
    ResourceChange,
    RuntimePolicy,
    Scope,
)


def resource_message(resource: Resource) -> pb.Resource:
    """The resource, its policy as three flat lists."""
    policy = resource.policy
    return pb.Resource(
        id=resource.id,
        slug=resource.slug,
        uri=resource.uri,
        display_name=resource.display_name,
        description=resource.description,
        backend_kind=resource.backend_kind.value,
        broker_provider_id=resource.broker_provider_id,
        scopes=[written(pb.Scope, each) for each in resource.scopes],
        policy=pb.ResourcePolicy(
            exchange_allowed_client_ids=policy.exchange.allowed_client_ids,
            runtime_client_ids=policy.runtime.client_ids,
            connect_allowed_return_urls=policy.connect.allowed_return_urls,
        ),
        created_at=stamp(resource.created_at),
        updated_at=stamp(resource.updated_at),
        version=resource.version,
        access_token_lifetime=resource.access_token_lifetime,
    )


def _scopes(messages: Iterable[pb.Scope]) -> tuple[Scope, ...]:
    return tuple(
        Scope(name=each.name, description=each.description, upstream=each.upstream, is_default=each.is_default) for each in messages
    )


def _policy(message: pb.ResourcePolicy) -> Policy:
    return Policy(
        exchange=ExchangePolicy(allowed_client_ids=tuple(message.exchange_allowed_client_ids)),
        runtime=RuntimePolicy(client_ids=tuple(message.runtime_client_ids)),
        connect=ConnectPolicy(allowed_return_urls=tuple(message.connect_allowed_return_urls)),
    )


def _change(request: pb.UpdateResourceRequest) -> ResourceChange:
    return ResourceChange(
        slug=request.slug if request.HasField("slug") else None,
        uri=request.uri if request.HasField("uri") else None,
        display_name=request.display_name if request.HasField("display_name") else None,
        description=request.description if request.HasField("description") else None,
        scopes=_scopes(request.scopes.scopes) if request.HasField("scopes") else None,
        policy=_policy(request.policy) if request.HasField("policy") else None,
        access_token_lifetime=request.access_token_lifetime if request.HasField("access_token_lifetime") else None,
        expected_version=request.expected_version,
    )


def _reference(text: str) -> str:
    return identifier(text, "resource_id")


class ResourceRpc(Door, ResourceServiceServicer):
    """Resources, by id or slug."""

    @needs(Operation.RESOURCES_CREATE)
    async def CreateResource(self, operator: Operator, request: pb.CreateResourceRequest) -> pb.CreateResourceResponse:
        """The resource."""
        new = NewResource(
            slug=request.slug,
            backend_kind=chosen(BackendKind, request.backend_kind, "backend_kind"),
            uri=request.uri,
            display_name=request.display_name,
            description=request.description,
            broker_provider_id=request.broker_provider_id,
            scopes=_scopes(request.scopes),
            policy=_policy(request.policy),
            access_token_lifetime=request.access_token_lifetime,
        )
        return pb.CreateResourceResponse(resource=resource_message(await self.operations.resources.create(operator, new)))

    @needs(Operation.RESOURCES_GET)
    async def GetResource(self, _: Operator, request: pb.GetResourceRequest) -> pb.GetResourceResponse:
        """One resource."""
        return pb.GetResourceResponse(resource=resource_message(await self.operations.resources.get(_reference(request.resource_id))))

    @needs(Operation.RESOURCES_LIST)
    async def ListResources(self, _: Operator, request: pb.ListResourcesRequest) -> pb.ListResourcesResponse:
        """In registration order."""
        kind = chosen_or_none(BackendKind, request.backend_kind, "backend_kind")
        return pb.ListResourcesResponse(
            resources=[resource_message(each) for each in await self.operations.resources.list(request.slug, kind)]
        )

    @needs(Operation.RESOURCES_UPDATE)
    async def UpdateResource(self, operator: Operator, request: pb.UpdateResourceRequest) -> pb.UpdateResourceResponse:
        """The resource afterwards."""
        resource = await self.operations.resources.update(operator, _reference(request.resource_id), _change(request))
        return pb.UpdateResourceResponse(resource=resource_message(resource))

    @needs(Operation.RESOURCES_DELETE)
    async def DeleteResource(self, operator: Operator, request: pb.DeleteResourceRequest) -> pb.DeleteResourceResponse:
        """Nothing."""
        await self.operations.resources.delete(operator, _reference(request.resource_id), cascade=request.cascade)
        return pb.DeleteResourceResponse()
