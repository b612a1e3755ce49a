"""/admin/clients and /admin/settings/dcr."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.admin.access import Operation
from services.admin.api.http.admission import AdmittedRoute, may
from services.admin.api.http.parameters import Cut, PathId
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
from services.admin.operations.every import Operations


class CreateClient(BaseModel):
    """What a client may be registered with. `jwks` is a JWK set."""

    client_name: str
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""
    scope: str = ""
    application_type: str = ""
    agent: bool = False
    agent_description: str = ""
    jwks_uri: str = ""
    jwks: str = ""
    access_token_lifetime: int = Field(default=0, ge=0, le=2**31)
    tokens_per_minute: int = Field(default=0, ge=0, le=2**31)
    tokens_per_day: int = Field(default=0, ge=0, le=2**31)


class PatchClient(BaseModel):
    """Absent: unchanged. Empty: cleared."""

    client_name: str | None = None
    redirect_uris: tuple[str, ...] | None = None
    grant_types: tuple[str, ...] | None = None
    scope: str | None = None
    access_token_lifetime: int | None = Field(default=None, ge=0, le=2**31)
    tokens_per_minute: int | None = Field(default=None, ge=0, le=2**31)
    tokens_per_day: int | None = Field(default=None, ge=0, le=2**31)
    expected_version: int = Field(default=0, ge=0)


class CreatedView(BaseModel):
    """The registered client in the words of registration; `client_secret` once, and only for a confidential client."""

    client_id: str
    client_secret: str | None = None
    client_name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    token_endpoint_auth_method: str
    scope: str
    agent: bool
    agent_description: str
    status: ClientStatus
    registration_source: RegistrationSource
    issued_at: datetime


class SecretView(BaseModel):
    """The new secret, this once."""

    client_id: str
    client_secret: str


class StatusView(BaseModel):
    """The status afterwards."""

    status: ClientStatus


class Mode(BaseModel):
    """Who may register clients dynamically."""

    mode: RegistrationMode


def created_view(created: CreatedClient) -> CreatedView:
    """In the words of registration: `client_id`, `client_name`."""
    client = {**asdict(created.client), "client_id": created.client.id, "client_name": created.client.name}
    return CreatedView(
        **{name: client[name] for name in CreatedView.model_fields if name in client}, client_secret=created.client_secret or None
    )


def routes(operations: Operations) -> APIRouter:
    """Every route about clients."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/clients", tags=["clients"])
    clients = operations.clients

    @router.get("")
    async def list_clients(
        _: Annotated[Operator, may(Operation.CLIENTS_LIST)],
        cut: Cut,
        status: ClientStatus | None = None,
        source: RegistrationSource | None = None,
    ) -> tuple[Client, ...]:
        return await clients.list(status, source, cut)

    @router.post("", status_code=201, response_model_exclude_none=True)
    async def create_client(operator: Annotated[Operator, may(Operation.CLIENTS_CREATE)], body: CreateClient) -> CreatedView:
        return created_view(await clients.create(operator, NewClient(**dict(body))))

    @router.get("/{client_id}")
    async def get_client(_: Annotated[Operator, may(Operation.CLIENTS_GET)], client_id: PathId) -> Client:
        return await clients.get(ClientId(client_id))

    @router.patch("/{client_id}")
    async def update_client(operator: Annotated[Operator, may(Operation.CLIENTS_UPDATE)], client_id: PathId, body: PatchClient) -> Client:
        return await clients.update(operator, ClientId(client_id), ClientChange(**dict(body)))

    @router.delete("/{client_id}", status_code=204)
    async def delete_client(operator: Annotated[Operator, may(Operation.CLIENTS_DELETE)], client_id: PathId, force: bool = False) -> None:
        await clients.delete(operator, ClientId(client_id), force=force)

    @router.post("/{client_id}/rotate-secret")
    async def rotate_secret(operator: Annotated[Operator, may(Operation.CLIENTS_ROTATE_SECRET)], client_id: PathId) -> SecretView:
        return SecretView(client_id=client_id, client_secret=await clients.rotate_secret(operator, ClientId(client_id)))

    @router.patch("/{client_id}/suspend")
    async def suspend_client(operator: Annotated[Operator, may(Operation.CLIENTS_SUSPEND)], client_id: PathId) -> StatusView:
        return StatusView(status=await clients.suspend(operator, ClientId(client_id)))

    @router.patch("/{client_id}/revoke")
    async def revoke_client(operator: Annotated[Operator, may(Operation.CLIENTS_REVOKE)], client_id: PathId) -> StatusView:
        return StatusView(status=await clients.revoke(operator, ClientId(client_id)))

    @router.patch("/{client_id}/reactivate")
    async def reactivate_client(operator: Annotated[Operator, may(Operation.CLIENTS_REACTIVATE)], client_id: PathId) -> StatusView:
        return StatusView(status=await clients.reactivate(operator, ClientId(client_id)))

    return router


def settings_routes(operations: Operations) -> APIRouter:
    """The registration mode."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/settings/dcr", tags=["settings"])

    @router.get("")
    async def get_registration_mode(_: Annotated[Operator, may(Operation.REGISTRATION_GET_MODE)]) -> Mode:
        return Mode(mode=await operations.registration.get_mode())

    @router.patch("")
    async def set_registration_mode(operator: Annotated[Operator, may(Operation.REGISTRATION_SET_MODE)], body: Mode) -> Mode:
        return Mode(mode=await operations.registration.set_mode(operator, body.mode))

    return router
