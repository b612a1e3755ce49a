"""/admin/resources/{slug}/policy/*: three lists, changed one entry at a time."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.admin.access import Operation
from services.admin.api.http.admission import SmallBodyRoute, may
from services.admin.api.http.parameters import PathId
from services.admin.model.operators import Operator
from services.admin.operations.every import Operations
from services.admin.operations.policies import PolicyList


class ClientEntry(BaseModel):
    """A client to add."""

    model_config = ConfigDict(extra="forbid")
    client_id: str = Field(min_length=1, max_length=256)


class UrlEntry(BaseModel):
    """A return URL to add."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(min_length=1, max_length=2048)


class ExchangeClients(BaseModel):
    """The list as it is now."""

    allowed_client_ids: tuple[str, ...]


class RuntimeClients(BaseModel):
    """The list as it is now."""

    client_ids: tuple[str, ...]


class ReturnUrls(BaseModel):
    """The list as it is now."""

    allowed_return_urls: tuple[str, ...]


def exchange_routes(operations: Operations) -> APIRouter:
    """Who may exchange another client's token into the resource."""
    router = APIRouter(route_class=SmallBodyRoute, prefix="/resources/{slug}/policy/exchange/allowed-clients", tags=["resource policy"])
    policies, which = operations.policies, PolicyList.EXCHANGE_CLIENTS

    @router.get("")
    async def read(_: Annotated[Operator, may(Operation.POLICIES_READ)], slug: PathId) -> ExchangeClients:
        return ExchangeClients(allowed_client_ids=await policies.read(slug, which))

    @router.post("")
    async def add(operator: Annotated[Operator, may(Operation.POLICIES_ADD)], slug: PathId, body: ClientEntry) -> ExchangeClients:
        return ExchangeClients(allowed_client_ids=await policies.add(operator, slug, which, body.client_id))

    @router.delete("/{client_id}")
    async def remove(operator: Annotated[Operator, may(Operation.POLICIES_REMOVE)], slug: PathId, client_id: PathId) -> ExchangeClients:
        return ExchangeClients(allowed_client_ids=await policies.remove(operator, slug, which, client_id))

    return router


def runtime_routes(operations: Operations) -> APIRouter:
    """Who acts as the resource itself."""
    router = APIRouter(route_class=SmallBodyRoute, prefix="/resources/{slug}/policy/runtime/client-ids", tags=["resource policy"])
    policies, which = operations.policies, PolicyList.RUNTIME_CLIENTS

    @router.get("")
    async def read(_: Annotated[Operator, may(Operation.POLICIES_READ)], slug: PathId) -> RuntimeClients:
        return RuntimeClients(client_ids=await policies.read(slug, which))

    @router.post("")
    async def add(operator: Annotated[Operator, may(Operation.POLICIES_ADD)], slug: PathId, body: ClientEntry) -> RuntimeClients:
        return RuntimeClients(client_ids=await policies.add(operator, slug, which, body.client_id))

    @router.delete("/{client_id}")
    async def remove(operator: Annotated[Operator, may(Operation.POLICIES_REMOVE)], slug: PathId, client_id: PathId) -> RuntimeClients:
        return RuntimeClients(client_ids=await policies.remove(operator, slug, which, client_id))

    return router


def return_url_routes(operations: Operations) -> APIRouter:
    """Where a browser may return after connecting an upstream account."""
    router = APIRouter(route_class=SmallBodyRoute, prefix="/resources/{slug}/policy/connect/allowed-return-urls", tags=["resource policy"])
    policies, which = operations.policies, PolicyList.RETURN_URLS

    @router.get("")
    async def read(_: Annotated[Operator, may(Operation.POLICIES_READ)], slug: PathId) -> ReturnUrls:
        return ReturnUrls(allowed_return_urls=await policies.read(slug, which))

    @router.post("")
    async def add(operator: Annotated[Operator, may(Operation.POLICIES_ADD)], slug: PathId, body: UrlEntry) -> ReturnUrls:
        return ReturnUrls(allowed_return_urls=await policies.add(operator, slug, which, body.url))

    @router.delete("")
    async def remove(operator: Annotated[Operator, may(Operation.POLICIES_REMOVE)], slug: PathId, url: str) -> ReturnUrls:
        return ReturnUrls(allowed_return_urls=await policies.remove(operator, slug, which, url))

    return router
