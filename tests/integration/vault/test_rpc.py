"""The vault over mTLS: the operator's side answers, the rest is not offered yet, and each has one caller."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import pytest
from authserver.vault.v1 import vault_pb2 as pb
from authserver.vault.v1.vault_pb2_grpc import BrokerServiceStub, LinkServiceStub, VaultAdminServiceStub

from kit.pg import Pool
from kit.rpc_client import open_channel
from kit.rpc_faults import PeerFailed
from kit.rpc_server import RpcServer
from services.vault.adapters.store import PostgresInventory
from services.vault.api.rpc import servicers
from services.vault.app import CALLERS
from services.vault.model import Driver
from tests.integration.vault.test_inventory import two_providers
from tests.support.tls import Authority

Connect = Callable[[str], grpc.aio.Channel]


@pytest.fixture
async def connect(pool: Pool, tmp_path: Path) -> AsyncIterator[Connect]:
    authority = Authority(tmp_path)
    offered = servicers(PostgresInventory(pool), Driver.AES_MASTER)
    callers = {name: CALLERS[name] for _, _, name in offered}
    server = RpcServer(offered, callers, authority.files("vault"), "127.0.0.1:0")
    await server.start()
    channels: list[grpc.aio.Channel] = []

    def as_caller(name: str) -> grpc.aio.Channel:
        channels.append(open_channel(f"127.0.0.1:{server.port}", authority.files(name), "vault"))
        return channels[-1]

    yield as_caller
    for channel in channels:
        await channel.close()
    await server.stop(0)


async def test_admin_sees_providers_and_status(connect: Connect, pool: Pool) -> None:
    await two_providers(pool)
    admin = VaultAdminServiceStub(connect("admin"))
    listed = await admin.ListProviders(pb.ListProvidersRequest())
    assert [(provider.slug, provider.protocol) for provider in listed.providers] == [("github", "api_key"), ("slack", "oauth")]
    assert listed.providers[0].created_at.seconds > 0
    assert len((await admin.ListProviders(pb.ListProvidersRequest(slug="slack"))).providers) == 1
    assert await admin.GetStatus(pb.GetStatusRequest()) == pb.GetStatusResponse(driver="aes_master", providers=2)


@pytest.mark.parametrize("caller", ["authorize", "token", "registry", "audit"])
async def test_nobody_but_admin_sees_the_inventory(connect: Connect, caller: str) -> None:
    with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
        await VaultAdminServiceStub(connect(caller)).GetStatus(pb.GetStatusRequest())


async def test_what_is_not_offered_yet_says_so(connect: Connect) -> None:
    with pytest.raises(PeerFailed, match="UNIMPLEMENTED"):
        await LinkServiceStub(connect("authorize")).StartLink(pb.StartLinkRequest())
    with pytest.raises(PeerFailed, match="UNIMPLEMENTED"):
        await BrokerServiceStub(connect("token")).ObtainUpstreamToken(pb.ObtainUpstreamTokenRequest())
