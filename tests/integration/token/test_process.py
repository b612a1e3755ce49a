"""`python -m services.token`, two workers, from an empty schema to a clean end; registry is away all the time."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from tests.support.fakes_token import SECRET, basic
from tests.support.servers import ROOT, Database, migrated
from tests.support.tls import Authority

audit_only = migrated("audit")


def said(log: Path) -> str:
    return log.read_text()


async def until_ready(http: httpx.AsyncClient, process: asyncio.subprocess.Process, log: Path) -> None:
    for _ in range(600):
        assert process.returncode is None, said(log)
        with suppress(httpx.HTTPError):
            if (await http.get("/ready")).status_code == 200:
                return
        await asyncio.sleep(0.05)
    raise AssertionError(said(log))


async def test_two_workers_share_a_key_and_say_what_they_cannot_know(audit_only: Database, valkey_url: str, tmp_path: Path) -> None:
    own, log, socket = Authority(tmp_path / "certs").files("token"), tmp_path / "token.log", tmp_path / "t.sock"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "gen"),
        "AUTHPLANE_STATE_DIR": str(tmp_path),
        "AUTHPLANE_WORKERS": "2",
        "AUTHPLANE_SERVER_SHUTDOWN_WAIT": "1s",
        "AUTHPLANE_LOG_FORMAT": "json",
        "AUTHPLANE_LISTEN_HTTP": f"unix:{socket}",
        "AUTHPLANE_LISTEN_RPC": "127.0.0.1:0",
        "AUTHPLANE_RPC_CA_FILE": str(own.ca),
        "AUTHPLANE_RPC_CERT_FILE": str(own.cert),
        "AUTHPLANE_RPC_KEY_FILE": str(own.key),
        "AUTHPLANE_PEERS_REGISTRY": "127.0.0.1:9",
        "AUTHPLANE_REDIS_URL": valkey_url,
        "AUTHPLANE_STORAGE_POSTGRES_DSN": audit_only.dsn_for("token"),
        "AUTHPLANE_SIGNING_KEY_STORE": "postgres_key",
        "AUTHPLANE_DATA_ENCRYPTION_DRIVER": "aes_master",
        "AUTHPLANE_DATA_ENCRYPTION_KEY_ENV": "DATA_KEY",
        "DATA_KEY": "cd" * 32,
    }
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.token"), cwd=ROOT, env=environ, stdout=written, stderr=asyncio.subprocess.STDOUT
        )
    try:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket)), base_url="http://service") as http:
            await until_ready(http, process, log)
            keys = [(await http.get("/.well-known/jwks.json")).json()["keys"] for _ in range(20)]
            assert len({key["kid"] for found in keys for key in found}) == 1
            document = (await http.get("/.well-known/oauth-authorization-server")).json()
            assert document["issuer"] == "http://localhost:9000"
            assert "scopes_supported" not in document
            assert document["dpop_signing_alg_values_supported"]
            answer = await http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=basic("machine", SECRET))
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0, said(log)
        assert SECRET not in said(log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
