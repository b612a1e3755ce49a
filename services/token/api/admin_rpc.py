"""gRPC for operators: TokenAdminService."""

from datetime import UTC, datetime

from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from kit.clock import Clock
from kit.errors import InvalidRequest, Missing
from services.token.inventory import GrantRecord, Inventory, IssuanceFilter
from services.token.keyring import SigningKey
from services.token.lineage import Endings, issuance_named
from services.token.model import Context, IssuedToken, Operator
from services.token.ports import KeyAdministration

# ruff: noqa: N802 - methods are named by the contract


class TokenAdminServicer(rpc.TokenAdminServiceServicer):
    """Message to value, one call, value to message."""

    def __init__(self, *, endings: Endings, inventory: Inventory, keys: KeyAdministration, clock: Clock) -> None:
        self._endings = endings
        self._inventory = inventory
        self._keys = keys
        self._clock = clock

    async def ListGrants(self, request: pb.ListGrantsRequest, context: object) -> pb.ListGrantsResponse:
        """See the proto."""
        if not request.user_id and not request.client_id:
            raise InvalidRequest("user_id or client_id is required")
        found = await self._inventory.grants(request.user_id, request.client_id, request.limit, request.offset)
        return pb.ListGrantsResponse(grants=[grant_message(grant) for grant in found])

    async def RevokeGrant(self, request: pb.RevokeGrantRequest, context: object) -> pb.RevokeGrantResponse:
        """See the proto."""
        ended = await self._endings.grant(request.grant_id, "", operator_of(request.operator))
        return pb.RevokeGrantResponse(revoked_issuances=ended.issuances, revoked_families=ended.families)

    async def ListIssuances(self, request: pb.ListIssuancesRequest, context: object) -> pb.ListIssuancesResponse:
        """See the proto."""
        if not (request.user_id or request.client_id or request.resource or request.jti or request.HasField("since")):
            raise InvalidRequest("at least one filter is required")
        wanted = IssuanceFilter(
            user_id=request.user_id,
            client_id=request.client_id,
            resource=request.resource,
            jti=request.jti,
            since=utc(request.since) if request.HasField("since") else None,
            limit=request.limit,
        )
        return pb.ListIssuancesResponse(issuances=[_issuance(token) for token in await self._inventory.issuances(wanted)])

    async def GetIssuance(self, request: pb.GetIssuanceRequest, context: object) -> pb.GetIssuanceResponse:
        """See the proto."""
        found = await self._inventory.issuance(issuance_named(request.issuance_id))
        if found is None:
            raise Missing("there is no such token")
        return pb.GetIssuanceResponse(issuance=_issuance(found))

    async def RevokeIssuance(self, request: pb.RevokeIssuanceRequest, context: object) -> pb.RevokeIssuanceResponse:
        """See the proto."""
        ended = await self._endings.issuance(request.issuance_id, operator_of(request.operator))
        return pb.RevokeIssuanceResponse(revoked_issuances=ended.issuances)

    async def EndSubject(self, request: pb.EndSubjectRequest, context: object) -> pb.EndSubjectResponse:
        """See the proto."""
        ended = await self._endings.subject(required(request.user_id), operator_of(request.operator))
        return pb.EndSubjectResponse(revoked_families=ended.families, revoked_issuances=ended.issuances)

    async def EndClient(self, request: pb.EndClientRequest, context: object) -> pb.EndClientResponse:
        """See the proto."""
        ended = await self._endings.client(required(request.client_id), operator_of(request.operator))
        return pb.EndClientResponse(revoked_grants=ended.grants, revoked_families=ended.families, revoked_issuances=ended.issuances)

    async def CountLive(self, request: pb.CountLiveRequest, context: object) -> pb.CountLiveResponse:
        """See the proto."""
        live = await self._inventory.count(request.user_id, request.client_id, self._clock.now())
        return pb.CountLiveResponse(
            families=live.families, issuances=live.issuances, issued_today=live.issued_today, revoked_today=live.revoked_today
        )

    async def ListKeys(self, request: pb.ListKeysRequest, context: object) -> pb.ListKeysResponse:
        """See the proto."""
        return pb.ListKeysResponse(keys=[_key(key) for key in await self._keys.load()])

    async def RotateKey(self, request: pb.RotateKeyRequest, context: object) -> pb.RotateKeyResponse:
        """See the proto."""
        return pb.RotateKeyResponse(key=_key(await self._keys.rotate(operator_of(request.operator))))


def operator_of(message: pb.Operator) -> Operator:
    """Who performs a write."""
    return Operator(message.key_name, Context(message.ip, message.request_id, message.trace_id))


def utc(timestamp: Timestamp | None) -> datetime | None:
    """A point in time, aware."""
    return timestamp.ToDatetime(tzinfo=UTC) if timestamp is not None else None


def required(identifier: str) -> str:
    """The id. Raises InvalidRequest when there is none."""
    if not identifier:
        raise InvalidRequest("an id is required")
    return identifier


def _stamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def grant_message(grant: GrantRecord) -> pb.Grant:
    """A consent as the contract has it."""
    return pb.Grant(
        id=grant.id,
        user_id=grant.user_id,
        client_id=grant.client_id,
        resource=grant.resource,
        scopes=grant.scopes,
        created_at=_stamp(grant.created_at),
        updated_at=_stamp(grant.updated_at),
        revoked_at=_stamp(grant.revoked_at),
    )


def _issuance(token: IssuedToken) -> pb.Issuance:
    return pb.Issuance(
        id=str(token.id),
        jti=token.jti,
        subject=token.subject,
        client_id=token.client_id,
        resource=token.resource,
        scopes=token.scope.split(),
        grant_type=token.grant_type,
        grant_id=token.grant_id or "",
        family_id=token.family_id or "",
        parent_jti=token.parent_jti or "",
        dpop_jkt=token.dpop_jkt or "",
        agent_id=token.agent_id or "",
        agent_chain=token.agent_chain,
        issued_at=_stamp(token.issued_at),
        expires_at=_stamp(token.expires_at),
        revoked_at=_stamp(token.revoked_at),
    )


def _key(key: SigningKey) -> pb.SigningKey:
    status = "current" if key.retired_at is None else "previous"
    return pb.SigningKey(kid=key.kid, alg=key.alg.value, status=status, created_at=_stamp(key.created_at))
