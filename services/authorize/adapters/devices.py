"""Waiting devices, at token."""

import grpc
from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.authorize.device import DeviceDecision, DeviceRequest
from services.authorize.model import ClientId


class TokenDevices:
    """Satisfies services.authorize.device.Devices."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.DeviceServiceStub(channel)

    async def find(self, user_code: str) -> DeviceRequest:
        """Raises Missing, Unavailable."""
        found = await self._stub.FindDevice(pb.FindDeviceRequest(user_code=user_code))
        return DeviceRequest(ClientId(found.client_id), found.resource, tuple(found.scopes))

    async def decide(self, decision: DeviceDecision) -> None:
        """Raises Missing, AccessDenied, Unavailable."""
        signed_in_at = Timestamp()
        signed_in_at.FromDatetime(decision.authenticated_at)
        await self._stub.DecideDevice(
            pb.DecideDeviceRequest(
                user_code=decision.user_code,
                user_id=decision.user_id,
                approve=bool(decision.scopes),
                scopes=decision.scopes,
                auth_time=signed_in_at,
                ip=decision.visit.address,
                request_id=decision.visit.request_id,
                trace_id=decision.visit.trace_id,
            )
        )
