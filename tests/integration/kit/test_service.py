"""A whole service as a process: it starts, answers for its health, drains, and dies with its parent."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kit.rpc_client import open_channel
from tests.support.servers import ROOT, Database
from tests.support.tls import Authority

COMMAND = [sys.executable, "-m", "tests.integration.kit.throwaway"]


class Running:
    """One started service, its log and its socket."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.socket = folder / "http.sock"
        self._log = folder / "log"
        self._written = self._log.open("wb")
        settings = {
            "AUTHPLANE_LISTEN_HTTP": f"unix:{self.socket}",
            "AUTHPLANE_LISTEN_RPC": "",
            "AUTHPLANE_SERVER_SHUTDOWN_WAIT": "5s",
            "AUTHPLANE_STATE_DIR": str(folder / "state"),
            "PATH": os.environ["PATH"],
            **environ,
        }
        self.process = subprocess.Popen(COMMAND, cwd=ROOT, env=settings, stdout=self._written, stderr=subprocess.STDOUT)

    def log(self) -> str:
        return self._log.read_text()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def until(self, event: str, times: int = 1, seconds: float = 20) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [line for line in self.events() if line["event"] == event]
            if len(found) >= times:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"no {event} in:\n{self.log()}")

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(self.socket)), base_url="http://vault", timeout=10)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._written.close()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, database: Database) -> Iterator[Start]:
    started: list[Running] = []

    def begin(**environ: str) -> Running:
        started.append(Running(tmp_path, {"AUTHPLANE_STORAGE_POSTGRES_DSN": database.dsn_for("vault"), **environ}))
        return started[-1]

    yield begin
    for running in started:
        running.end()


async def test_it_migrates_and_answers_for_its_health(start: Start) -> None:
    """Wire contract §1.1."""
    running = start()
    running.until("service.ready")
    assert [line["migration"] for line in running.until("migrate.applied")] == ["0001_create_slow_things"]
    async with running.client() as client:
        for path, word, db in [("/livez", "alive", None), ("/health", "ok", "ok"), ("/ready", "ready", "ok")]:
            answer = await client.get(path)
            body = answer.json()
            assert (answer.status_code, body["status"], body.get("db")) == (200, word, db)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["time"])
        assert (await client.get("/nowhere")).status_code == 404
        await client.get("/who")
        metrics = (await client.get("/metrics")).text
    assert 'authserver_http_requests_total{http_method="GET",http_route="/who",http_status_code="200"} 1.0' in metrics
    assert 'http_route="/nowhere"' not in metrics
    assert running.until("background.failed")


async def test_a_drain_finishes_the_request_in_flight_and_exits_0(start: Start) -> None:
    running = start()
    running.until("service.ready")
    async with running.client() as client:
        request = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        answer = await request
    assert (answer.status_code, answer.text) == (200, "0")
    assert running.process.wait(5) == 0
    assert running.until("service.stopped")


async def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    running = start()
    running.until("service.ready")
    async with running.client() as client:
        request = asyncio.create_task(client.get("/stuck"))
        await asyncio.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.HTTPError):
            await request
    assert running.process.wait(2) == 1


async def test_a_request_beyond_the_drain_is_cut_off_and_it_still_exits(start: Start) -> None:
    running = start(AUTHPLANE_SERVER_SHUTDOWN_WAIT="1s")
    running.until("service.ready")
    async with running.client() as client:
        request = asyncio.create_task(client.get("/stuck"))
        await asyncio.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.HTTPError):
            await request
    assert running.process.wait(5) == 0


async def test_readiness_follows_the_database(start: Start, database: Database) -> None:
    running = start()
    running.until("service.ready")
    async with running.client() as client:
        await database.on.administer(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
        kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'"
        await database.on.administer(kill)
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["status"], answer.json()["db"]) == (503, "not_ready", "error")
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
        assert (await client.get("/livez")).status_code == 200
        await database.on.administer(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
        assert (await client.get("/ready")).status_code == 200


async def test_without_a_database_it_waits_and_says_so(start: Start) -> None:
    running = start(AUTHPLANE_STORAGE_POSTGRES_DSN="postgresql://u:p@/d?host=/nowhere")
    assert running.until("service.waiting")[0]["what"] == "Postgres"
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(5) == 0


async def test_its_grpc_health_answers_the_plane(start: Start, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    own = authority.files("vault")
    running = start(
        AUTHPLANE_LISTEN_RPC="127.0.0.1:0",
        AUTHPLANE_RPC_CA_FILE=str(own.ca),
        AUTHPLANE_RPC_CERT_FILE=str(own.cert),
        AUTHPLANE_RPC_KEY_FILE=str(own.key),
    )
    port = running.until("service.ready")[0]["rpc"]
    async with open_channel(f"127.0.0.1:{port}", authority.files("admin"), "vault") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as plain:
        other: Any = health_pb2_grpc.HealthStub(plain)
        with pytest.raises(grpc.aio.AioRpcError):
            await other.Check(health_pb2.HealthCheckRequest(), timeout=2)


def test_beyond_this_machine_it_does_not_listen_without_certificates(start: Start) -> None:
    running = start(AUTHPLANE_LISTEN_HTTP="0.0.0.0:0")
    assert running.process.wait(20) == 1
    assert "rpc.cert_file" in running.log()


async def pids(running: Running) -> set[int]:
    seen: set[int] = set()
    for _ in range(60):
        async with running.client() as client:
            seen.add(int((await client.get("/who")).text))
    return seen


async def test_two_workers_share_the_socket_and_their_counters(start: Start) -> None:
    running = start(AUTHPLANE_WORKERS="2")
    running.until("service.ready", times=2)
    workers = await pids(running)
    assert len(workers) == 2
    async with running.client() as client:
        metrics = (await client.get("/metrics")).text
    assert 'http_route="/who",http_status_code="200"} 60.0' in metrics
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    assert not any(alive(pid) for pid in workers)


async def test_workers_do_not_outlive_a_killed_parent(start: Start) -> None:
    running = start(AUTHPLANE_WORKERS="2")
    running.until("service.ready", times=2)
    workers = await pids(running)
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + 8
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:  # noqa: ASYNC110 - processes tell nobody
        await asyncio.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def test_workers_that_cannot_start_end_the_parent(start: Start) -> None:
    running = start(AUTHPLANE_WORKERS="2", AUTHPLANE_STORAGE_POSTGRES_DSN="nonsense://")
    assert running.process.wait(20) == 1


def alive(pid: int) -> bool:
    """A zombie nobody reaps is not alive."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
