"""Clients, resources and registration settings, at registry."""

import grpc.aio
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1.registry_pb2_grpc import RegistryAdminServiceStub, RegistryServiceStub

from services.admin.adapters.peers.wire import moment, word
from services.admin.model.clients import (
    Client,
    ClientChange,
    ClientId,
    ClientStatus,
    CreatedClient,
    NewClient,
    RegistrationMode,
    RegistrationSource,
)
from services.admin.model.operators import Operator

STATUS = {
    ClientStatus.ACTIVE: pb.CLIENT_STATUS_ACTIVE,
    ClientStatus.SUSPENDED: pb.CLIENT_STATUS_SUSPENDED,
    ClientStatus.REVOKED: pb.CLIENT_STATUS_REVOKED,
}
SOURCE = {
    RegistrationSource.DCR: pb.REGISTRATION_SOURCE_DCR,
    RegistrationSource.ADMIN: pb.REGISTRATION_SOURCE_ADMIN,
    RegistrationSource.CIMD: pb.REGISTRATION_SOURCE_CIMD,
}


def acting(operator: Operator) -> pb.Operator:
    """Who acts, for registry's audit row."""
    origin = operator.origin
    return pb.Operator(key_name=operator.key_name, ip=origin.ip, request_id=origin.request_id, trace_id=origin.trace_id)


def client_of(message: pb.Client) -> Client:
    """The client without what only token needs."""
    return Client(
        id=ClientId(message.id),
        name=message.name,
        redirect_uris=tuple(message.redirect_uris),
        grant_types=tuple(message.grant_types),
        response_types=tuple(message.response_types),
        token_endpoint_auth_method=message.token_endpoint_auth_method,
        scope=message.scope,
        status=word(ClientStatus, "CLIENT_STATUS_", pb.ClientStatus.Name(message.status)),
        registration_source=word(RegistrationSource, "REGISTRATION_SOURCE_", pb.RegistrationSource.Name(message.registration_source)),
        application_type=message.application_type,
        agent=message.agent,
        agent_description=message.agent_description,
        agent_assurance=message.agent_assurance,
        cimd_url=message.cimd_url,
        issued_at=moment(message, "issued_at"),
        updated_at=moment(message, "updated_at"),
        version=message.version,
        access_token_lifetime=message.access_token_lifetime,
        tokens_per_minute=message.tokens_per_minute,
        tokens_per_day=message.tokens_per_day,
    )


def _listed(values: tuple[str, ...] | None) -> pb.StringList | None:
    return None if values is None else pb.StringList(values=values)


class RegistryClients:
    """Implements ClientRecords, ClientLife and RegistrationSettings."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._reads = RegistryServiceStub(channel)
        self._writes = RegistryAdminServiceStub(channel)

    async def get_client(self, client_id: ClientId) -> Client:
        """Raises Missing."""
        return client_of((await self._reads.GetClient(pb.GetClientRequest(client_id=client_id))).client)

    async def list_clients(
        self, status: ClientStatus | None, source: RegistrationSource | None, limit: int, offset: int
    ) -> tuple[Client, ...]:
        """Newest first."""
        request = pb.ListClientsRequest(
            status=STATUS[status] if status else pb.CLIENT_STATUS_UNSPECIFIED,
            registration_source=SOURCE[source] if source else pb.REGISTRATION_SOURCE_UNSPECIFIED,
            limit=limit,
            offset=offset,
        )
        return tuple(client_of(each) for each in (await self._writes.ListClients(request)).clients)

    async def create_client(self, operator: Operator, new: NewClient) -> CreatedClient:
        """Raises InvalidClientMetadata, InvalidRedirectUri."""
        answer = await self._writes.CreateClient(
            pb.CreateClientRequest(
                client_name=new.client_name,
                redirect_uris=new.redirect_uris,
                grant_types=new.grant_types,
                response_types=new.response_types,
                token_endpoint_auth_method=new.token_endpoint_auth_method,
                scope=new.scope,
                application_type=new.application_type,
                agent=new.agent,
                agent_description=new.agent_description,
                jwks_uri=new.jwks_uri,
                jwks=new.jwks,
                access_token_lifetime=new.access_token_lifetime,
                tokens_per_minute=new.tokens_per_minute,
                tokens_per_day=new.tokens_per_day,
                operator=acting(operator),
            )
        )
        return CreatedClient(client=client_of(answer.client), client_secret=answer.client_secret)

    async def update_client(self, operator: Operator, client_id: ClientId, change: ClientChange) -> Client:
        """Raises Missing, InvalidClientMetadata, Stale."""
        request = pb.UpdateClientRequest(
            client_id=client_id,
            client_name=change.client_name,
            redirect_uris=_listed(change.redirect_uris),
            grant_types=_listed(change.grant_types),
            scope=change.scope,
            access_token_lifetime=change.access_token_lifetime,
            tokens_per_minute=change.tokens_per_minute,
            tokens_per_day=change.tokens_per_day,
            expected_version=change.expected_version,
            operator=acting(operator),
        )
        return client_of((await self._writes.UpdateClient(request)).client)

    async def set_client_status(self, operator: Operator, client_id: ClientId, status: ClientStatus) -> Client:
        """Raises Missing."""
        request = pb.SetClientStatusRequest(client_id=client_id, status=STATUS[status], operator=acting(operator))
        return client_of((await self._writes.SetClientStatus(request)).client)

    async def rotate_client_secret(self, operator: Operator, client_id: ClientId) -> str:
        """Raises Missing, Conflict."""
        request = pb.RotateClientSecretRequest(client_id=client_id, operator=acting(operator))
        return (await self._writes.RotateClientSecret(request)).client_secret

    async def delete_client(self, operator: Operator, client_id: ClientId, *, force: bool) -> None:
        """Raises Missing."""
        await self._writes.DeleteClient(pb.DeleteClientRequest(client_id=client_id, force=force, operator=acting(operator)))

    async def get_mode(self) -> RegistrationMode:
        """The registration mode in force."""
        return RegistrationMode((await self._writes.GetRegistrationSettings(pb.GetRegistrationSettingsRequest())).mode)

    async def set_mode(self, operator: Operator, mode: RegistrationMode) -> RegistrationMode:
        """The registration mode in force afterwards."""
        request = pb.SetRegistrationModeRequest(mode=mode.value, operator=acting(operator))
        return RegistrationMode((await self._writes.SetRegistrationMode(request)).mode)

    async def count(self) -> int:
        """How many clients are known."""
        return (await self._writes.CountRegistry(pb.CountRegistryRequest())).clients
