"""A service of the plane as its own process, without a gateway."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.servers import ROOT, Database
from tests.support.tls import Authority


@dataclass
class Running:
    """One service: its socket, its gRPC port, its log."""

    process: asyncio.subprocess.Process
    socket: Path
    log: Path
    port: int = 0

    async def get(self, path: str) -> httpx.Response:
        """Ask its HTTP listener."""
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(self.socket)), base_url="http://service") as client:
            return await client.get(path)

    async def until(self, event: str) -> dict[str, Any]:
        """The first log line of this event."""
        async with asyncio.timeout(20):
            while True:
                for line in self.log.read_text().splitlines():
                    if line.startswith("{") and (found := json.loads(line))["event"] == event:
                        return dict(found)
                assert self.process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(service: str, database: Database, authority: Authority, folder: Path) -> AsyncIterator[Running]:
    """`python -m services.<service>` on `database`, ready; ended by SIGTERM, which must end it cleanly."""
    own = authority.files(service)
    log = folder / f"{service}.log"
    environ = {
        "PATH": os.environ["PATH"],
        "AUTHPLANE_SERVER_ISSUER": "http://localhost:9000",
        "AUTHPLANE_STATE_DIR": str(folder / "state"),
        "AUTHPLANE_LOG_FORMAT": "json",
        "AUTHPLANE_LISTEN_HTTP": f"unix:{folder / service}.sock",
        "AUTHPLANE_LISTEN_RPC": "127.0.0.1:0",
        "AUTHPLANE_RPC_CA_FILE": str(own.ca),
        "AUTHPLANE_RPC_CERT_FILE": str(own.cert),
        "AUTHPLANE_RPC_KEY_FILE": str(own.key),
        "AUTHPLANE_STORAGE_POSTGRES_DSN": database.dsn_for(service),
        "PYTHONPATH": str(ROOT / "gen"),
    }
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}"), cwd=ROOT, env=environ, stdout=written, stderr=asyncio.subprocess.STDOUT
        )
    made = Running(process, folder / f"{service}.sock", log)
    try:
        made.port = (await made.until("service.ready"))["rpc"]
        yield made
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
