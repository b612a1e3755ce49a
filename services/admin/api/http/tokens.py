"""/admin/issuances, /admin/tokens, /admin/grants and /admin/keys."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from services.admin.access import Operation
from services.admin.api.http.admission import AdmittedRoute, may
from services.admin.api.http.parameters import Cut, Moment, PathId, Text
from services.admin.api.http.users import TokenList
from services.admin.model.operators import Operator
from services.admin.model.tokens import GrantId, Issuance, IssuanceFilter, IssuanceId, Issuances, SigningKey
from services.admin.operations.every import Operations


class KeyList(BaseModel):
    """The signing keys that are published."""

    keys: tuple[SigningKey, ...]


class RotatedKey(BaseModel):
    """The key that signs from now on."""

    kid: str
    alg: str


def routes(operations: Operations) -> APIRouter:
    """Everything about what was allowed and handed out."""
    router = APIRouter(route_class=AdmittedRoute, tags=["tokens"])
    tokens = operations.tokens

    @router.delete("/grants/consent/{grant_id}", status_code=204)
    async def revoke_consent(operator: Annotated[Operator, may(Operation.TOKENS_REVOKE_GRANT)], grant_id: PathId) -> None:
        await tokens.revoke_grant(operator, GrantId(grant_id))

    @router.get("/issuances", response_model_exclude_none=True)
    async def list_issuances(
        _: Annotated[Operator, may(Operation.TOKENS_LIST_ISSUANCES)],
        user: Text = "",
        client: Text = "",
        resource: Text = "",
        jti: Text = "",
        since: Moment = None,
        limit: int | None = None,
    ) -> Issuances:
        return await tokens.list_issuances(IssuanceFilter(user=user, client=client, resource=resource, jti=jti, since=since, limit=limit))

    @router.get("/issuances/{issuance_id}", response_model_exclude_none=True)
    async def get_issuance(_: Annotated[Operator, may(Operation.TOKENS_GET_ISSUANCE)], issuance_id: PathId) -> Issuance:
        return await tokens.get_issuance(IssuanceId(issuance_id))

    @router.delete("/issuances/{issuance_id}", status_code=204)
    async def revoke_issuance(operator: Annotated[Operator, may(Operation.TOKENS_REVOKE_ISSUANCE)], issuance_id: PathId) -> None:
        await tokens.revoke_issuance(operator, IssuanceId(issuance_id))

    @router.get("/tokens", response_model_exclude_none=True)
    async def list_tokens(
        _: Annotated[Operator, may(Operation.TOKENS_LIST_RECENT)], cut: Cut, client_id: Text = "", user_id: Text = ""
    ) -> TokenList:
        return TokenList(tokens=await tokens.list_recent(user_id, client_id, cut))

    @router.delete("/tokens/{jti}", status_code=204)
    async def revoke_token(operator: Annotated[Operator, may(Operation.TOKENS_REVOKE_ISSUANCE)], jti: PathId) -> None:
        await tokens.revoke_issuance(operator, IssuanceId(jti))

    return router


def key_routes(operations: Operations) -> APIRouter:
    """The signing keys."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/keys", tags=["keys"])

    @router.get("")
    async def list_keys(_: Annotated[Operator, may(Operation.KEYS_LIST)]) -> KeyList:
        return KeyList(keys=await operations.keys.list())

    @router.post("/rotate")
    async def rotate_key(operator: Annotated[Operator, may(Operation.KEYS_ROTATE)]) -> RotatedKey:
        key = await operations.keys.rotate(operator)
        return RotatedKey(kid=key.kid, alg=key.alg)

    return router
