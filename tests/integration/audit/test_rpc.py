"""AuditService over mTLS, as admin meets it (O3)."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg
import grpc
import pytest
from authserver.audit.v1 import audit_pb2 as pb
from authserver.audit.v1.audit_pb2_grpc import AuditServiceStub
from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import InvalidRequest
from kit.pg import Pool
from kit.rpc_client import open_channel
from kit.rpc_faults import PeerFailed
from kit.rpc_server import RpcServer
from services.audit.adapters.outbox import NotifiedGrowth, PostgresOutbox
from services.audit.adapters.store import PostgresEntries
from services.audit.api.rpc import servicers
from services.audit.app import CALLERS
from services.audit.drain import chained
from tests.integration.audit.conftest import Append
from tests.support.fakes_audit import START, a_row
from tests.support.tls import Authority

if TYPE_CHECKING:
    from authserver.audit.v1.audit_pb2_grpc import AuditServiceAsyncStub

Connect = Callable[[str], "AuditServiceAsyncStub"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def connect(pool: Pool, authority: Authority) -> AsyncIterator[Connect]:
    growth = NotifiedGrowth()
    await growth.listen(pool)
    server = RpcServer(servicers(PostgresEntries(pool), growth), CALLERS, authority.files("audit"), "127.0.0.1:0")
    await server.start()
    channels: list[grpc.aio.Channel] = []

    def as_caller(name: str) -> "AuditServiceAsyncStub":
        channels.append(open_channel(f"127.0.0.1:{server.port}", authority.files(name), "audit"))
        return AuditServiceStub(channels[-1])

    yield as_caller
    for channel in channels:
        await channel.close()
    await server.stop(0)


@pytest.fixture
def admin(connect: Connect) -> "AuditServiceAsyncStub":
    return connect("admin")


@pytest.fixture
def record(pool: Pool, append: Append) -> Append:
    async def call(*rows: str) -> None:
        await append(*rows)
        await PostgresOutbox(pool).drain(10_000, chained)

    return call


async def test_search_pages_with_filters(admin: "AuditServiceAsyncStub", record: Append) -> None:
    await record(*(a_row(number, subject=("even", "odd")[number % 2]) for number in range(1, 11)))
    wanted = pb.Filter(subject="odd", since=Timestamp(seconds=int(START.timestamp()) + 2))
    first = await admin.Search(pb.SearchRequest(filter=wanted, limit=3))
    assert [entry.seq for entry in first.entries] == [9, 7, 5]
    second = await admin.Search(pb.SearchRequest(filter=wanted, limit=3, cursor=first.next_cursor))
    assert ([entry.seq for entry in second.entries], second.next_cursor) == ([3], "")


async def test_an_entry_arrives_whole(admin: "AuditServiceAsyncStub", record: Append) -> None:
    await record(a_row(1, detail={"scopes": ["a"], "n": 1}, subject="user-1", reason="because", trace_id="ab" * 16))
    (entry,) = (await admin.Search(pb.SearchRequest())).entries
    assert (entry.action, entry.service, entry.actor_kind, entry.subject) == ("token.issued", "token", "client", "user-1")
    assert (entry.reason, entry.trace_id, entry.ip, entry.request_id) == ("because", "ab" * 16, "192.0.2.1", "request-1")
    assert json.loads(entry.detail) == {"scopes": ["a"], "n": 1}
    assert entry.occurred_at.ToDatetime().isoformat() == "2026-03-01T12:00:01"


async def test_an_export_proves_itself_without_the_plane(admin: "AuditServiceAsyncStub", record: Append) -> None:
    """The chain recomputed from nothing but what Export gives, in plain JSON."""
    await record(*(a_row(number, detail={"text": "ü", "n": number}) for number in range(1, 251)))
    previous = bytes(32)
    count = 0
    async for answer in admin.Export(pb.ExportRequest()):
        for entry in answer.entries:
            previous = hashlib.sha256(previous + _written(entry)).digest()
            assert previous.hex() == entry.hash
            count += 1
    assert count == 250


def _written(entry: pb.Entry) -> bytes:
    fields: dict[str, object] = {field.name: getattr(entry, field.name) for field in pb.Entry.DESCRIPTOR.fields if field.name != "hash"}
    fields |= {name: _moment(getattr(entry, name).ToDatetime()) for name in ("occurred_at", "recorded_at")}
    fields["detail"] = json.loads(entry.detail)
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_a_large_page_and_export_fit_their_messages(admin: "AuditServiceAsyncStub", record: Append) -> None:
    await record(*(a_row(number, detail={"text": '"' * 60_000}) for number in range(1, 41)))
    page = await admin.Search(pb.SearchRequest(limit=1000))
    assert 0 < len(page.entries) < 40
    assert page.next_cursor
    assert sum([len(answer.entries) async for answer in admin.Export(pb.ExportRequest())]) == 40


async def test_a_tail_gives_what_comes_from_now_on(admin: "AuditServiceAsyncStub", record: Append) -> None:
    await record(a_row(1))
    tail = admin.Tail(pb.TailRequest(after_seq=1, filter=pb.Filter(actions=["user.login"])))
    await record(a_row(2), a_row(3, action="user.login"))
    seen = []
    async for answer in tail:
        seen.append(answer.entry.seq)
        if len(seen) == 2:
            break
        await record(a_row(4, action="user.login"))
    assert seen == [3, 4]


async def test_verify_names_the_first_bad_entry(
    admin: "AuditServiceAsyncStub", record: Append, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await record(*(a_row(number) for number in range(1, 6)))
    assert (await admin.Verify(pb.VerifyRequest())) == pb.VerifyResponse(intact=True, checked=5)
    await superuser.execute("UPDATE audit.entries SET reason = 'x' WHERE seq = 3")
    verdict = await admin.Verify(pb.VerifyRequest(from_seq=2))
    assert (verdict.intact, verdict.checked, verdict.first_bad_seq) == (False, 1, 3)
    assert "3 was changed" in verdict.explanation


async def test_lag_counts_what_waits(admin: "AuditServiceAsyncStub", record: Append, append: Append) -> None:
    await record(a_row(1))
    await append(a_row(2), a_row(3))
    lag = await admin.GetLag(pb.GetLagRequest())
    assert (lag.outbox_length, lag.newest_seq) == (2, 1)
    assert lag.oldest_seconds >= 0


@pytest.mark.parametrize(
    "request_",
    [
        pb.SearchRequest(limit=1001),
        pb.SearchRequest(cursor="nonsense"),
        pb.SearchRequest(filter=pb.Filter(outcome="perhaps")),
        pb.SearchRequest(filter=pb.Filter(since=Timestamp(seconds=2**50))),
        pb.SearchRequest(filter=pb.Filter(text="a\x00")),
    ],
)
async def test_a_search_without_sense_is_the_callers_fault(admin: "AuditServiceAsyncStub", request_: pb.SearchRequest) -> None:
    with pytest.raises(InvalidRequest):
        await admin.Search(request_)


async def test_streams_refuse_nonsense_too(admin: "AuditServiceAsyncStub") -> None:
    with pytest.raises(InvalidRequest):
        await anext(aiter(admin.Export(pb.ExportRequest(filter=pb.Filter(outcome="perhaps")))))
    with pytest.raises(InvalidRequest):
        await anext(aiter(admin.Tail(pb.TailRequest(after_seq=-1))))


@pytest.mark.parametrize("caller", ["token", "registry", "authorize", "vault", "audit", "gateway", "stranger"])
async def test_nobody_but_admin_reads_the_log(connect: Connect, caller: str) -> None:
    with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
        await connect(caller).Search(pb.SearchRequest())
