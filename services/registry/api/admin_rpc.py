"""RegistryAdminService: what an operator writes, and the lists an operator reads."""

from typing import Any

from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc

from kit.errors import InvalidRequest
from services.registry.admission import Admission
from services.registry.api.messages import (
    backend_of,
    client_message,
    client_messages,
    new_client,
    origin_of,
    policy_of,
    resource_message,
    scopes_of,
    source_of,
    status_of,
)
from services.registry.catalogue import Catalogue, NewResource, ResourcePatch
from services.registry.clients import ClientAdministration, ClientPatch
from services.registry.model import ClientId, ResourceId
from services.registry.ports import Counting


class RegistryWrites(registry_pb2_grpc.RegistryAdminServiceServicer):
    """Wire to value, call, value to wire."""

    def __init__(self, clients: ClientAdministration, catalogue: Catalogue, admission: Admission, counting: Counting) -> None:
        self._clients = clients
        self._catalogue = catalogue
        self._admission = admission
        self._counting = counting

    async def CreateClient(self, request: pb.CreateClientRequest, context: Any) -> pb.CreateClientResponse:  # noqa: N802
        """A pre-registered client."""
        created = await self._clients.create(new_client(request), origin_of(request.operator))
        return pb.CreateClientResponse(client=client_message(created.client), client_secret=created.secret)

    async def UpdateClient(self, request: pb.UpdateClientRequest, context: Any) -> pb.UpdateClientResponse:  # noqa: N802
        """Only the members present."""
        patch = ClientPatch(
            name=request.client_name if request.HasField("client_name") else None,
            redirect_uris=tuple(request.redirect_uris.values) if request.HasField("redirect_uris") else None,
            grant_types=tuple(request.grant_types.values) if request.HasField("grant_types") else None,
            scope=request.scope if request.HasField("scope") else None,
            access_token_lifetime=request.access_token_lifetime if request.HasField("access_token_lifetime") else None,
            tokens_per_minute=request.tokens_per_minute if request.HasField("tokens_per_minute") else None,
            tokens_per_day=request.tokens_per_day if request.HasField("tokens_per_day") else None,
            expected_version=request.expected_version,
        )
        client = await self._clients.update(ClientId(request.client_id), patch, origin_of(request.operator))
        return pb.UpdateClientResponse(client=client_message(client))

    async def SetClientStatus(self, request: pb.SetClientStatusRequest, context: Any) -> pb.SetClientStatusResponse:  # noqa: N802
        """Suspend, revoke or reactivate."""
        status = status_of(request.status)
        if status is None:
            raise InvalidRequest("status is missing")
        client = await self._clients.set_status(ClientId(request.client_id), status, origin_of(request.operator))
        return pb.SetClientStatusResponse(client=client_message(client))

    async def RotateClientSecret(self, request: pb.RotateClientSecretRequest, context: Any) -> pb.RotateClientSecretResponse:  # noqa: N802
        """A new secret, shown once."""
        secret = await self._clients.rotate_secret(ClientId(request.client_id), origin_of(request.operator))
        return pb.RotateClientSecretResponse(client_secret=secret)

    async def DeleteClient(self, request: pb.DeleteClientRequest, context: Any) -> pb.DeleteClientResponse:  # noqa: N802
        """For good."""
        await self._clients.delete(ClientId(request.client_id), origin_of(request.operator), force=request.force)
        return pb.DeleteClientResponse()

    async def ListClients(self, request: pb.ListClientsRequest, context: Any) -> pb.ListClientsResponse:  # noqa: N802
        """Newest first."""
        found = await self._clients.page(status_of(request.status), source_of(request.registration_source), request.limit, request.offset)
        return pb.ListClientsResponse(clients=client_messages(found))

    async def CreateResource(self, request: pb.CreateResourceRequest, context: Any) -> pb.CreateResourceResponse:  # noqa: N802
        """A resource."""
        wish = NewResource(
            slug=request.slug,
            uri=request.uri,
            display_name=request.display_name,
            description=request.description,
            backend_kind=backend_of(request.backend_kind),
            broker_provider_id=request.broker_provider_id,
            scopes=scopes_of(request),
            policy=policy_of(request.policy),
            access_token_lifetime=request.access_token_lifetime,
        )
        return pb.CreateResourceResponse(resource=resource_message(await self._catalogue.create(wish, origin_of(request.operator))))

    async def UpdateResource(self, request: pb.UpdateResourceRequest, context: Any) -> pb.UpdateResourceResponse:  # noqa: N802
        """Only the members present."""
        patch = ResourcePatch(
            slug=request.slug if request.HasField("slug") else None,
            uri=request.uri if request.HasField("uri") else None,
            display_name=request.display_name if request.HasField("display_name") else None,
            description=request.description if request.HasField("description") else None,
            scopes=scopes_of(request.scopes) if request.HasField("scopes") else None,
            policy=policy_of(request.policy) if request.HasField("policy") else None,
            access_token_lifetime=request.access_token_lifetime if request.HasField("access_token_lifetime") else None,
            expected_version=request.expected_version,
        )
        resource = await self._catalogue.update(ResourceId(request.resource_id), patch, origin_of(request.operator))
        return pb.UpdateResourceResponse(resource=resource_message(resource))

    async def DeleteResource(self, request: pb.DeleteResourceRequest, context: Any) -> pb.DeleteResourceResponse:  # noqa: N802
        """For good."""
        await self._catalogue.delete(ResourceId(request.resource_id), origin_of(request.operator), cascade=request.cascade)
        return pb.DeleteResourceResponse()

    async def GetRegistrationSettings(  # noqa: N802
        self, request: pb.GetRegistrationSettingsRequest, context: Any
    ) -> pb.GetRegistrationSettingsResponse:
        """The mode in force."""
        return pb.GetRegistrationSettingsResponse(mode=await self._admission.mode())

    async def SetRegistrationMode(  # noqa: N802
        self, request: pb.SetRegistrationModeRequest, context: Any
    ) -> pb.SetRegistrationModeResponse:
        """For every replica, at once."""
        return pb.SetRegistrationModeResponse(mode=await self._admission.set_mode(request.mode, origin_of(request.operator)))

    async def CountRegistry(self, request: pb.CountRegistryRequest, context: Any) -> pb.CountRegistryResponse:  # noqa: N802
        """For the overview."""
        counts = await self._counting.count()
        return pb.CountRegistryResponse(clients=counts.clients, active_clients=counts.active_clients, resources=counts.resources)
