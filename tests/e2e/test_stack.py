"""The plane as its operator meets it: one command up, one command down, nothing left, and it heals itself."""

import os
import re
import signal
import time
from collections.abc import Callable

import httpx
import psutil
import pytest

from tests.e2e.conftest import ROOT, RunningPlane, authserver, free_base, status

SERVICES = ("registry", "authorize", "token", "vault", "audit", "admin")


def wait_until(condition: Callable[[], bool], seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_status_names_everything_a_tool_needs(plane: RunningPlane) -> None:
    facts = status(plane.state_dir)
    assert facts["state"] == "ready"
    assert {"issuer", "admin_url", "admin_api_key", "demo_mcp_url", "demo_user", "demo_resource", "state_dir", "services"} <= set(facts)
    for service in ("postgres", "valkey", "gateway", *SERVICES):
        assert facts["services"][service]["ready"], service


def test_one_issuer_answers_for_all_services(plane: RunningPlane) -> None:
    with plane.client() as client:
        metadata = client.get("/.well-known/oauth-authorization-server").json()
        assert metadata["issuer"] == plane.issuer
        assert client.get(metadata["jwks_uri"]).json()["keys"]
        resource = client.get("/.well-known/oauth-protected-resource/mcp").json()
        assert resource["resource"] == plane.demo_resource
        assert client.get("/login").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/livez", "/health", "/ready"])
def test_both_doors_say_how_they_are(plane: RunningPlane, path: str) -> None:
    assert httpx.get(plane.issuer + path).status_code == 200
    assert httpx.get(plane.admin_url + path).status_code == 200


def test_the_operators_routes_are_not_on_the_public_door(plane: RunningPlane) -> None:
    for path in ("/admin/clients", "/metrics", "/admin/ui/"):
        assert httpx.get(plane.issuer + path).status_code == 404


def test_every_service_runs_as_a_process_of_its_own_and_only_listens_on_loopback(plane: RunningPlane) -> None:
    pids = {plane.pid(service) for service in SERVICES}
    assert len(pids) == len(SERVICES)
    for pid in pids:
        for connection in psutil.Process(pid).net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_no_secret_is_on_a_command_line_or_readable_by_others(plane: RunningPlane) -> None:
    secrets = (plane.state_dir / "secrets.env").read_text()
    assert (plane.state_dir / "secrets.env").stat().st_mode & 0o077 == 0
    values = re.findall(r"^(?!DEMO_CLIENT_ID)\w+=(.{12,})$", secrets, re.MULTILINE)
    for row in status(plane.state_dir)["services"].values():
        command = " ".join(psutil.Process(row["pid"]).cmdline())
        assert not [value for value in values if value in command]
    for log in (plane.state_dir / "logs").iterdir():
        text = log.read_text(errors="replace")
        assert not [value for value in values if value in text], log.name


def test_the_plane_at_rest_stays_small(plane: RunningPlane) -> None:
    """All processes together below 1.2 GiB, counting shared pages once."""
    total = 0
    for row in status(plane.state_dir)["services"].values():
        process = psutil.Process(row["pid"])
        for member in (process, *process.children(recursive=True)):
            total += member.memory_full_info().pss
    assert total < 1.2 * 1024**3, f"{total / 1024**2:.0f} MiB"


@pytest.mark.parametrize("service", ["token", "gateway"])
def test_a_killed_service_comes_back_by_itself(plane: RunningPlane, service: str) -> None:
    before = plane.pid(service)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: status(plane.state_dir)["services"][service]["ready"] and plane.pid(service) != before)
    wait_until(lambda: answers(f"{plane.issuer}/ready"))


def test_a_second_plane_in_the_same_place_is_refused_with_a_way_out(plane: RunningPlane) -> None:
    refused = authserver("dev", "--state-dir", str(plane.state_dir), "--port-base", str(free_base()))
    assert refused.returncode == 1
    assert "--stop" in refused.stderr


def test_a_plane_on_taken_ports_starts_nothing_and_says_who_has_them(plane: RunningPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    port = int(plane.issuer.rpartition(":")[2])
    elsewhere = tmp_path_factory.mktemp("s")
    refused = authserver("dev", "--state-dir", str(elsewhere), "--port-base", str(port))
    assert refused.returncode == 1
    assert f"port {port} (public gateway) is taken by process {plane.pid('gateway')} (envoy" in refused.stderr
    assert not (elsewhere / "secrets.env").exists()


def test_stopping_leaves_no_process_and_starting_again_keeps_the_data(start_plane: Callable[..., RunningPlane]) -> None:
    first = start_plane()
    pids = [row["pid"] for row in first.facts["services"].values()]
    stopped = authserver("dev", "--stop", "--state-dir", str(first.state_dir))
    assert stopped.returncode == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert authserver("dev", "--status", "--state-dir", str(first.state_dir)).returncode == 1

    again = authserver("dev", "--detach", "--state-dir", str(first.state_dir), "--port-base", first.issuer.rpartition(":")[2])
    assert again.returncode == 0, again.stderr
    facts = status(first.state_dir)
    assert facts["demo_user"] == first.facts["demo_user"]
    assert facts["demo_client"] == first.facts["demo_client"]
    client_id, client_secret = first.demo_client
    answer = httpx.post(f"{first.issuer}/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, client_secret))
    assert answer.status_code == 200, answer.text


def test_a_killed_supervisor_takes_everything_with_it_and_the_next_start_cleans_up(start_plane: Callable[..., RunningPlane]) -> None:
    plane = start_plane()
    processes = [psutil.Process(row["pid"]) for row in plane.facts["services"].values()]
    os.kill(int(plane.facts["pid"]), signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    again = authserver("dev", "--detach", "--state-dir", str(plane.state_dir), "--port-base", plane.issuer.rpartition(":")[2])
    assert again.returncode == 0, again.stderr
    assert "ended without being stopped" in (plane.state_dir / "logs" / "stack.log").read_text()


def test_the_overview_and_the_version_need_no_plane() -> None:
    assert authserver("version").stdout.startswith("authserver ")
    assert "dev" in authserver("--help").stdout
    assert (ROOT / "Makefile").exists()
