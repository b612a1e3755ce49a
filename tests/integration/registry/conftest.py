"""The registry as composed by its app, on a real database and Redis, behind real mutual TLS and its HTTP application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc as stubs

from config.schema import Configuration
from kit.clock import SystemClock
from kit.rpc_client import open_channel
from kit.rpc_server import RpcServer
from kit.service import Resources
from services.registry.app import build
from tests.integration.registry.document_host import DocumentHost, serving
from tests.support.clock import FrozenClock
from tests.support.servers import Database, migrated
from tests.support.tls import Authority

ISSUER = "http://localhost:9000"
OPERATOR = pb.Operator(key_name="ci", ip="192.0.2.9", request_id="r-1", trace_id="t-1")

database = migrated("registry")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def host(authority: Authority) -> AsyncIterator[DocumentHost]:
    async with serving(authority.files("documents")) as running:
        yield running


@dataclass
class Registry:
    """One running replica as its callers see it."""

    http: httpx.AsyncClient
    rpc: RpcServer
    authority: Authority
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def channel(self, caller: str) -> grpc.aio.Channel:
        channel = open_channel(f"127.0.0.1:{self.rpc.port}", self.authority.files(caller), "registry")
        self.channels.append(channel)
        return channel

    def reads(self, caller: str = "authorize") -> "stubs.RegistryServiceAsyncStub":
        return stubs.RegistryServiceStub(self.channel(caller))

    def writes(self, caller: str = "admin") -> "stubs.RegistryAdminServiceAsyncStub":
        return stubs.RegistryAdminServiceStub(self.channel(caller))

    async def register(self, address: str = "192.0.2.1", **members: Any) -> httpx.Response:
        body = {"client_name": "App", "redirect_uris": ["https://app.example/cb"]} | members
        return await self.http.post("/oauth/register", json=body, headers={"x-authplane-client-address": address})


Start = Callable[..., Any]


@pytest.fixture
async def start(database: Database, valkey_url: str, authority: Authority, tmp_path: Path) -> AsyncIterator[Start]:
    """`await start(clock=…, dcr={…})` starts one more replica on the test's database."""
    async with AsyncExitStack() as stack:

        async def replica(clock: FrozenClock | None = None, **configuration: Any) -> Registry:
            given = {
                "server": {"issuer": ISSUER},
                "storage": {"postgres": {"dsn": database.dsn_for("registry"), "min_conns": 1, "max_conns": 8}},
                "redis": {"url": valkey_url},
                "cimd": {"allow_private_addresses": True, "ca_file": str(authority.ca_file)},
            } | configuration
            resources = Resources(Configuration.model_validate(given), "registry", clock or SystemClock())
            stack.push_async_callback(resources.close)
            service = await build(resources)
            stack.push_async_callback(service.close)
            rpc = RpcServer(service.rpc, service.callers, authority.files("registry"), "127.0.0.1:0")
            await rpc.start()
            stack.push_async_callback(rpc.stop, 0)
            http = httpx.AsyncClient(transport=httpx.ASGITransport(service.http), base_url=ISSUER)
            await stack.enter_async_context(http)
            made = Registry(http, rpc, authority)
            stack.push_async_callback(_close, made)
            return made

        yield replica


async def _close(registry: Registry) -> None:
    for channel in registry.channels:
        await channel.close()


@pytest.fixture
async def registry(start: Start) -> Registry:
    made: Registry = await start(rate_limit={"enabled": False})
    return made


@pytest.fixture
async def superuser(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database.superuser_dsn)
    yield connection
    await connection.close()
