"""`python -m services.audit` from empty schema to drained event."""

import asyncio
from pathlib import Path

import asyncpg
from authserver.audit.v1 import audit_pb2 as pb
from authserver.audit.v1.audit_pb2_grpc import AuditServiceStub

from kit.audit import APPEND
from kit.rpc_client import open_channel
from tests.integration.audit.processes import running
from tests.support.fakes_audit import a_row
from tests.support.servers import Database
from tests.support.tls import Authority


async def test_the_log_runs_migrates_drains_and_answers(database: Database, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    async with running("audit", database, authority, tmp_path) as audit:
        assert (await audit.get("/ready")).json()["status"] == "ready"
        assert (await audit.get("/oauth/token")).status_code == 404
        token = await asyncpg.connect(database.dsn_for("token"))
        async with open_channel(f"127.0.0.1:{audit.port}", authority.files("admin"), "audit") as channel:
            admin = AuditServiceStub(channel)
            tail = aiter(admin.Tail(pb.TailRequest()))
            coming = asyncio.ensure_future(anext(tail))
            await asyncio.sleep(0.3)
            await token.execute(APPEND, [a_row(1)])
            async with asyncio.timeout(5):
                assert (await coming).entry.request_id == "request-1"
            assert (await admin.Verify(pb.VerifyRequest())) == pb.VerifyResponse(intact=True, checked=1)
        await token.close()
        assert "authserver_audit_entries_total 1.0" in (await audit.get("/metrics")).text
