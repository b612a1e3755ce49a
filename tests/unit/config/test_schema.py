"""The operators' vocabulary: every published name, every default, and what a file may look like."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import config
from config.schema import Configuration
from config.warnings import warnings
from kit.settings import SettingsError, variables
from tests.unit.config.published import PUBLISHED

KNOWN = {variable.name: variable for variable in variables(Configuration)}


@pytest.mark.parametrize(("name", "key"), PUBLISHED.items())
def test_every_published_variable_overrides_its_key(name: str, key: str) -> None:
    assert ".".join(KNOWN[name].path) == key


def test_no_two_keys_share_a_variable() -> None:
    assert len(KNOWN) == len(list(variables(Configuration)))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("server.issuer", "http://localhost:9000"),
        ("server.shutdown_wait", timedelta(seconds=10)),
        ("storage.driver", "postgres"),
        ("storage.postgres.max_conns", 25),
        ("signing.algorithm", "ES256"),
        ("signing.key_store", "keyfile"),
        ("dcr.mode", "open"),
        ("dcr.default_token_expiry", timedelta(minutes=15)),
        ("dcr.default_refresh_expiry", timedelta(days=7)),
        ("cimd.cache_ttl", timedelta(hours=1)),
        ("session.cookie_name", "authserver_session"),
        ("session.fail_closed", True),
        ("rate_limit.max_tracked_identities", 250_000),
        ("admin.audit_max_lookback", timedelta(days=30)),
        ("oauth.require_scope", False),
        ("oauth.code_lifetime", timedelta(minutes=2)),
        ("refresh.reuse_window", timedelta(seconds=60)),
        ("refresh.max_lifetime", timedelta(days=30)),
        ("clock_skew", timedelta(seconds=30)),
        ("client_credentials.enabled", True),
        ("dpop.proof_lifetime", timedelta(seconds=60)),
        ("token_exchange.max_chain_depth", 5),
        ("xaa.subject_mode", "auto_map"),
        ("seed.mode", "create"),
        ("observability.tracing.sample_rate", 1.0),
    ],
)
def test_defaults_are_the_published_ones(key: str, expected: object) -> None:
    """Target A2 for oauth.require_scope, T1, T2 and T14 for refresh and skew."""
    value: Any = config.load(None, {})
    for name in key.split("."):
        value = getattr(value, name)
    assert value == expected


@pytest.mark.parametrize(
    "name",
    [
        "AUTHPLANE_LISTEN_HTTP",
        "AUTHPLANE_LISTEN_RPC",
        "AUTHPLANE_RPC_CA_FILE",
        "AUTHPLANE_RPC_CERT_FILE",
        "AUTHPLANE_RPC_KEY_FILE",
        "AUTHPLANE_REDIS_URL",
        "AUTHPLANE_WORKERS",
        "AUTHPLANE_STATE_DIR",
        "AUTHPLANE_CIMD_CA_FILE",
        *(f"AUTHPLANE_PEERS_{peer}" for peer in ("REGISTRY", "AUTHORIZE", "TOKEN", "VAULT", "AUDIT")),
    ],
)
def test_what_wires_processes_together_has_its_variable(name: str) -> None:
    assert name in KNOWN


@pytest.mark.parametrize(
    "name",
    [
        "AUTHPLANE_SESSION_SECRET",
        "AUTHPLANE_ADMIN_API_KEY",
        "AUTHPLANE_CLIENT_SECRET_PEPPER",
        "AUTHPLANE_CONNECT_STATE_SECRET",
        "AUTHPLANE_OIDC_CLIENT_SECRET",
        "AUTHPLANE_STORAGE_POSTGRES_DSN",
        "AUTHPLANE_REDIS_URL",
        "AUTHPLANE_VAULT_TOKEN",
        "AUTHPLANE_VAULT_APPROLE_SECRET_ID",
    ],
)
def test_secrets_are_known_as_such_and_never_shown(name: str) -> None:
    assert KNOWN[name].secret
    value = "redis://hunter2:1/0" if "REDIS" in name else "hunter2hunter2hunter2hunter2hunter2"
    environ = {name: value, "AUTHPLANE_CONNECT_REDIRECT_BASE_URL": "http://localhost:9000"}
    assert "hunter2" not in repr(config.load(None, environ))


@pytest.mark.parametrize("key", ["resource_servers", "vault_connectors", "vault_connect", "token_exchange.cross_client_allowlist"])
def test_a_key_that_was_given_up_is_answered_with_its_replacement(tmp_path: Path, key: str) -> None:
    outer, _, inner = key.partition(".")
    path = tmp_path / "c.yaml"
    path.write_text(f"{outer}: {{{inner}: [x]}}\n" if inner else f"{outer}: [x]\n", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        config.load(str(path), {})
    assert raised.value.problems[0].startswith(f"{key} is no longer read: use ")


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        """
seed: {mode: sync}
resources:
  - slug: notes
    uri: https://notes.example/mcp
    scopes: [{name: "notes:read", description: Read, default: true}]
    policy: {exchange: {allowed_client_ids: [a]}, connect: {allowed_return_urls: ["https://a.example/x"]}}
  - {slug: gh, uri: "https://gh.example/mcp", backend_kind: broker, broker_provider_slug: github}
broker_providers:
  - {slug: github, protocol: oauth, config_data: {client_id: x, client_secret_ref: CONNECTOR_GITHUB_SECRET}}
users:
  - {email: a@example.com, password_ref: CONNECTOR_ALICE}
clients:
  - {client_name: Batch, grant_types: [client_credentials], token_endpoint_auth_method: client_secret_basic,
     client_secret_ref: CONNECTOR_BATCH}
""",
        encoding="utf-8",
    )
    environ = {"CONNECTOR_GITHUB_SECRET": "1", "CONNECTOR_ALICE": "2", "CONNECTOR_BATCH": "3", "CONNECTOR_LATER": "4"}
    read = config.load(str(path), environ)
    assert [resource.backend_kind for resource in read.resources] == ["mint", "broker"]
    assert read.resources[0].policy.exchange.allowed_client_ids == ("a",)
    assert read.users[0].role == "user"
    assert read.referenced("CONNECTOR_GITHUB_SECRET") == "1"
    assert read.referenced("CONNECTOR_LATER") == "4"
    assert read.referenced("PATH") is None


def test_one_resource_and_one_provider_may_be_seeded_by_variables() -> None:
    prefix = "AUTHPLANE_BROKER_PROVIDER_"
    read = config.load(
        None,
        {
            "AUTHPLANE_RESOURCE_URI": "https://Notes.Example.com:8443/mcp",
            "AUTHPLANE_RESOURCE_SCOPES": "a,b c",
            prefix + "SLUG": "github",
            prefix + "CLIENT_ID": "x",
            prefix + "CLIENT_SECRET_ENV": "CONNECTOR_GITHUB",
            prefix + "TOKEN_URL": "https://github.example/token",
            "CONNECTOR_GITHUB": "s",
        },
    )
    (resource,), (provider,) = read.resources, read.broker_providers
    assert (resource.slug, [scope.name for scope in resource.scopes]) == ("notes-example-com", ["a", "b", "c"])
    assert (provider.slug, provider.display_name, provider.protocol) == ("github", "github", "oauth")
    assert provider.config_data == {"client_id": "x", "client_secret_ref": "CONNECTOR_GITHUB", "token_url": "https://github.example/token"}


def test_variables_merge_into_the_entry_of_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("resources: [{slug: notes, uri: 'https://n.example', display_name: Notes}]\n", encoding="utf-8")
    read = config.load(str(path), {"AUTHPLANE_RESOURCE_URI": "https://n.example", "AUTHPLANE_RESOURCE_SCOPES": "a"})
    (resource,) = read.resources
    assert (resource.slug, resource.display_name, resource.scopes[0].name) == ("notes", "Notes", "a")


@pytest.mark.parametrize(
    "seeds", ["resources: x", "resources: {a: 1}", "broker_providers: [1]", "broker_providers: [{slug: a, config_data: 1}]"]
)
def test_malformed_seeds_are_explained_and_never_crash(tmp_path: Path, seeds: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(seeds, encoding="utf-8")
    environ = {
        "AUTHPLANE_RESOURCE_URI": "http://[",
        "AUTHPLANE_BROKER_PROVIDER_SLUG": "a",
        "AUTHPLANE_BROKER_PROVIDER_CLIENT_ID": "x",
    }
    with pytest.raises(SettingsError):
        config.load(str(path), environ)


def test_identity_providers_are_one_list_however_they_were_written(tmp_path: Path) -> None:
    """Target A9: any number of providers."""
    path = tmp_path / "c.yaml"
    path.write_text(
        """
oidc:
  enabled: true
  issuer: https://one.example
  client_id: a
  redirect_uri: http://localhost:9000/oidc/callback
  providers:
    - {name: two, issuer: "https://two.example", client_id: b, redirect_uri: "http://localhost:9000/oidc/callback?provider=two"}
""",
        encoding="utf-8",
    )
    read = config.load(str(path), {})
    assert [(name, provider.issuer) for name, provider in read.oidc.all_providers()] == [
        ("oidc", "https://one.example"),
        ("two", "https://two.example"),
    ]
    assert config.load(None, {}).oidc.all_providers() == ()


def test_answers_of_several_providers_arrive_at_different_places(tmp_path: Path) -> None:
    """RFC 9700 §4.4.2.2."""
    path = tmp_path / "c.yaml"
    entry = '{{name: {0}, issuer: "https://{0}.example", client_id: b, redirect_uri: "http://localhost:9000/oidc/callback{1}"}}'
    path.write_text(
        f"oidc: {{enabled: true, providers: [{entry.format('one', '')}, {entry.format('two', '?provider=one')}]}}", encoding="utf-8"
    )
    with pytest.raises(SettingsError) as refused:
        config.load(str(path), {})
    for name in ("one", "two"):
        assert f"oidc.providers[{name}].redirect_uri must end with ?provider={name}" in str(refused.value)


def test_convenience_is_warned_of() -> None:
    said = "\n".join(warnings(config.load(None, {"AUTHPLANE_SESSION_FAIL_CLOSED": "false"})))
    for word in ("dcr.mode", "oauth.default_client_scope", "session.fail_closed", "session.secret"):
        assert word in said
    quiet = {"AUTHPLANE_DCR_MODE": "admin_only", "AUTHPLANE_SESSION_SECRET": "long enough to be one"}
    assert list(warnings(config.load(None, quiet))) == []
