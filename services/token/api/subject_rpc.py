"""gRPC for the service that knows people: SubjectService. It reaches one named person's things, and nothing of an operator's."""

from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc

from services.token.api.admin_rpc import grant_message, operator_of, required
from services.token.inventory import Inventory
from services.token.lineage import Endings
from services.token.model import Context, Operator

# ruff: noqa: N802 - methods are named by the contract


class SubjectServicer(rpc.SubjectServiceServicer):
    """Message to value, one call, value to message."""

    def __init__(self, *, endings: Endings, inventory: Inventory) -> None:
        self._endings = endings
        self._inventory = inventory

    async def RefuseSubject(self, request: pb.RefuseSubjectRequest, context: object) -> pb.RefuseSubjectResponse:
        """See the proto."""
        await self._endings.refuse(required(request.user_id), request.reason, operator_of(request.operator))
        return pb.RefuseSubjectResponse()

    async def AllowSubject(self, request: pb.AllowSubjectRequest, context: object) -> pb.AllowSubjectResponse:
        """See the proto."""
        await self._endings.allow(required(request.user_id), operator_of(request.operator))
        return pb.AllowSubjectResponse()

    async def ListSubjectGrants(self, request: pb.ListSubjectGrantsRequest, context: object) -> pb.ListSubjectGrantsResponse:
        """See the proto."""
        found = await self._inventory.grants(required(request.user_id), "", request.limit, request.offset)
        return pb.ListSubjectGrantsResponse(grants=[grant_message(grant) for grant in found])

    async def RevokeSubjectGrant(self, request: pb.RevokeSubjectGrantRequest, context: object) -> pb.RevokeSubjectGrantResponse:
        """See the proto."""
        person = Operator("", Context(request.ip, request.request_id, request.trace_id))
        await self._endings.grant(request.grant_id, required(request.user_id), person)
        return pb.RevokeSubjectGrantResponse()
