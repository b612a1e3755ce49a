"""Recognising a running plane, a stopped one, and one that was killed."""

import socket
from pathlib import Path

import pytest

from deploy.local import running, secret_file
from deploy.local.dev import CannotStart, require_free
from deploy.local.occupied import occupied
from deploy.local.places import Places, Ports


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path)
    made.create()
    return made


def test_the_lock_tells_whether_a_plane_is_running(places: Places) -> None:
    assert not running.is_running(places)
    with running.owned(places):
        assert running.is_running(places)
        with pytest.raises(running.AlreadyRunning), running.owned(places):
            pass
    assert not running.is_running(places)


def test_leftovers_of_a_killed_plane_are_recognised_and_cleared(places: Places) -> None:
    running.write(places, {"pid": 1, "services": {"token": {"pid": 1, "started": 5.0}, "vault": {"pid": None}}})
    said = running.clear_leftovers(places)
    assert "ended without being stopped" in said[0]
    assert not places.running.exists()
    assert running.clear_leftovers(places) == []


def test_a_process_id_that_now_belongs_to_somebody_else_is_left_alone(places: Places) -> None:
    running.write(places, {"pid": 1, "services": {"token": {"pid": 1, "started": 5.0}}})
    assert len(running.clear_leftovers(places)) == 1


def test_stopping_what_is_not_running_is_no_failure(places: Places) -> None:
    assert running.stop(places) is False


def test_a_taken_port_is_named_with_its_holder_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        ports = Ports(public=port, admin=port + 1, demo=port + 2, demo_https=port + 3, first_rpc=port + 11)
        [row] = [row for row in occupied(ports) if row.port == port]
        assert row.purpose == "public gateway"
        assert "process " in row.holder
        with pytest.raises(CannotStart, match="--port-base"):
            require_free(ports)


def test_the_default_ports_are_the_documented_ones() -> None:
    assert Ports.from_base(None).all()["public gateway"] == 9000
    assert Ports.from_base(None).rpc("admin") == 9016
    assert Ports.from_base(9100).all() == {
        "public gateway": 9100,
        "admin gateway": 9101,
        "demo MCP server": 9102,
        "demo https host": 9103,
        "registry gRPC": 9111,
        "authorize gRPC": 9112,
        "token gRPC": 9113,
        "vault gRPC": 9114,
        "audit gRPC": 9115,
        "admin gRPC": 9116,
    }


def test_secrets_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    first = secret_file.ensure(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret_file.ensure(path) == first
    assert len(bytes.fromhex(first["DATA_ENCRYPTION_KEY"])) == 32


def test_a_state_directory_with_a_long_path_still_has_short_sockets(tmp_path: Path) -> None:
    places = Places(tmp_path / ("long" * 20) / ("longer" * 20))
    assert len(str(places.sockets / "authorize.sock")) < 108
