"""The device grant through the whole service: the device's requests over HTTP, the person's half over gRPC as authorize."""

from datetime import UTC, datetime

import pytest
from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc

from kit.errors import AccessDenied, InvalidRequest, Missing
from kit.oauth import GrantType
from kit.rpc_faults import PeerFailed
from tests.integration.token import test_app
from tests.integration.token.test_app import ISSUER, Running, client
from tests.support.fakes_token import NOTES

running = test_app.running

GRANT = GrantType.DEVICE_CODE.value


async def test_a_device_is_authorized_by_a_person_elsewhere(running: Running) -> None:
    """T9."""
    running.registry.clients["tv"] = client("tv", "none", [GRANT, "refresh_token"])
    begun = (await running.post("/oauth/device_authorization", {"client_id": "tv", "resource": NOTES.uri})).json
    assert begun["verification_uri"] == f"{ISSUER}/device"
    poll = {"grant_type": GRANT, "device_code": begun["device_code"], "client_id": "tv"}
    assert (await running.post("/oauth/token", poll)).error == "authorization_pending"

    person = rpc.DeviceServiceStub(running.channel_as("authorize"))
    found = await person.FindDevice(pb.FindDeviceRequest(user_code=begun["user_code"].lower()))
    assert (found.client_id, found.resource, list(found.scopes)) == ("tv", NOTES.uri, list(NOTES.scopes))
    assert found.expires_at.ToDatetime(UTC) > datetime.now(UTC)
    with pytest.raises(Missing):
        await person.FindDevice(pb.FindDeviceRequest(user_code="BCDF-GHJK"))
    decision = pb.DecideDeviceRequest(user_code=begun["user_code"], user_id="ada", approve=True, scopes=["notes:read"], ip="192.0.2.7")
    with pytest.raises(InvalidRequest):
        await person.DecideDevice(pb.DecideDeviceRequest(user_code=begun["user_code"], approve=True, scopes=["notes:read"]))
    await person.DecideDevice(decision)
    with pytest.raises(Missing):
        await person.DecideDevice(decision)

    answer = await running.post("/oauth/token", poll)
    assert (answer.status, answer.json["scope"]) == (200, "notes:read")
    admin = rpc.TokenAdminServiceStub(running.channel_as("admin"))
    (issued,) = (await admin.ListIssuances(pb.ListIssuancesRequest(user_id="ada"))).issuances
    assert (issued.grant_type, issued.client_id) == (GRANT, "tv")
    assert len((await admin.ListGrants(pb.ListGrantsRequest(user_id="ada"))).grants) == 1


async def test_a_refused_person_cannot_approve(running: Running) -> None:
    running.registry.clients["tv"] = client("tv", "none", [GRANT])
    begun = (await running.post("/oauth/device_authorization", {"client_id": "tv"})).json
    await rpc.SubjectServiceStub(running.channel_as("authorize")).RefuseSubject(pb.RefuseSubjectRequest(user_id="ada", reason="disabled"))
    person = rpc.DeviceServiceStub(running.channel_as("authorize"))
    with pytest.raises(AccessDenied):
        await person.DecideDevice(pb.DecideDeviceRequest(user_code=begun["user_code"], user_id="ada", approve=True, scopes=NOTES.scopes))


async def test_only_authorize_speaks_for_people(running: Running) -> None:
    """Law: one gRPC service per privilege."""
    for peer in ("admin", "registry", "vault"):
        with pytest.raises(PeerFailed):
            await rpc.DeviceServiceStub(running.channel_as(peer)).FindDevice(pb.FindDeviceRequest(user_code="BCDF-GHJK"))


async def test_the_ceiling_registry_keeps_narrows_what_a_device_asks_for(running: Running) -> None:
    """A2, wire contract §3.7."""
    running.registry.clients["tv"] = client("tv", "none", [GRANT], scope="notes:write")
    begun = (await running.post("/oauth/device_authorization", {"client_id": "tv", "resource": "notes"})).json
    person = rpc.DeviceServiceStub(running.channel_as("authorize"))
    assert list((await person.FindDevice(pb.FindDeviceRequest(user_code=begun["user_code"]))).scopes) == ["notes:write"]
