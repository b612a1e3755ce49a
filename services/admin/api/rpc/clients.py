"""ClientService."""
# ruff: noqa: N802 - methods are named by the contract

from authserver.admin.v1 import admin_pb2 as pb
from authserver.admin.v1.admin_pb2_grpc import ClientServiceServicer

from services.admin.access import Operation
from services.admin.api.rpc.admission import Door, needs
from services.admin.api.rpc.wire import chosen, chosen_or_none, identifier, written
from services.admin.model.clients import Client, ClientChange, ClientId, ClientStatus, NewClient, RegistrationMode, RegistrationSource
from services.admin.model.operators import Operator
from services.admin.paging import Paging


def _client(client: Client) -> pb.Client:
    return written(pb.Client, client)


def _id(text: str) -> ClientId:
    return ClientId(identifier(text, "client_id"))


def _change(request: pb.UpdateClientRequest) -> ClientChange:
    return ClientChange(
        client_name=request.client_name if request.HasField("client_name") else None,
        redirect_uris=tuple(request.redirect_uris.values) if request.HasField("redirect_uris") else None,
        grant_types=tuple(request.grant_types.values) if request.HasField("grant_types") else None,
        scope=request.scope if request.HasField("scope") else None,
        access_token_lifetime=request.access_token_lifetime if request.HasField("access_token_lifetime") else None,
        tokens_per_minute=request.tokens_per_minute if request.HasField("tokens_per_minute") else None,
        tokens_per_day=request.tokens_per_day if request.HasField("tokens_per_day") else None,
        expected_version=request.expected_version,
    )


class ClientRpc(Door, ClientServiceServicer):
    """Clients and the registration mode."""

    @needs(Operation.CLIENTS_CREATE)
    async def CreateClient(self, operator: Operator, request: pb.CreateClientRequest) -> pb.CreateClientResponse:
        """The client and its secret, once."""
        new = NewClient(
            client_name=request.client_name,
            redirect_uris=tuple(request.redirect_uris),
            grant_types=tuple(request.grant_types),
            response_types=tuple(request.response_types),
            token_endpoint_auth_method=request.token_endpoint_auth_method,
            scope=request.scope,
            application_type=request.application_type,
            agent=request.agent,
            agent_description=request.agent_description,
            jwks_uri=request.jwks_uri,
            jwks=request.jwks,
            access_token_lifetime=request.access_token_lifetime,
            tokens_per_minute=request.tokens_per_minute,
            tokens_per_day=request.tokens_per_day,
        )
        created = await self.operations.clients.create(operator, new)
        return pb.CreateClientResponse(client=_client(created.client), client_secret=created.client_secret)

    @needs(Operation.CLIENTS_GET)
    async def GetClient(self, _: Operator, request: pb.GetClientRequest) -> pb.GetClientResponse:
        """One client."""
        return pb.GetClientResponse(client=_client(await self.operations.clients.get(_id(request.client_id))))

    @needs(Operation.CLIENTS_LIST)
    async def ListClients(self, _: Operator, request: pb.ListClientsRequest) -> pb.ListClientsResponse:
        """Newest first."""
        clients = await self.operations.clients.list(
            chosen_or_none(ClientStatus, request.status, "status"),
            chosen_or_none(RegistrationSource, request.registration_source, "registration_source"),
            Paging(limit=request.limit, offset=request.offset),
        )
        return pb.ListClientsResponse(clients=[_client(each) for each in clients])

    @needs(Operation.CLIENTS_UPDATE)
    async def UpdateClient(self, operator: Operator, request: pb.UpdateClientRequest) -> pb.UpdateClientResponse:
        """The client afterwards."""
        client = await self.operations.clients.update(operator, _id(request.client_id), _change(request))
        return pb.UpdateClientResponse(client=_client(client))

    @needs(Operation.CLIENTS_SUSPEND)
    async def SuspendClient(self, operator: Operator, request: pb.SuspendClientRequest) -> pb.SuspendClientResponse:
        """The status afterwards."""
        return pb.SuspendClientResponse(status=(await self.operations.clients.suspend(operator, _id(request.client_id))).value)

    @needs(Operation.CLIENTS_REVOKE)
    async def RevokeClient(self, operator: Operator, request: pb.RevokeClientRequest) -> pb.RevokeClientResponse:
        """The status afterwards."""
        return pb.RevokeClientResponse(status=(await self.operations.clients.revoke(operator, _id(request.client_id))).value)

    @needs(Operation.CLIENTS_REACTIVATE)
    async def ReactivateClient(self, operator: Operator, request: pb.ReactivateClientRequest) -> pb.ReactivateClientResponse:
        """The status afterwards."""
        return pb.ReactivateClientResponse(status=(await self.operations.clients.reactivate(operator, _id(request.client_id))).value)

    @needs(Operation.CLIENTS_ROTATE_SECRET)
    async def RotateClientSecret(self, operator: Operator, request: pb.RotateClientSecretRequest) -> pb.RotateClientSecretResponse:
        """The new secret, once."""
        secret = await self.operations.clients.rotate_secret(operator, _id(request.client_id))
        return pb.RotateClientSecretResponse(client_id=request.client_id, client_secret=secret)

    @needs(Operation.CLIENTS_DELETE)
    async def DeleteClient(self, operator: Operator, request: pb.DeleteClientRequest) -> pb.DeleteClientResponse:
        """Nothing."""
        await self.operations.clients.delete(operator, _id(request.client_id), force=request.force)
        return pb.DeleteClientResponse()

    @needs(Operation.REGISTRATION_GET_MODE)
    async def GetRegistrationMode(self, _: Operator, request: pb.GetRegistrationModeRequest) -> pb.GetRegistrationModeResponse:
        """The mode in force."""
        return pb.GetRegistrationModeResponse(mode=(await self.operations.registration.get_mode()).value)

    @needs(Operation.REGISTRATION_SET_MODE)
    async def SetRegistrationMode(self, operator: Operator, request: pb.SetRegistrationModeRequest) -> pb.SetRegistrationModeResponse:
        """The mode in force afterwards."""
        mode = await self.operations.registration.set_mode(operator, chosen(RegistrationMode, request.mode, "mode"))
        return pb.SetRegistrationModeResponse(mode=mode.value)
