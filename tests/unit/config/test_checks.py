"""Rules between settings: each planted contradiction is found, by the services it concerns."""

from pathlib import Path

import pytest

import config
from config.checks import EVERYONE, RULES
from config.localhost import is_localhost
from kit.settings import SettingsError

LONG = "a secret of forty characters, or so it is"
PRODUCTION = {
    "AUTHPLANE_SERVER_ISSUER": "https://auth.example.com",
    "AUTHPLANE_SESSION_SECRET": LONG,
    "AUTHPLANE_SESSION_SECURE": "true",
    "AUTHPLANE_ADMIN_API_KEY": LONG,
}
HEX = "0123456789abcdef" * 4
OIDC = {
    "AUTHPLANE_OIDC_ENABLED": "true",
    "AUTHPLANE_OIDC_ISSUER": "https://idp.example",
    "AUTHPLANE_OIDC_CLIENT_ID": "x",
    "AUTHPLANE_OIDC_REDIRECT_URI": "https://auth.example.com/oidc/callback",
}
SEALED = {"AUTHPLANE_DATA_ENCRYPTION_DRIVER": "aes_master", "AUTHPLANE_DATA_ENCRYPTION_KEY_ENV": "MASTER", "MASTER": HEX}


def problems(environ: dict[str, str], service: str | None = None) -> tuple[str, ...]:
    try:
        config.load(None, environ, service=service)
    except SettingsError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("environ", [{}, PRODUCTION, PRODUCTION | OIDC, SEALED, PRODUCTION | SEALED])
def test_sound_configurations_are_accepted(environ: dict[str, str]) -> None:
    assert problems(environ) == ()


def env(**changes: str) -> dict[str, str]:
    return {f"AUTHPLANE_{name}": value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (env(SERVER_ISSUER="https://auth.example.com/"), "server.issuer must not end with a slash"),
        (env(SERVER_ISSUER="http://auth.example.com"), "server.issuer must be https"),
        (env(SERVER_ISSUER="http://localhost.evil.example"), "server.issuer must be https"),
        (env(SERVER_ISSUER="auth.example.com"), "server.issuer must be an http or https URL"),
        (env(SERVER_ISSUER="https://"), "server.issuer must be an http or https URL"),
        (env(SERVER_ISSUER="http://["), "server.issuer must be an http or https URL"),
        (env(SERVER_ISSUER="https://a.example:x"), "server.issuer must be an http or https URL"),
        (env(SERVER_ISSUER="https://a.example?x"), "server.issuer must have no query"),
        (env(SERVER_ISSUER="https://u@a.example"), "server.issuer must have no query"),
        (env(ADMIN_ADDRESS=":9000"), "admin.address must differ"),
        (env(STORAGE_DRIVER="sqlite"), "storage.driver must be postgres"),
        (env(STORAGE_POSTGRES_MIN_CONNS="9", STORAGE_POSTGRES_MAX_CONNS="3"), "storage.postgres.min_conns"),
        (env(SESSION_SECRET=""), "session.secret is required"),
        (env(SESSION_SECRET="ChangeMe"), "session.secret is one of the values"),
        (env(SESSION_SECRET="fifteen letters"), "session.secret must have at least 16"),
        (env(SESSION_SECURE="false"), "session.secure must be true"),
        (env(ADMIN_API_KEY=""), "admin.api_key is required"),
        (env(ADMIN_API_KEY="dev-admin-key"), "admin.api_key is one of the values"),
        (env(ADMIN_AUDIT_DEFAULT_LOOKBACK="800h"), "admin.audit_default_lookback"),
        (env(RATE_LIMIT_RPS="0"), "rate_limit.requests_per_second"),
        (env(RATE_LIMIT_AUTH_LOCKOUT="0s"), "rate_limit.auth_fail_window"),
        (env(DCR_MODE="approved_redirects"), "dcr.approved_redirects"),
        (env(CIMD_REQUIRE_HTTPS="false"), "cimd.require_https"),
        (env(CIMD_ALLOW_PRIVATE_ADDRESSES="true"), "cimd.allow_private_addresses"),
        (env(REFRESH_MAX_LIFETIME="1h"), "refresh.max_lifetime"),
        (env(SESSION_IDLE_TIMEOUT="25h"), "session.idle_timeout"),
        (env(OIDC_ENABLED="true"), "oidc.issuer, or an entry"),
        (OIDC | env(OIDC_CLIENT_ID=""), "oidc.client_id is required"),
        (OIDC | env(OIDC_ISSUER="http://idp.example"), "oidc.issuer must be https"),
        (OIDC | env(OIDC_ISSUER="https://localhost:8080"), "oidc.issuer may be on localhost only"),
        (OIDC | env(OIDC_REDIRECT_URI="https://auth.example.com/oidc/callback?provider=two"), "must end with ?provider=oidc"),
        (OIDC | env(OIDC_REDIRECT_URI="https://["), "oidc.redirect_uri is not a URL"),
        (OIDC | env(OIDC_CLIENT_SECRET="a", OIDC_CLIENT_SECRET_REF="CONNECTOR_A") | {"CONNECTOR_A": "b"}, "exclude each other"),
        (OIDC | env(OIDC_CLIENT_SECRET_REF="HOME") | {"HOME": "/"}, "must name a variable that begins with CONNECTOR_"),
        (OIDC | env(OIDC_CLIENT_SECRET_REF="CONNECTOR_A"), "names CONNECTOR_A, which is not set"),
        (env(CONNECT_STATE_SECRET="short", CONNECT_REDIRECT_BASE_URL="https://a.example"), "connect.state_secret must have at least 32"),
        (env(CONNECT_STATE_SECRET=LONG), "connect.redirect_base_url is required"),
        (env(CONNECT_REDIRECT_BASE_URL="http://a.example"), "connect.redirect_base_url must be https"),
        (env(SIGNING_KEY_PATH=""), "signing.key_path is required"),
        (env(SIGNING_KEY_STORE="postgres_key"), "data_encryption.driver is required"),
        (env(SIGNING_KEY_STORE="vault_transit", VAULT_TOKEN="t"), "signing.vault_transit.address is required"),
        (env(SIGNING_KEY_STORE="vault_transit", VAULT_ADDR="https://v"), "either token or approle.role_id"),
        (env(SIGNING_KEY_STORE="vault_transit", VAULT_ADDR="https://v", VAULT_APPROLE_ROLE_ID="r"), "approle.secret_id is required"),
        (env(DATA_ENCRYPTION_DRIVER="aes_master"), "data_encryption.aes_master.key_env is required"),
        (SEALED | {"MASTER": "abc"}, "MASTER must hold 64 hexadecimal digits"),
        (SEALED | env(DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV="MASTER"), "old_key_env must differ"),
        (SEALED | env(DATA_ENCRYPTION_AES_MASTER_OLD_KEY_ENV="OLD") | {"OLD": HEX}, "the old key and the new key are the same"),
        (SEALED | env(DATA_ENCRYPTION_KEY_ENV="ABSENT"), "names ABSENT, which is not set"),
        (env(DATA_ENCRYPTION_DRIVER="vault_transit_encrypt"), "data_encryption.vault_transit_encrypt.address is required"),
        (
            env(DATA_ENCRYPTION_DRIVER="vault_transit_encrypt", DATA_ENCRYPTION_VAULT_AUTH_METHOD="token"),
            "data_encryption.vault_transit_encrypt.token_env is required",
        ),
        (
            env(DATA_ENCRYPTION_DRIVER="vault_transit_encrypt", DATA_ENCRYPTION_VAULT_AUTH_METHOD="approle"),
            "approle.role_id_env is required",
        ),
        (env(TRACING_ENABLED="true"), "observability.tracing.endpoint is required"),
        (env(LOG_OTEL="true"), "otel_endpoint is required"),
        (env(METRICS_PROVIDER="both"), "observability.metrics.otel_endpoint is required"),
    ],
)
def test_a_contradiction_is_found(changes: dict[str, str], problem: str) -> None:
    found = problems(PRODUCTION | changes)
    assert any(problem in sentence for sentence in found), found


def test_every_contradiction_is_said_at_once_and_once() -> None:
    found = problems(env(SERVER_ISSUER="https://a.example/", STORAGE_DRIVER="sqlite"))
    assert len(found) == len(set(found)) == 5


@pytest.mark.parametrize("weak", ["dev-secret-change-me", "dev-admin-key", "CHANGEME", "secret", "Password", "admin", "test"])
def test_the_secrets_everybody_tries_first_are_refused_even_on_localhost(weak: str) -> None:
    found = problems(env(SESSION_SECRET=weak, ADMIN_API_KEY=weak))
    assert len(found) == 2
    assert not any(weak in sentence for sentence in found if weak not in {"secret", "admin", "test"})


def test_a_process_is_asked_only_for_what_its_service_holds() -> None:
    """Each process is given its own service's secrets and no others."""
    bare = env(SERVER_ISSUER="https://auth.example.com", SESSION_SECURE="true")
    assert problems(bare, "audit") == ()
    assert problems(bare, "vault") == ()
    assert [sentence.split()[0] for sentence in problems(bare, "authorize")] == ["session.secret"]
    assert {sentence.split()[0] for sentence in problems(bare, "admin")} == {"session.secret", "admin.api_key"}
    named = bare | env(DATA_ENCRYPTION_DRIVER="aes_master", DATA_ENCRYPTION_KEY_ENV="MASTER") | {"AUTHPLANE_SESSION_SECRET": LONG}
    assert problems(named, "authorize") == ()
    assert problems(named, "vault") == ("data_encryption.aes_master.key_env names MASTER, which is not set",)


def test_a_referenced_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "master"
    path.write_text(HEX + "\n", encoding="utf-8")
    environ = {name: value for name, value in SEALED.items() if name != "MASTER"} | {"MASTER_FILE": str(path)}
    assert config.load(None, environ).referenced("MASTER") == HEX
    assert "MASTER_FILE cannot be read: FileNotFoundError" in problems(environ | {"MASTER_FILE": str(path) + "x"})


@pytest.mark.parametrize("issuer", ["http://localhost:9000", "https://127.0.0.1", "http://[::1]:1"])
def test_this_machine_is_localhost(issuer: str) -> None:
    assert is_localhost(issuer)


@pytest.mark.parametrize("issuer", ["http://localhost.example", "ftp://localhost", "http://127.0.0.2", "localhost", "http://[", ""])
def test_other_machines_are_not(issuer: str) -> None:
    assert not is_localhost(issuer)


def test_every_rule_concerns_known_services() -> None:
    for rule in RULES:
        assert rule.services
        assert rule.services <= EVERYONE
