"""Authorize's side of its calls, over real gRPC: what is cached, what clears it, and which fault means what."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from authserver.registry.v1 import registry_pb2 as pb

from kit.errors import InvalidClient, Missing, Unavailable
from kit.rpc_client import open_channel
from services.authorize.adapters.devices import TokenDevices
from services.authorize.adapters.grants import TokenGrants
from services.authorize.adapters.registry import RegistryRecords
from services.authorize.adapters.token import TokenClientAuthentication, TokenCodes
from services.authorize.checks import accepted
from services.authorize.device import DeviceDecision, DeviceRequest
from services.authorize.interaction import Needed
from services.authorize.model import ClientId, Visit
from services.authorize.ports import CodeRequest, Consent
from services.authorize.pushed import Proof
from services.authorize.refusals import DocumentNotAcceptable, DocumentUnreachable, UnknownClient
from tests.integration.authorize.peers import Peers, running_peers
from tests.support.clock import MIDSUMMER
from tests.support.fakes_authorize import NOTES, new_id
from tests.support.tls import Authority
from tests.unit.authorize.test_checks import asked as a_request

VISIT = Visit("203.0.113.9", "req", "0" * 32)


@dataclass
class Line:
    peers: Peers
    records: RegistryRecords
    token: grpc.aio.Channel


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    authority = Authority(tmp_path)
    async with running_peers(authority) as peers:
        ours = authority.files("authorize")
        registry, token = open_channel(peers.registry_target, ours, "registry"), open_channel(peers.token_target, ours, "token")
        yield Line(peers, RegistryRecords(registry), token)
        await registry.close(None)
        await token.close(None)


async def test_records_are_asked_for_once(line: Line) -> None:
    """Law 1: warm caches, no hop."""
    clients = [await line.records.client("client-a", VISIT) for _ in range(3)]
    assert (clients[0].ceiling, clients[0].first_seen) == (("notes:read", "notes:write"), True)
    await asyncio.gather(*(line.records.resource(NOTES.uri) for _ in range(5)))
    assert [resource.brokered for resource in await line.records.mints()] == [False]
    assert line.peers.registry.asked == ["client-a", NOTES.uri, "all"]


@pytest.mark.parametrize(
    ("client_id", "error"),
    [
        ("nobody", UnknownClient),
        ("https://bad.example/c.json", DocumentNotAcceptable),
        ("https://down.example/c.json", DocumentUnreachable),
        ("x" * 3000, UnknownClient),
    ],
)
async def test_each_fault_of_a_client_has_its_own_name(line: Line, client_id: str, error: type[Exception]) -> None:
    """C5."""
    for _ in range(2):
        with pytest.raises(error):
            await line.records.client(client_id, VISIT)


async def test_an_unknown_resource_comes_with_the_closest_one(line: Line) -> None:
    """A3."""
    with pytest.raises(Missing) as caught:
        await line.records.resource("https://notes.example/mpc")
    assert caught.value.members["closest"] == NOTES.uri


async def test_registry_out_of_reach_is_not_the_documents_fault(tmp_path: Path) -> None:
    """C5, law 10."""
    channel = open_channel("127.0.0.1:1", Authority(tmp_path).files("authorize"), "registry")
    with pytest.raises(Unavailable):
        await RegistryRecords(channel).client("https://app.example/c.json", VISIT)
    await channel.close(None)


async def test_a_change_reaches_us_at_once_and_a_gap_clears_everything(line: Line) -> None:
    """Architecture §6."""
    registry, records = line.peers.registry, line.records
    watching = asyncio.create_task(records.watch())
    await asyncio.wait_for(registry.watching.wait(), 5)

    async def name() -> str:
        return (await records.client("client-a", VISIT)).name

    async def is_renamed_by(change: pb.WatchChangesResponse | None, new: str) -> None:
        # The stream's first message clears everything and may still be on its way.
        await asyncio.sleep(0.2)
        await name()
        registry.name = new
        assert await name() != new
        registry.changes.put_nowait(change)
        for _ in range(500):
            if await name() == new:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{new} did not arrive")

    await is_renamed_by(pb.WatchChangesResponse(revision=8, kind=pb.CHANGE_KIND_CLIENT, key="client-a"), "one")
    await is_renamed_by(pb.WatchChangesResponse(revision=12, kind=pb.CHANGE_KIND_RESOURCE, key="r"), "gap")
    await is_renamed_by(None, "stream ended")
    await asyncio.wait_for(registry.watching.wait(), 5)
    await is_renamed_by(pb.WatchChangesResponse(revision=8, kind=pb.CHANGE_KIND_CLIENT, key="client-a"), "watched again")
    watching.cancel()


async def test_a_code_request_carries_everything_the_code_is_bound_to(line: Line) -> None:
    request = accepted(a_request(dpop_jkt="j" * 43), MIDSUMMER)
    user = new_id()
    codes = TokenCodes(line.token)
    asked = CodeRequest(request, user, MIDSUMMER, "https://app.example", VISIT)
    assert await codes.issue(asked) == Needed((), ("notes:read",), first_time=True)
    consented = CodeRequest(request, user, MIDSUMMER, "https://app.example", VISIT, Consent(("notes:read",), remember=False))
    assert await codes.issue(consented) == "the-code"
    [sent] = line.peers.token.issued
    assert (sent.user_id, sent.client_id, sent.resource, list(sent.scopes)) == (user, "client-a", NOTES.uri, ["notes:read"])
    assert (sent.redirect_origin, sent.dpop_jkt, sent.code_challenge) == ("https://app.example", "j" * 43, request.code_challenge)
    assert (list(sent.consent.scopes), sent.consent.remember, sent.ip, sent.request_id) == (["notes:read"], False, "203.0.113.9", "req")
    assert sent.auth_time.ToDatetime(MIDSUMMER.tzinfo) == MIDSUMMER


async def test_client_credentials_are_judged_by_token_and_its_refusal_keeps_its_name(line: Line) -> None:
    """A4; RFC 9126 §2.3 by way of the fault in the trailing metadata."""
    authentication = TokenClientAuthentication(line.token)
    assert await authentication.authenticate(Proof(client_id="client-a", secret="right")) == "client-a"
    with pytest.raises(InvalidClient):
        await authentication.authenticate(Proof(client_id="client-a", secret="wrong"))


async def test_a_device_is_found_and_decided_with_everything_its_grant_is_bound_to(line: Line) -> None:
    """T9."""
    devices, user = TokenDevices(line.token), new_id()
    assert await devices.find("WDJBMJHT") == DeviceRequest(ClientId("tv"), NOTES.uri, ("notes:read",))
    with pytest.raises(Missing):
        await devices.find("WDJBMJHX")
    await devices.decide(DeviceDecision("WDJBMJHT", user, MIDSUMMER, ("notes:read",), VISIT))
    await devices.decide(DeviceDecision("WDJBMJHT", user, MIDSUMMER, (), VISIT))
    allowed, denied = line.peers.token.decided
    assert (allowed.user_id, allowed.approve, list(allowed.scopes), allowed.ip) == (user, True, ["notes:read"], "203.0.113.9")
    assert allowed.auth_time.ToDatetime(MIDSUMMER.tzinfo) == MIDSUMMER
    assert (denied.approve, list(denied.scopes), denied.request_id) == (False, [], "req")


async def test_standing_permissions_are_found_behind_any_number_of_ended_ones(line: Line) -> None:
    """A9."""
    grants, user = TokenGrants(line.token), new_id()
    assert [grant.id for grant in await grants.of(user)] == ["g0", "g500"]
    await grants.revoke(user, "g0", VISIT)
    [sent] = line.peers.token.revoked
    assert (sent.user_id, sent.grant_id, sent.ip) == (user, "g0", "203.0.113.9")
    with pytest.raises(Missing):
        await grants.revoke(user, "g1", VISIT)
