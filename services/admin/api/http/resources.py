"""/admin/resources."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from kit.errors import InvalidRequest
from services.admin.access import Operation
from services.admin.api.http.admission import AdmittedRoute, may
from services.admin.api.http.parameters import PathId, Text
from services.admin.model.operators import Operator
from services.admin.model.resources import BackendKind, NewResource, Policy, Resource, ResourceChange, Scope
from services.admin.operations.every import Operations


class CreateResource(BaseModel):
    """A resource to describe. `scopes` as in the view."""

    slug: str
    backend_kind: BackendKind
    uri: str = ""
    display_name: str = ""
    description: str = ""
    broker_provider_id: str = ""
    scopes: tuple[Scope, ...] = ()
    policy: Policy = Policy()
    access_token_lifetime: int = Field(default=0, ge=0, le=2**31)


class PatchResource(BaseModel):
    """Absent: unchanged. Empty: cleared. Lists replace wholesale."""

    slug: str | None = None
    uri: str | None = None
    backend_kind: BackendKind | None = None
    display_name: str | None = None
    description: str | None = None
    scopes: tuple[Scope, ...] | None = None
    policy: Policy | None = None
    access_token_lifetime: int | None = Field(default=None, ge=0, le=2**31)
    expected_version: int = Field(default=0, ge=0)


def routes(operations: Operations) -> APIRouter:
    """Everything about resources but their policy lists."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/resources", tags=["resources"])
    resources = operations.resources

    @router.get("")
    async def list_resources(
        _: Annotated[Operator, may(Operation.RESOURCES_LIST)], slug: Text = "", backend_kind: BackendKind | None = None
    ) -> tuple[Resource, ...]:
        return await resources.list(slug, backend_kind)

    @router.post("", status_code=201)
    async def create_resource(operator: Annotated[Operator, may(Operation.RESOURCES_CREATE)], body: CreateResource) -> Resource:
        return await resources.create(operator, NewResource(**dict(body)))

    @router.get("/{resource_id}")
    async def get_resource(_: Annotated[Operator, may(Operation.RESOURCES_GET)], resource_id: PathId) -> Resource:
        return await resources.get(resource_id)

    @router.patch("/{resource_id}")
    async def update_resource(
        operator: Annotated[Operator, may(Operation.RESOURCES_UPDATE)], resource_id: PathId, body: PatchResource
    ) -> Resource:
        if body.backend_kind not in {None, (await resources.get(resource_id)).backend_kind}:
            raise InvalidRequest("backend_kind cannot change; create another resource")
        members = {name: value for name, value in body if name != "backend_kind"}
        return await resources.update(operator, resource_id, ResourceChange(**members))

    @router.delete("/{resource_id}", status_code=204)
    async def delete_resource(
        operator: Annotated[Operator, may(Operation.RESOURCES_DELETE)], resource_id: PathId, cascade: bool = False
    ) -> None:
        await resources.delete(operator, resource_id, cascade=cascade)

    return router
