"""/admin/stats, /admin/system, /admin/auth and /admin/api-keys."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from services.admin.access import Operation
from services.admin.api.http.admission import AdmittedRoute, may
from services.admin.api.http.parameters import PathId
from services.admin.model.operators import ApiKey, KeyId, NewApiKey, Operator, Role
from services.admin.model.system import Stats, Status
from services.admin.operations.every import Operations


class Verified(BaseModel):
    """The presented key is good, and whose it is."""

    valid: bool
    version: str
    name: str
    role: Role


class CreateApiKey(BaseModel):
    """A key to make. Without `expires_at` it lasts until revoked."""

    name: str
    role: Role
    expires_at: AwareDatetime | None = None


class CreatedApiKey(BaseModel):
    """The key; `secret` is shown this once."""

    id: str
    name: str
    role: Role
    secret: str
    created_at: datetime
    expires_at: datetime | None = None


def _created(made: NewApiKey) -> CreatedApiKey:
    key = made.key
    return CreatedApiKey(id=key.id, name=key.name, role=key.role, secret=made.secret, created_at=key.created_at, expires_at=key.expires_at)


def routes(operations: Operations) -> APIRouter:
    """The plane itself."""
    router = APIRouter(route_class=AdmittedRoute, tags=["system"])
    system = operations.system

    @router.get("/stats")
    async def stats(_: Annotated[Operator, may(Operation.SYSTEM_STATS)]) -> Stats:
        return await system.stats()

    @router.get("/system/status", response_model_exclude_none=True)
    async def status(_: Annotated[Operator, may(Operation.SYSTEM_STATUS)]) -> Status:
        return await system.status()

    @router.get("/system/config")
    async def configuration(_: Annotated[Operator, may(Operation.SYSTEM_CONFIGURATION)]) -> dict[str, Any]:
        return dict(await system.configuration())

    @router.post("/auth/verify")
    async def verify_key(operator: Annotated[Operator, may(Operation.SYSTEM_VERIFY_KEY)]) -> Verified:
        return Verified(valid=True, version=await system.verify_key(operator), name=operator.key_name, role=operator.role)

    return router


def api_key_routes(operations: Operations) -> APIRouter:
    """Named API keys."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/api-keys", tags=["API keys"])
    keys = operations.api_keys

    @router.get("")
    async def list_api_keys(_: Annotated[Operator, may(Operation.API_KEYS_LIST)]) -> list[ApiKey]:
        return list(await keys.list())

    @router.post("", status_code=201)
    async def create_api_key(operator: Annotated[Operator, may(Operation.API_KEYS_CREATE)], body: CreateApiKey) -> CreatedApiKey:
        return _created(await keys.create(operator, body.name, body.role, body.expires_at))

    @router.delete("/{key_id}", status_code=204)
    async def revoke_api_key(operator: Annotated[Operator, may(Operation.API_KEYS_REVOKE)], key_id: PathId) -> None:
        await keys.revoke(operator, KeyId(key_id))

    return router
