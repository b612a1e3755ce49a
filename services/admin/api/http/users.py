"""/admin/users."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from services.admin.access import Operation
from services.admin.api.http.admission import AdmittedRoute, may
from services.admin.api.http.parameters import Cut, PathId
from services.admin.model.operators import Operator
from services.admin.model.tokens import ConsentGrant, Issuance
from services.admin.model.users import NewUser, User, UserChange, UserId, UserStatus
from services.admin.operations.every import Operations
from services.admin.paging import Paging


class CreateUser(BaseModel):
    """A person with a password. A role other than `admin` means `user`."""

    email: str = ""
    password: str = ""
    name: str = ""
    role: str = "user"


class PatchUser(BaseModel):
    """Absent: unchanged."""

    email: str | None = None
    name: str | None = None


class StatusView(BaseModel):
    """The status afterwards."""

    status: UserStatus


class Grants(BaseModel):
    """What the user has allowed, active and revoked."""

    consent_grants: tuple[ConsentGrant, ...]
    broker_grants: tuple[ConsentGrant, ...] = ()


class TokenList(BaseModel):
    """What was issued, newest first."""

    tokens: tuple[Issuance, ...]


class EndedView(BaseModel):
    """How much ended. `revoked` repeats `tokens_revoked` under its other name."""

    user_id: str
    tokens_revoked: int
    sessions_ended: int
    revoked: int


def routes(operations: Operations) -> APIRouter:
    """Everything about people but what was issued for them."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/users", tags=["users"])
    users = operations.users

    @router.get("")
    async def list_users(
        _: Annotated[Operator, may(Operation.USERS_LIST)], limit: int | None = None, offset: int | None = None
    ) -> tuple[User, ...]:
        unpaged = limit is None and offset is None
        return await users.list(None if unpaged else Paging(limit=limit or 0, offset=offset or 0))

    @router.post("", status_code=201)
    async def create_user(operator: Annotated[Operator, may(Operation.USERS_CREATE)], body: CreateUser) -> User:
        role = "admin" if body.role == "admin" else "user"
        return await users.create(operator, NewUser(email=body.email, password=body.password, name=body.name, role=role))

    @router.get("/{user_id}")
    async def get_user(_: Annotated[Operator, may(Operation.USERS_GET)], user_id: PathId) -> User:
        return await users.get(UserId(user_id))

    @router.patch("/{user_id}")
    async def update_user(operator: Annotated[Operator, may(Operation.USERS_UPDATE)], user_id: PathId, body: PatchUser) -> User:
        return await users.update(operator, UserId(user_id), UserChange(email=body.email, name=body.name))

    @router.delete("/{user_id}", status_code=204)
    async def delete_user(operator: Annotated[Operator, may(Operation.USERS_DELETE)], user_id: PathId, force: bool = False) -> None:
        await users.delete(operator, UserId(user_id), force=force)

    @router.patch("/{user_id}/disable")
    async def disable_user(operator: Annotated[Operator, may(Operation.USERS_DISABLE)], user_id: PathId) -> StatusView:
        return StatusView(status=await users.disable(operator, UserId(user_id)))

    @router.patch("/{user_id}/enable")
    async def enable_user(operator: Annotated[Operator, may(Operation.USERS_ENABLE)], user_id: PathId) -> StatusView:
        return StatusView(status=await users.enable(operator, UserId(user_id)))

    return router


def token_routes(operations: Operations) -> APIRouter:
    """What was issued for a person."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/users", tags=["users"])

    @router.get("/{user_id}/grants", response_model_exclude_none=True)
    async def list_user_grants(_: Annotated[Operator, may(Operation.TOKENS_LIST_GRANTS)], user_id: PathId) -> Grants:
        return Grants(consent_grants=await operations.tokens.list_grants(user_id))

    @router.get("/{user_id}/tokens", response_model_exclude_none=True)
    async def list_user_tokens(_: Annotated[Operator, may(Operation.TOKENS_LIST_RECENT)], user_id: PathId, cut: Cut) -> TokenList:
        return TokenList(tokens=await operations.tokens.list_recent(user_id, "", cut))

    @router.delete("/{user_id}/tokens")
    async def force_logout(operator: Annotated[Operator, may(Operation.USERS_FORCE_LOGOUT)], user_id: PathId) -> EndedView:
        ended = await operations.users.force_logout(operator, UserId(user_id))
        return EndedView(
            user_id=ended.user_id, tokens_revoked=ended.tokens_revoked, sessions_ended=ended.sessions_ended, revoked=ended.tokens_revoked
        )

    return router
