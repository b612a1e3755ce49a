"""The service as a process: seeds, pages through its socket, operators' calls over mTLS, and a clean end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from authserver.authorize.v1 import authorize_pb2 as pb
from authserver.authorize.v1.authorize_pb2_grpc import UserAdminServiceStub

from cli.demo.user_agent import forms_of
from kit.errors import Conflict, Missing
from kit.rpc_client import open_channel
from kit.rpc_faults import PeerFailed
from tests.integration.authorize.conftest import parameters
from tests.integration.authorize.peers import Peers, running_peers
from tests.support.fakes_authorize import REDIRECT_URI
from tests.support.servers import ROOT, Database
from tests.support.tls import Authority

SEED = {"users": [{"email": "demo@example.com", "password": "correct horse battery", "name": "Demo"}]}


@asynccontextmanager
async def running(
    database: Database, valkey_url: str, peers: Peers, authority: Authority, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    own = authority.files("authorize")
    (folder / "plane.yaml").write_text(yaml.safe_dump(SEED))
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "gen"),
        "AUTHPLANE_CONFIG": str(folder / "plane.yaml"),
        "AUTHPLANE_STATE_DIR": str(folder / "state"),
        "AUTHPLANE_LOG_FORMAT": "json",
        "AUTHPLANE_LISTEN_HTTP": f"unix:{folder}/authorize.sock",
        "AUTHPLANE_LISTEN_RPC": "127.0.0.1:0",
        "AUTHPLANE_RPC_CA_FILE": str(own.ca),
        "AUTHPLANE_RPC_CERT_FILE": str(own.cert),
        "AUTHPLANE_RPC_KEY_FILE": str(own.key),
        "AUTHPLANE_STORAGE_POSTGRES_DSN": database.dsn_for("authorize"),
        "AUTHPLANE_REDIS_URL": valkey_url,
        "AUTHPLANE_PEERS_REGISTRY": peers.registry_target,
        "AUTHPLANE_PEERS_TOKEN": peers.token_target,
        "AUTHPLANE_SESSION_SECRET": "a secret only for this test run",
    }
    log = folder / "authorize.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.authorize", cwd=ROOT, env=environ, stdout=out, stderr=out
        )
    try:
        port = await _port(process, log)
        transport = httpx.AsyncHTTPTransport(uds=f"{folder}/authorize.sock")
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:9000") as http:
            yield http, port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0, log.read_text()
    assert "correct horse" not in log.read_text()


async def _port(process: asyncio.subprocess.Process, log: Path) -> int:
    for _ in range(600):
        lines = await asyncio.to_thread(log.read_text)
        ready = [line for line in lines.splitlines() if '"service.ready"' in line]
        if ready:
            return int(json.loads(ready[0])["rpc"])
        assert process.returncode is None, lines
        await asyncio.sleep(0.05)
    raise AssertionError("the service did not start")


@pytest.fixture
async def running_plane(
    authorize_database: Database, valkey_url: str, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, int, Peers, Authority]]:
    authority = Authority(tmp_path / "certs")
    async with running_peers(authority) as peers, running(authorize_database, valkey_url, peers, authority, tmp_path) as (http, port):
        yield http, port, peers, authority


async def test_a_person_gets_through_and_an_operator_stops_them(running_plane: tuple[httpx.AsyncClient, int, Peers, Authority]) -> None:
    http, port, peers, authority = running_plane
    assert (await http.get("/ready")).status_code == 200
    page = await http.get("/oauth/authorize", params=parameters(), follow_redirects=True)
    [form] = forms_of(page)
    page = await http.post(form.action, data=form.filled(email="demo@example.com", password="correct horse battery"), follow_redirects=True)
    [form] = forms_of(page)
    answer = await http.post(form.action, data=form.filled(action="allow"))
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?code=the-code&state=st&iss=")
    channel = open_channel(f"127.0.0.1:{port}", authority.files("admin"), "authorize")
    stub = UserAdminServiceStub(channel)
    [demo] = (await stub.ListUsers(pb.ListUsersRequest(email="DEMO@example.com"))).users
    operator = pb.Operator(key_name="ops")
    disabled = await stub.SetUserStatus(pb.SetUserStatusRequest(user_id=demo.id, status=pb.USER_STATUS_DISABLED, operator=operator))
    assert (disabled.user.status, peers.token.refused) == (pb.USER_STATUS_DISABLED, [(demo.id, "disabled", "ops")])
    assert (await http.get("/account")).headers["location"] == "/login"
    await channel.close(None)


async def test_operators_administer_people_and_nobody_else_does(running_plane: tuple[httpx.AsyncClient, int, Peers, Authority]) -> None:
    """Architecture §6: an allow-list per privilege."""
    _, port, peers, authority = running_plane
    channel = open_channel(f"127.0.0.1:{port}", authority.files("admin"), "authorize")
    stub = UserAdminServiceStub(channel)
    created = (await stub.CreateUser(pb.CreateUserRequest(email="eve@example.com", password="correct horse", name="Eve"))).user
    with pytest.raises(Conflict):
        await stub.CreateUser(pb.CreateUserRequest(email="EVE@example.com", password="correct horse"))
    renamed = (await stub.UpdateUser(pb.UpdateUserRequest(user_id=created.id, name="E."))).user
    assert (renamed.email, renamed.name, renamed.role) == ("eve@example.com", "E.", "user")
    assert (await stub.CountUsers(pb.CountUsersRequest())).users == 2
    assert (await stub.EndSessions(pb.EndSessionsRequest(user_id=created.id))).ended == 0
    await stub.DeleteUser(pb.DeleteUserRequest(user_id=created.id, force=True))
    assert peers.token.refused == [(created.id, "deleted", "")]
    with pytest.raises(Missing):
        await stub.GetUser(pb.GetUserRequest(user_id=created.id))
    await channel.close(None)
    intruder = open_channel(f"127.0.0.1:{port}", authority.files("token"), "authorize")
    other = UserAdminServiceStub(intruder)
    with pytest.raises(PeerFailed, match="PERMISSION_DENIED"):
        await other.ListUsers(pb.ListUsersRequest())
    await intruder.close(None)
