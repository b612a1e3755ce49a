"""`python -m services.registry` from an empty schema to a clean end."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import httpx
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc as stubs

from kit.rpc_client import open_channel
from tests.integration.registry.conftest import OPERATOR
from tests.support.servers import ROOT, Database, migrated
from tests.support.tls import Authority

audit_only = migrated("audit")


def port_told(log: Path) -> int | None:
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    return next((int(line["rpc"]) for line in lines if line["event"] == "service.ready"), None)


async def ready_port(process: asyncio.subprocess.Process, log: Path) -> int:
    async with asyncio.timeout(30):
        while (port := port_told(log)) is None:
            assert process.returncode is None, log
            await asyncio.sleep(0.05)
        return port


async def test_the_registry_migrates_serves_and_ends_in_the_time_it_is_given_although_somebody_watches(
    audit_only: Database, valkey_url: str, authority: Authority, tmp_path: Path
) -> None:
    own, log, socket = authority.files("registry"), tmp_path / "registry.log", tmp_path / "r.sock"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "gen"),
        "AUTHPLANE_STATE_DIR": str(tmp_path),
        "AUTHPLANE_SERVER_SHUTDOWN_WAIT": "1s",
        "AUTHPLANE_LOG_FORMAT": "json",
        "AUTHPLANE_LISTEN_HTTP": f"unix:{socket}",
        "AUTHPLANE_LISTEN_RPC": "127.0.0.1:0",
        "AUTHPLANE_RPC_CA_FILE": str(own.ca),
        "AUTHPLANE_RPC_CERT_FILE": str(own.cert),
        "AUTHPLANE_RPC_KEY_FILE": str(own.key),
        "AUTHPLANE_REDIS_URL": valkey_url,
        "AUTHPLANE_STORAGE_POSTGRES_DSN": audit_only.dsn_for("registry"),
        "AUTHPLANE_RESOURCE_URI": "https://mcp.example/mcp",
        "AUTHPLANE_RESOURCE_SCOPES": "notes:read notes:write",
    }
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.registry"), cwd=ROOT, env=environ, stdout=written, stderr=asyncio.subprocess.STDOUT
        )
    try:
        port = await ready_port(process, log)
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket)), base_url="http://service") as http:
            assert (await http.get("/ready")).status_code == 200
            assert (await http.get("/.well-known/oauth-protected-resource/mcp")).json()["resource"] == "https://mcp.example/mcp"
            registered = await http.post("/oauth/register", json={"redirect_uris": ["http://127.0.0.1/cb"]})
            assert registered.json()["client_name"] == "Unnamed client"
        async with open_channel(f"127.0.0.1:{port}", authority.files("admin"), "registry") as channel:
            stream = aiter(stubs.RegistryServiceStub(channel).WatchChanges(pb.WatchChangesRequest()))
            assert (await anext(stream)).revision == 2
            await stubs.RegistryAdminServiceStub(channel).CreateResource(
                pb.CreateResourceRequest(slug="two", uri="https://two.example", display_name="Two", operator=OPERATOR)
            )
            assert (await anext(stream)).kind == pb.CHANGE_KIND_RESOURCE
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            assert await process.wait() == 0, log
            assert time.monotonic() - started < 5
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
