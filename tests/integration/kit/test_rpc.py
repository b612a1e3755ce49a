"""Calls between two processes' ends over mutual TLS; the RPCs are the audit service's, any would do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from authserver.audit.v1 import audit_pb2 as pb
from authserver.audit.v1 import audit_pb2_grpc as stubs
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from kit import telemetry
from kit.errors import Conflict, DeadlineSpent, Unavailable
from kit.rpc_client import open_channel
from kit.rpc_faults import PeerFailed
from kit.rpc_interceptors import handled_until
from kit.rpc_server import RpcServer
from tests.support.tls import Authority

NAME = "authserver.audit.v1.AuditService"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Servicer(stubs.AuditServiceServicer):  # the RPCs a test does not use stay unimplemented
    """Does whatever the test put into `behave`."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: dict[str, Any] = {}
        self.cancelled = asyncio.Event()
        self.behave: Any = None

    async def Search(self, request: Any, context: Any) -> Any:
        self.calls += 1
        self.seen = {**structlog.contextvars.get_contextvars(), "traceparent": telemetry.traceparent(), "until": handled_until.get()}
        return await self.behave() if self.behave else pb.SearchResponse()

    async def Tail(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.calls += 1
        try:
            yield pb.TailResponse()
            if self.behave:
                await self.behave()
            await asyncio.sleep(60)
        finally:
            self.cancelled.set()


Servicer.__abstractmethods__ = frozenset()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def servicer() -> Servicer:
    concrete: Any = Servicer
    made: Servicer = concrete()
    return made


@pytest.fixture
async def server(authority: Authority, servicer: Servicer) -> AsyncIterator[RpcServer]:
    running = RpcServer(
        [(stubs.add_AuditServiceServicer_to_server, servicer, NAME)], {NAME: frozenset({"admin"})}, authority.files("audit"), "127.0.0.1:0"
    )
    await running.start()
    yield running
    await running.stop(0)


@pytest.fixture
async def stub(authority: Authority, server: RpcServer) -> AsyncIterator[Any]:
    async with open_channel(f"127.0.0.1:{server.port}", authority.files("admin"), "audit") as channel:
        yield stubs.AuditServiceStub(channel)


async def test_a_listed_caller_is_served(stub: Any, servicer: Servicer) -> None:
    await stub.Search(pb.SearchRequest())
    assert servicer.calls == 1


@pytest.mark.parametrize("kind", ["unary", "streaming"])
async def test_a_caller_not_listed_is_refused_before_the_handler(
    kind: str, authority: Authority, server: RpcServer, servicer: Servicer
) -> None:
    """Architecture §6: one gRPC service per privilege, callers by certificate."""
    async with open_channel(f"127.0.0.1:{server.port}", authority.files("token"), "audit") as channel:
        other: Any = stubs.AuditServiceStub(channel)
        with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
            if kind == "unary":
                await other.Search(pb.SearchRequest())
            else:
                async for _ in other.Tail(pb.TailRequest()):
                    pass
    assert servicer.calls == 0


async def test_a_certificate_of_the_authority_without_a_planes_name_is_refused(
    authority: Authority, server: RpcServer, servicer: Servicer
) -> None:
    nobody = authority.issue("demo", "localhost", "admin.authplane")
    async with open_channel(f"127.0.0.1:{server.port}", nobody, "audit") as channel:
        other: Any = stubs.AuditServiceStub(channel)
        with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
            await other.Search(pb.SearchRequest())
        health: Any = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
            await health.Check(health_pb2.HealthCheckRequest())
    assert servicer.calls == 0


async def test_a_certificate_of_another_authority_never_gets_in(tmp_path: Path, authority: Authority, server: RpcServer) -> None:
    forged = Authority(tmp_path).files("admin")
    mixed = type(forged)(authority.ca_file, forged.cert, forged.key)
    async with open_channel(f"127.0.0.1:{server.port}", mixed, "audit") as channel:
        with pytest.raises(Unavailable):
            await stubs.AuditServiceStub(channel).Search(pb.SearchRequest())


async def test_a_channel_speaks_only_to_the_peer_it_means(authority: Authority, server: RpcServer, servicer: Servicer) -> None:
    async with open_channel(f"127.0.0.1:{server.port}", authority.files("admin"), "vault") as channel:
        with pytest.raises(Unavailable):
            await stubs.AuditServiceStub(channel).Search(pb.SearchRequest())
    assert servicer.calls == 0


async def test_without_tls_nothing_is_answered(server: RpcServer) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await stubs.AuditServiceStub(channel).Search(pb.SearchRequest(), timeout=2)


async def test_every_process_of_the_plane_may_ask_for_health(authority: Authority, server: RpcServer) -> None:
    async with open_channel(f"127.0.0.1:{server.port}", authority.files("gateway"), "audit") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", NAME):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await server.set_ready(False)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_refusal_arrives_as_it_was_raised(stub: Any, servicer: Servicer) -> None:
    async def behave() -> None:
        raise Conflict("taken", debug="private", members={"constraint": "x"})

    servicer.behave = behave
    with pytest.raises(Conflict) as caught:
        await stub.Search(pb.SearchRequest())
    assert (caught.value.detail, dict(caught.value.members)) == ("taken", {"constraint": "x"})
    with pytest.raises(Conflict):
        async for _ in stub.Tail(pb.TailRequest()):
            pass


async def test_an_unexpected_exception_tells_the_caller_nothing(stub: Any, servicer: Servicer) -> None:
    async def behave() -> None:
        raise KeyError("a secret value")

    servicer.behave = behave
    with pytest.raises(PeerFailed) as caught:
        await stub.Search(pb.SearchRequest())
    assert "INTERNAL: internal error" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_call_ends_at_its_deadline(stub: Any, servicer: Servicer) -> None:
    servicer.behave = lambda: asyncio.sleep(30)
    with pytest.raises(DeadlineSpent):
        await stub.Search(pb.SearchRequest(), timeout=0.2)


async def test_a_call_made_for_an_rpc_ends_no_later_than_it(stub: Any, servicer: Servicer) -> None:
    await stub.Search(pb.SearchRequest(), timeout=1.5)
    import time

    assert 0 < servicer.seen["until"] - time.monotonic() <= 1.5
    servicer.behave = lambda: asyncio.sleep(30)
    before = handled_until.set(time.monotonic() + 0.2)
    try:
        with pytest.raises(DeadlineSpent):
            await stub.Search(pb.SearchRequest())
        await asyncio.sleep(0.05)
        with pytest.raises(DeadlineSpent, match="too long"):
            await stub.Search(pb.SearchRequest())
    finally:
        handled_until.reset(before)


async def test_request_id_and_trace_travel_along(stub: Any, servicer: Servicer) -> None:
    structlog.contextvars.bind_contextvars(request_id="req-1")
    telemetry.accept_traceparent(TRACE)
    try:
        await stub.Search(pb.SearchRequest())
    finally:
        structlog.contextvars.clear_contextvars()
        telemetry.accept_traceparent(None)
    assert servicer.seen["request_id"] == "req-1"
    assert servicer.seen["traceparent"] == TRACE


async def test_a_peer_that_is_away_is_unavailable_at_once(authority: Authority) -> None:
    async with open_channel("127.0.0.1:1", authority.files("admin"), "audit") as channel:
        with pytest.raises(Unavailable):
            await stubs.AuditServiceStub(channel).Search(pb.SearchRequest())


async def test_a_message_beyond_one_mebibyte_is_not_taken(stub: Any, servicer: Servicer) -> None:
    with pytest.raises(Unavailable):
        await stub.Search(pb.SearchRequest(cursor="x" * 1_100_000))
    assert servicer.calls == 0


async def test_leaving_a_stream_ends_it_at_the_other_side(stub: Any, servicer: Servicer) -> None:
    async for _ in (stream := stub.Tail(pb.TailRequest())):
        break
    await stream.aclose()
    await asyncio.wait_for(servicer.cancelled.wait(), 2)


async def test_stopping_lets_a_running_call_finish(stub: Any, servicer: Servicer, server: RpcServer) -> None:
    servicer.behave = lambda: asyncio.sleep(0.3, result=pb.SearchResponse())
    call = asyncio.create_task(stub.Search(pb.SearchRequest()))
    await asyncio.sleep(0.1)
    await server.stop(5)
    assert await call == pb.SearchResponse()


async def test_stopping_sends_the_readers_of_open_streams_elsewhere_at_once(stub: Any, servicer: Servicer, server: RpcServer) -> None:
    stream = stub.Tail(pb.TailRequest())
    async for _ in stream:
        break
    began = asyncio.get_running_loop().time()
    stopping = asyncio.create_task(server.stop(5))
    with pytest.raises(Unavailable):
        async for _ in stream:
            pass
    await stopping
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_port_in_use_is_said_so(authority: Authority, servicer: Servicer, server: RpcServer) -> None:
    second = RpcServer(
        [(stubs.add_AuditServiceServicer_to_server, servicer, NAME)],
        {NAME: frozenset()},
        authority.files("audit"),
        f"127.0.0.1:{server.port}",
    )
    with pytest.raises(OSError, match=str(server.port)):
        await second.start()


async def test_reflection_lists_what_is_offered_to_those_who_may_call_it(authority: Authority, servicer: Servicer) -> None:
    running = RpcServer(
        [(stubs.add_AuditServiceServicer_to_server, servicer, NAME)],
        {NAME: frozenset({"admin"})},
        authority.files("audit"),
        "127.0.0.1:0",
        reflection=True,
    )
    await running.start()
    question = reflection_pb2.ServerReflectionRequest(list_services="")

    async def ask(caller: str) -> list[str]:
        async with open_channel(f"127.0.0.1:{running.port}", authority.files(caller), "audit") as channel:
            stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
            async for answer in stub.ServerReflectionInfo(iter([question])):
                return [service.name for service in answer.list_services_response.service]
        return []

    assert NAME in await ask("admin")
    with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
        await ask("token")
    await running.stop(0)
