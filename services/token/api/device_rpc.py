"""gRPC for authorize's /device page: DeviceService."""

from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import InvalidRequest
from services.token.api.admin_rpc import utc
from services.token.device_decisions import DeviceDecisions
from services.token.devices import Verdict
from services.token.model import Context, UserId

# ruff: noqa: N802 - methods are named by the contract


class DeviceServicer(rpc.DeviceServiceServicer):
    """What a person's code asks for, and what the person says."""

    def __init__(self, decisions: DeviceDecisions) -> None:
        self._decisions = decisions

    async def FindDevice(self, request: pb.FindDeviceRequest, context: object) -> pb.FindDeviceResponse:
        """See the proto."""
        device = await self._decisions.find(request.user_code)
        expires_at = Timestamp()
        expires_at.FromDatetime(device.expires_at)
        return pb.FindDeviceResponse(client_id=device.client_id, resource=device.resource, scopes=device.scopes, expires_at=expires_at)

    async def DecideDevice(self, request: pb.DecideDeviceRequest, context: object) -> pb.DecideDeviceResponse:
        """See the proto."""
        if not request.user_id:
            raise InvalidRequest("user_id is required")
        auth_time: Timestamp | None = request.auth_time if request.HasField("auth_time") else None
        verdict = Verdict(
            user_id=UserId(request.user_id),
            approve=request.approve,
            scopes=tuple(dict.fromkeys(request.scopes)),
            auth_time=utc(auth_time),
            context=Context(request.ip, request.request_id, request.trace_id),
        )
        await self._decisions.decide(request.user_code, verdict)
        return pb.DecideDeviceResponse()
