"""The start table and what each process is told."""

from pathlib import Path

import pytest

from deploy.local import environment, secret_file
from deploy.local.places import Places, Ports
from deploy.local.stack import SERVICES, START_TABLE
from tests.unit.test_architecture import called_by_table

SECRETS = {
    name: name.lower()
    for name in ("DATA_ENCRYPTION_KEY", "SESSION_SECRET", "CONNECT_STATE_SECRET", "CLIENT_SECRET_PEPPER", "ADMIN_API_KEY")
}


def told(service: str, state: Path, config: Path | None = None) -> dict[str, str]:
    return environment.of_service(service, Places(state), Ports(), SECRETS, dsn="postgresql:///x", redis_url="unix:///r", config=config)


def test_everything_a_row_needs_stands_above_it() -> None:
    seen: set[str] = set()
    for row in START_TABLE:
        assert set(row.needs) <= seen, row.name
        seen.add(row.name)


def test_callers_start_after_those_they_call() -> None:
    """Law 2: as the callers tables have it."""
    needs = {row.name: set(row.needs) for row in START_TABLE}
    for caller, called in called_by_table().items():
        assert called <= needs[caller]


def test_the_table_has_the_six_services() -> None:
    assert set(SERVICES) == {"registry", "authorize", "token", "vault", "audit", "admin"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_its_own_identity_and_address(service: str, tmp_path: Path) -> None:
    found = told(service, tmp_path)
    assert found["AUTHPLANE_RPC_CERT_FILE"].endswith(f"/{service}.pem")
    assert found["AUTHPLANE_LISTEN_HTTP"] == f"unix:{tmp_path}/run/{service}.sock"
    assert found["AUTHPLANE_LISTEN_RPC"] == f"127.0.0.1:{Ports().rpc(service)}"


def test_only_admin_knows_the_operators_key(tmp_path: Path) -> None:
    assert [service for service in SERVICES if "AUTHPLANE_ADMIN_API_KEY" in told(service, tmp_path)] == ["admin"]


def test_the_data_key_reaches_only_services_that_seal(tmp_path: Path) -> None:
    assert {service for service in SERVICES if "DATA_ENCRYPTION_KEY" in told(service, tmp_path)} <= {"token", "vault", "audit"}


def test_the_file_wins_over_a_development_default(tmp_path: Path) -> None:
    config = tmp_path / "plane.yaml"
    config.write_text("server: {issuer: 'http://localhost:7777'}\n")
    assert "AUTHPLANE_SERVER_ISSUER" not in told("token", tmp_path, config)
    assert told("token", tmp_path, config)["AUTHPLANE_CONFIG"] == str(config)


def test_the_shell_wins_over_a_development_default_but_not_over_wiring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHPLANE_DCR_MODE", "admin_only")
    monkeypatch.setenv("AUTHPLANE_STORAGE_POSTGRES_DSN", "postgresql:///somewhere-else")
    monkeypatch.setenv("UNRELATED", "1")
    found = told("registry", tmp_path)
    assert found["AUTHPLANE_DCR_MODE"] == "admin_only"
    assert found["AUTHPLANE_STORAGE_POSTGRES_DSN"] == "postgresql:///x"
    assert "UNRELATED" not in found


@pytest.mark.parametrize("service", SERVICES)
def test_what_each_service_is_told_is_a_configuration_it_accepts(service: str, tmp_path: Path) -> None:
    import config as operators

    secrets = secret_file.ensure(tmp_path / "secrets.env")
    environ = environment.of_service(service, Places(tmp_path), Ports(), secrets, dsn="postgresql:///x", redis_url="unix:///r", config=None)
    loaded = operators.load(environ.get("AUTHPLANE_CONFIG"), environ, service=service)
    assert loaded.server.issuer == "http://localhost:9000"
    assert loaded.listen.http == f"unix:{tmp_path}/run/{service}.sock"


def test_the_operators_own_admin_key_is_not_overruled_and_stays_with_admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHPLANE_ADMIN_API_KEY", "chosen-by-the-operator")
    assert told("admin", tmp_path)["AUTHPLANE_ADMIN_API_KEY"] == "chosen-by-the-operator"
    assert "AUTHPLANE_ADMIN_API_KEY" not in told("token", tmp_path)
