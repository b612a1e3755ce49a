"""`python -m services.vault` from empty schema to an answer."""

from pathlib import Path

from authserver.vault.v1 import vault_pb2 as pb
from authserver.vault.v1.vault_pb2_grpc import VaultAdminServiceStub

from kit.rpc_client import open_channel
from tests.integration.audit.processes import running
from tests.support.servers import Database
from tests.support.tls import Authority


async def test_the_vault_runs_migrates_and_answers(database: Database, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    async with running("vault", database, authority, tmp_path) as vault:
        assert (await vault.get("/health")).json()["status"] == "ok"
        assert (await vault.get("/connect/github")).status_code == 404
        async with open_channel(f"127.0.0.1:{vault.port}", authority.files("admin"), "vault") as channel:
            status = await VaultAdminServiceStub(channel).GetStatus(pb.GetStatusRequest())
    assert status == pb.GetStatusResponse(driver="", providers=0, connections=0)
