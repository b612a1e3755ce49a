"""TokenService."""
# ruff: noqa: N802 - methods are named by the contract

from authserver.admin.v1 import admin_pb2 as pb
from authserver.admin.v1.admin_pb2_grpc import TokenServiceServicer

from services.admin.access import Operation
from services.admin.api.rpc.admission import Door, needs
from services.admin.api.rpc.wire import identifier, moment_or_none, written
from services.admin.model.operators import Operator
from services.admin.model.tokens import GrantId, IssuanceFilter, IssuanceId


class TokenRpc(Door, TokenServiceServicer):
    """Grants, issuances and signing keys."""

    @needs(Operation.TOKENS_LIST_GRANTS)
    async def ListUserGrants(self, _: Operator, request: pb.ListUserGrantsRequest) -> pb.ListUserGrantsResponse:
        """Active and revoked, newest first."""
        grants = await self.operations.tokens.list_grants(identifier(request.user_id, "user_id"))
        return pb.ListUserGrantsResponse(consent_grants=[written(pb.ConsentGrant, each) for each in grants])

    @needs(Operation.TOKENS_REVOKE_GRANT)
    async def RevokeConsentGrant(self, operator: Operator, request: pb.RevokeConsentGrantRequest) -> pb.RevokeConsentGrantResponse:
        """Nothing."""
        await self.operations.tokens.revoke_grant(operator, GrantId(identifier(request.grant_id, "grant_id")))
        return pb.RevokeConsentGrantResponse()

    @needs(Operation.TOKENS_LIST_ISSUANCES)
    async def ListIssuances(self, _: Operator, request: pb.ListIssuancesRequest) -> pb.ListIssuancesResponse:
        """Newest first."""
        wanted = IssuanceFilter(
            user=request.user,
            client=request.client,
            resource=request.resource,
            jti=request.jti,
            since=moment_or_none(request, "since"),
            limit=request.limit or None,
        )
        found = await self.operations.tokens.list_issuances(wanted)
        return pb.ListIssuancesResponse(issuances=[written(pb.Issuance, each) for each in found.issuances])

    @needs(Operation.TOKENS_GET_ISSUANCE)
    async def GetIssuance(self, _: Operator, request: pb.GetIssuanceRequest) -> pb.GetIssuanceResponse:
        """One issuance."""
        found = await self.operations.tokens.get_issuance(IssuanceId(identifier(request.issuance_id, "issuance_id")))
        return pb.GetIssuanceResponse(issuance=written(pb.Issuance, found))

    @needs(Operation.TOKENS_REVOKE_ISSUANCE)
    async def RevokeIssuance(self, operator: Operator, request: pb.RevokeIssuanceRequest) -> pb.RevokeIssuanceResponse:
        """Nothing."""
        await self.operations.tokens.revoke_issuance(operator, IssuanceId(identifier(request.issuance_id, "issuance_id")))
        return pb.RevokeIssuanceResponse()

    @needs(Operation.KEYS_LIST)
    async def ListKeys(self, _: Operator, request: pb.ListKeysRequest) -> pb.ListKeysResponse:
        """The keys that are published."""
        return pb.ListKeysResponse(keys=[written(pb.SigningKey, each) for each in await self.operations.keys.list()])

    @needs(Operation.KEYS_ROTATE)
    async def RotateKey(self, operator: Operator, request: pb.RotateKeyRequest) -> pb.RotateKeyResponse:
        """The key that signs from now on."""
        return written(pb.RotateKeyResponse, await self.operations.keys.rotate(operator))
