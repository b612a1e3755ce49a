"""`authserver admin …`: verbs, flags, lines and exit codes (operator-contract §1; O2)."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.admin import app
from cli.admin.issuance import duration
from cli.connection import Target, target
from services.admin.model.clients import ClientStatus
from services.admin.model.operators import Role
from services.admin.model.tokens import Live
from tests.support.fakes_admin import LONG_AGO, Plane, an_entry, an_issuance
from tests.unit.cli.conftest import Run


def test_a_resource_is_described_with_scope_tuples(run: Run, plane: Plane) -> None:
    result = run(
        *("resource", "create", "--slug", "mcp-b", "--uri", "https://mcp-b.example.com", "--backend-kind", "mint"),
        *("--display-name", "MCP B", "--scopes", "read||Read access", "--scopes", "write||Write access"),
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "resource created: id=id-mcp-b slug=mcp-b uri=https://mcp-b.example.com backend_kind=mint\n"
    made = plane.registry.resources[-1]
    assert [(each.name, each.upstream, each.description) for each in made.scopes] == [
        ("read", "", "Read access"),
        ("write", "", "Write access"),
    ]
    assert made.display_name == "MCP B"


def test_a_public_client_is_registered(run: Run, plane: Plane) -> None:
    result = run(
        *("client", "create", "--name", "my-agent", "--grant-types", "authorization_code,refresh_token"),
        *("--auth-method", "none", "--scope", "read write"),
    )
    assert (result.exit_code, result.stdout) == (0, "client created: id=new-1 name=my-agent\n")
    made = plane.registry.clients["new-1"]
    assert (made.scope, made.grant_types) == ("read write", ("authorization_code", "refresh_token"))
    assert made.redirect_uris == ("http://127.0.0.1/callback",)
    assert result.stderr == "note: no --redirect-uris given, so the client may use http://127.0.0.1/callback on any port\n"
    assert run("client", "create", "--name", "web", "--redirect-uris", "https://a.example/cb").stderr == ""


def test_a_confidential_clients_secret_is_printed_once(run: Run) -> None:
    result = run("client", "create", "--name", "svc", "--auth-method", "client_secret_basic", "--grant-types", "client_credentials")
    assert result.stdout == "client created: id=new-1 name=svc\nclient_secret=s3cret\n"
    assert (
        json.loads(run("client", "create", "--name", "svc", "--auth-method", "client_secret_post", "--json").stdout)["client_secret"]
        == "s3cret"
    )


def test_a_clients_quotas_are_set_and_lifted(run: Run, plane: Plane) -> None:
    """T12."""
    run("client", "create", "--name", "svc", "--tokens-per-minute", "60", "--tokens-per-day", "1000")
    assert (plane.registry.clients["new-1"].tokens_per_minute, plane.registry.clients["new-1"].tokens_per_day) == (60, 1000)
    assert "tokens_per_day=1000" in run("client", "update", "--id", "new-1", "--tokens-per-minute", "0").stdout
    assert (plane.registry.clients["new-1"].tokens_per_minute, plane.registry.clients["new-1"].tokens_per_day) == (0, 1000)


def test_issuances_are_listed_under_a_heading(run: Run, plane: Plane) -> None:
    plane.token.issuances.append(an_issuance("i2", revoked_at=LONG_AGO))
    plane.clock.advance(datetime.now(UTC) - plane.clock.now())  # commands name their window by the wall's clock
    result = run("issuance", "list", "--resource", "mcp-a", "--limit", "5")
    assert result.exit_code == 0, result.stderr
    heading, first, second = result.stdout.splitlines()
    assert heading.startswith("issuances (2) since=2")
    assert first.startswith(
        "  id=i1 jti=jti-i1 subject_user_id=u1 client_id=c1 resource_id=id-mcp-a backend_kind=mint issued_at=2026-01-02T03:04:05Z"
    )
    assert second.endswith(" revoked_at=2026-01-02T03:04:05Z")
    assert plane.token.asked[0].limit == 5
    body = json.loads(run("issuance", "list", "--user", "u1", "--since", "30d", "--json").stdout)
    assert (set(body), body["count"]) == ({"issuances", "since", "count"}, 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("client", "suspend", "--id", "c1"), "status=suspended\n"),
        (("client", "revoke", "--id", "c1"), "status=revoked\n"),
        (("client", "reactivate", "--id", "c1"), "status=active\n"),
        (("client", "rotate-secret", "--id", "conf"), "client_id=conf client_secret=rotated-s3cret\n"),
        (("client", "delete", "--id", "c1"), "client deleted: id=c1\n"),
        (("user", "disable", "--id", "u1"), "status=disabled\n"),
        (("user", "enable", "--id", "u1"), "status=active\n"),
        (("user", "force-logout", "--id", "u1"), "user_id=u1 tokens_revoked=0 sessions_ended=0\n"),
        (("user", "delete", "--id", "u1"), "user deleted: id=u1\n"),
        (("resource", "delete", "--id", "mcp-a"), "resource deleted: id=mcp-a\n"),
        (("grant", "revoke-consent", "--id", "g1"), "consent grant revoked: id=g1\n"),
        (("issuance", "revoke", "--id", "i1"), "issuance revoked: id=i1\n"),
        (("key", "list"), "kid=k1 alg=ES256 use=sig status=current\n"),
        (("key", "rotate"), "key rotated: kid=k2 alg=ES256\n"),
        (("dcr", "get"), "mode=open\n"),
        (("dcr", "set", "--mode", "admin_only"), "mode=admin_only\n"),
        (("audit", "verify"), "intact=true checked=1\n"),
        (("api-key", "list"), "no API keys found\n"),
        (("client", "list", "--status", "suspended"), "no clients found\n"),
        (("system", "verify-key"), "valid=true version=0.1.0 name=bootstrap role=admin\n"),
    ],
)
def test_a_command_says_what_it_did(run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, told, "")


def test_json_is_shaped_as_rest_answers(run: Run) -> None:
    resource = json.loads(run("resource", "get", "--id", "mcp-a", "--json").stdout)
    assert resource["policy"] == {
        "exchange": {"allowed_client_ids": []},
        "runtime": {"client_ids": []},
        "connect": {"allowed_return_urls": []},
    }
    assert (resource["version"], resource["created_at"]) == (1, "2026-01-02T03:04:05Z")
    assert [each["id"] for each in json.loads(run("client", "list", "--json").stdout)] == ["c1", "conf"]
    grants = json.loads(run("grant", "list-user-grants", "--user", "u1", "--json").stdout)
    assert (len(grants["consent_grants"]), grants["broker_grants"]) == (1, [])


def test_an_update_changes_only_what_is_given(run: Run, plane: Plane) -> None:
    assert run("client", "update", "--id", "c1", "--name", "New").exit_code == 0
    client = plane.registry.clients["c1"]
    assert (client.name, client.redirect_uris) == ("New", ("https://agent.example/cb",))
    assert run("client", "update", "--id", "c1", "--redirect-uris", "").exit_code == 0
    assert plane.registry.clients["c1"].redirect_uris == ()
    assert run("resource", "update", "--id", "mcp-a", "--policy-runtime-client-ids", "c1,conf").exit_code == 0
    assert run("resource", "update", "--id", "mcp-a", "--policy-allowed-clients", "c1").exit_code == 0
    policy = plane.registry.resources[0].policy
    assert (policy.runtime.client_ids, policy.exchange.allowed_client_ids) == (("c1", "conf"), ("c1",))
    assert run("resource", "update", "--id", "mcp-a", "--scopes-clear", "--policy-clear").exit_code == 0
    assert plane.registry.resources[0].scopes == ()
    assert plane.registry.resources[0].policy.runtime.client_ids == ()


def test_scopes_come_from_a_file_too(run: Run, plane: Plane, tmp_path: Path) -> None:
    file = tmp_path / "scopes.json"
    file.write_text('[{"name": "a", "description": "A"}, {"name": "b"}]')
    assert run("resource", "update", "--id", "mcp-a", "--scopes-file", str(file)).exit_code == 0
    assert [each.name for each in plane.registry.resources[0].scopes] == ["a", "b"]
    assert run("resource", "update", "--id", "mcp-a", "--scopes-file", str(file), "--scopes", "c").exit_code == 2
    file.write_text("{")
    assert run("resource", "update", "--id", "mcp-a", "--scopes-file", str(file)).exit_code == 2


def test_flags_of_clients_come_from_the_environment(run: Run, plane: Plane) -> None:
    """§1.1 flag-from-env."""
    result = run("client", "create", AUTHSERVER_CLIENT_NAME="from-env", AUTHSERVER_CLIENT_SCOPE="a b")
    assert result.exit_code == 0, result.stderr
    assert plane.registry.clients["new-1"].scope == "a b"


def test_a_guarded_deletion_can_be_forced(run: Run, plane: Plane) -> None:
    plane.token.live["c1"] = Live(families=1)
    refused = run("client", "delete", "--id", "c1")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: the client has 1 refresh families and 0 issued tokens that still work")
    assert run("client", "delete", "--id", "c1", "--force").exit_code == 0


def test_the_audit_log_is_searched_and_followed(run: Run, plane: Plane) -> None:
    plane.clock.advance(datetime.now(UTC) - plane.clock.now())  # commands name their window by the wall's clock
    plane.audit.next_cursor = "next-page"
    found = run("audit", "search", "--action", "token.issued", "--action", "token.revoked", "--client", "c1", "--since", "7d")
    assert found.exit_code == 0, found.stderr
    assert "action=token.issued actor_id=u1" in found.stdout
    assert found.stderr == "more: --cursor next-page\n"
    assert plane.audit.asked[0][0].actions == ("token.issued", "token.revoked")
    plane.audit.entries[:0] = [an_entry(2, "key.rotated")]
    followed = run("audit", "tail", "--follow", "--lines", "1", "--json")
    assert [json.loads(each)["seq"] for each in followed.stdout.splitlines()] == [2]


def test_status_fails_when_a_part_is_unwell(run: Run, plane: Plane) -> None:
    assert run("system", "status").exit_code == 0
    plane.parts.down = {"vault"}
    result = run("system", "status")
    assert result.exit_code == 1
    assert "name=vault status=unhealthy" in result.stdout
    assert result.stderr.startswith("error: unhealthy: encryption vault")


def test_a_key_is_made_and_opens_what_its_role_allows(run: Run, plane: Plane) -> None:
    made = json.loads(run("api-key", "create", "--name", "ci", "--role", "viewer", "--json").stdout)
    assert plane.keys.keys[made["id"]].role is Role.VIEWER
    theirs = {"AUTHPLANE_ADMIN_API_KEY": made["secret"]}
    assert run("client", "list", **theirs).exit_code == 0
    refused = run("client", "suspend", "--id", "c1", **theirs)
    assert (refused.exit_code, refused.stderr) == (
        1,
        "error: this API key has the role viewer; clients.suspend needs operator, use a key with a higher role\n",
    )
    assert plane.registry.clients["c1"].status is ClientStatus.ACTIVE
    assert run("api-key", "revoke", "--id", made["id"]).exit_code == 0
    assert run("client", "list", **theirs).stderr == "error: invalid API key, check AUTHPLANE_ADMIN_API_KEY\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "create"),
        ("client", "bogus"),
        ("client", "list", "--limit", "many"),
        ("issuance", "list"),
        ("issuance", "list", "--user", "u1", "--since", "soon"),
        ("issuance", "list", "--user", "u1", "--since", "9" * 30 + "w"),
        ("issuance", "list", "--user", "u1", "--limit", "0"),
        ("resource", "create", "--slug", "x", "--backend-kind", "mint", "--scopes", "|x|y"),
        ("resource", "create", "--slug", "x", "--backend-kind", "mint", "--scopes", "a|b"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    """O2: exit codes 0, 1 and 2."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("client", "get", "--id", "ghost"), ("dcr", "set", "--mode", "wide"), ("resource", "get", "--id", "ghost")]
)
def test_a_refusal_is_one_line_on_stderr_and_exits_with_1(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_a_plane_that_does_not_answer_is_said_to(run: Run) -> None:
    result = run("client", "list", AUTHPLANE_ADMIN_URL="http://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the plane at http://127.0.0.1:1 does not answer, ")
    assert run("client", "list", AUTHPLANE_ADMIN_URL="nonsense").exit_code == 1


def test_without_a_key_the_command_says_where_to_get_one(run: Run, tmp_path: Path) -> None:
    result = run("client", "list", AUTHPLANE_ADMIN_API_KEY="", AUTHPLANE_STATE_DIR=str(tmp_path))
    assert result.exit_code == 1
    assert "AUTHPLANE_ADMIN_API_KEY is not set" in result.stderr


def test_a_local_planes_key_goes_to_the_local_plane_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer import Exit

    monkeypatch.delenv("AUTHPLANE_ADMIN_API_KEY", raising=False)
    monkeypatch.setattr("cli.connection.local_plane", lambda: {"admin_url": "http://localhost:9101", "admin_api_key": "local"})
    assert target(None) == Target("http://localhost:9101", "local")
    assert target("http://localhost:9101/") == Target("http://localhost:9101/", "local")
    with pytest.raises(Exit):
        target("https://elsewhere.example")
    monkeypatch.setenv("AUTHPLANE_ADMIN_API_KEY", "mine")
    assert target("https://elsewhere.example") == Target("https://elsewhere.example", "mine")
    assert "mine" not in repr(target("https://elsewhere.example"))


@pytest.mark.parametrize("group", ["", *sorted(each.name or "" for each in app.registered_groups)])
def test_a_bare_group_prints_its_help(run: Run, group: str) -> None:
    """§1.1: exit 0."""
    result = run(*([group] if group else []))
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_help_does_not_load_grpc() -> None:
    code = "import sys, cli.admin; sys.exit('grpc' in sys.modules or 'rich.table' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_durations_add_up() -> None:
    assert duration("1h30m") == timedelta(minutes=90)
    assert duration("2w") == timedelta(days=14)
