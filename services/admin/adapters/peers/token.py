"""Grants, issuances, keys and what still lives, at token."""

import grpc.aio
from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1.token_pb2_grpc import TokenAdminServiceStub

from kit.rpc_client import LONG
from services.admin.adapters.peers.wire import moment, moment_or_none, stamped
from services.admin.model.clients import ClientId
from services.admin.model.operators import Operator
from services.admin.model.tokens import ConsentGrant, EndedTokens, GrantId, Issuance, IssuanceFilter, IssuanceId, Live, SigningKey
from services.admin.model.users import UserId

MINTED = "mint"
GRANTS_PAGE = 100


def _acting(operator: Operator) -> pb.Operator:
    origin = operator.origin
    return pb.Operator(key_name=operator.key_name, ip=origin.ip, request_id=origin.request_id, trace_id=origin.trace_id)


def grant_of(message: pb.Grant) -> ConsentGrant:
    """The grant; `resource_id` is for the caller to fill in."""
    return ConsentGrant(
        id=GrantId(message.id),
        user_id=message.user_id,
        client_id=message.client_id,
        resource_id="",
        resource=message.resource,
        scopes=tuple(message.scopes),
        created_at=moment(message, "created_at"),
        updated_at=moment(message, "updated_at"),
        revoked_at=moment_or_none(message, "revoked_at"),
    )


def issuance_of(message: pb.Issuance) -> Issuance:
    """The issuance; `resource_id` is for the caller to fill in. Only what carries a jti can be revoked."""
    return Issuance(
        id=IssuanceId(message.id),
        jti=message.jti,
        subject_user_id=message.subject,
        client_id=message.client_id,
        resource_id="",
        resource=message.resource,
        scopes=tuple(message.scopes),
        backend_kind=MINTED,
        revocable=bool(message.jti),
        grant_type=message.grant_type,
        issued_at=moment(message, "issued_at"),
        expires_at=moment(message, "expires_at"),
        revoked_at=moment_or_none(message, "revoked_at"),
        dpop_jkt=message.dpop_jkt or None,
        agent_id=message.agent_id or None,
        agent_chain=tuple(message.agent_chain),
        parent_jti=message.parent_jti or None,
    )


def _key_of(message: pb.SigningKey) -> SigningKey:
    return SigningKey(kid=message.kid, alg=message.alg, use="sig", status=message.status)


class TokenAdmin:
    """Implements LiveTokens, TokenRecords and SigningKeys."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = TokenAdminServiceStub(channel)

    async def count_live(self, *, user_id: str = "", client_id: str = "") -> Live:
        """For a user, a client, or with neither the whole plane."""
        answer = await self._stub.CountLive(pb.CountLiveRequest(user_id=user_id, client_id=client_id))
        return Live(
            families=answer.families, issuances=answer.issuances, issued_today=answer.issued_today, revoked_today=answer.revoked_today
        )

    async def end_client(self, operator: Operator, client_id: ClientId) -> EndedTokens:
        """End every grant, family and live issuance of the client."""
        answer = await self._stub.EndClient(pb.EndClientRequest(client_id=client_id, operator=_acting(operator)), timeout=LONG)
        return EndedTokens(families=answer.revoked_families, issuances=answer.revoked_issuances)

    async def end_subject(self, operator: Operator, user_id: UserId) -> EndedTokens:
        """End every family and live issuance of the user."""
        answer = await self._stub.EndSubject(pb.EndSubjectRequest(user_id=user_id, operator=_acting(operator)), timeout=LONG)
        return EndedTokens(families=answer.revoked_families, issuances=answer.revoked_issuances)

    async def list_grants(self, user_id: str) -> tuple[ConsentGrant, ...]:
        """All of them, newest first."""
        grants: list[ConsentGrant] = []
        while page := (await self._stub.ListGrants(pb.ListGrantsRequest(user_id=user_id, limit=GRANTS_PAGE, offset=len(grants)))).grants:
            grants.extend(grant_of(each) for each in page)
            if len(page) < GRANTS_PAGE:
                break
        return tuple(grants)

    async def revoke_grant(self, operator: Operator, grant_id: GrantId) -> None:
        """Raises Missing."""
        await self._stub.RevokeGrant(pb.RevokeGrantRequest(grant_id=grant_id, operator=_acting(operator)), timeout=LONG)

    async def list_issuances(self, wanted: IssuanceFilter) -> tuple[Issuance, ...]:
        """Newest first."""
        request = pb.ListIssuancesRequest(
            user_id=wanted.user,
            client_id=wanted.client,
            resource=wanted.resource,
            jti=wanted.jti,
            since=stamped(wanted.since),
            limit=wanted.limit or 0,
        )
        return tuple(issuance_of(each) for each in (await self._stub.ListIssuances(request)).issuances)

    async def get_issuance(self, issuance_id: IssuanceId) -> Issuance:
        """Raises Missing."""
        return issuance_of((await self._stub.GetIssuance(pb.GetIssuanceRequest(issuance_id=issuance_id))).issuance)

    async def revoke_issuance(self, operator: Operator, issuance_id: IssuanceId) -> None:
        """Raises Missing."""
        await self._stub.RevokeIssuance(pb.RevokeIssuanceRequest(issuance_id=issuance_id, operator=_acting(operator)), timeout=LONG)

    async def list_keys(self) -> tuple[SigningKey, ...]:
        """The current key and those still published."""
        return tuple(_key_of(each) for each in (await self._stub.ListKeys(pb.ListKeysRequest())).keys)

    async def rotate_key(self, operator: Operator) -> SigningKey:
        """The key that signs from now on."""
        return _key_of((await self._stub.RotateKey(pb.RotateKeyRequest(operator=_acting(operator)), timeout=LONG)).key)
