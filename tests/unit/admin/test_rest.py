"""REST's shapes: paths, members and statuses (operator-contract §3)."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from kit.audit import Action
from services.admin.model.tokens import Live
from tests.support.fakes_admin import Plane

PROBLEM = "application/problem+json"


def is_problem(response: httpx.Response, status: int, title: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == PROBLEM
    assert (body["type"], body["title"], body["status"]) == ("about:blank", title, status)
    assert isinstance(body["detail"], str)
    return body


async def test_clients_are_a_bare_array_with_id_and_name(admin: httpx.AsyncClient) -> None:
    """§3.2 clientView."""
    listed = (await admin.get("/admin/clients")).json()
    assert [each["id"] for each in listed] == ["c1", "conf"]
    view = listed[0]
    assert set(view) >= {
        "id", "name", "redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method", "scope", "status",
        "registration_source", "agent", "agent_description", "cimd_url", "issued_at", "updated_at",
    }  # fmt: skip
    assert view["issued_at"] == "2026-01-02T03:04:05Z"
    assert (view["status"], view["registration_source"]) == ("active", "admin")
    assert "secret" not in str(view).lower().replace("client_secret_basic", "")


async def test_lists_of_clients_are_cut_and_filtered(admin: httpx.AsyncClient) -> None:
    assert len((await admin.get("/admin/clients", params={"limit": 1})).json()) == 1
    assert len((await admin.get("/admin/clients", params={"limit": -1})).json()) == 2
    assert [each["id"] for each in (await admin.get("/admin/clients", params={"offset": 1})).json()] == ["conf"]
    assert (await admin.get("/admin/clients", params={"status": "suspended"})).json() == []
    is_problem(await admin.get("/admin/clients", params={"status": "sleepy"}), 400, "Bad Request")


async def test_creating_answers_in_the_words_of_registration(admin: httpx.AsyncClient) -> None:
    """§3.2 createClientResponse: client_id and client_name, the secret once and only for a confidential client."""
    public = await admin.post("/admin/clients", json={"client_name": "A", "redirect_uris": ["https://a.example/cb"]})
    assert public.status_code == 201
    assert "client_secret" not in public.json()
    assert "id" not in public.json()
    assert public.json()["client_name"] == "A"
    body = {"client_name": "B", "token_endpoint_auth_method": "client_secret_basic", "grant_types": ["client_credentials"]}
    confidential = await admin.post("/admin/clients", json=body)
    assert confidential.json()["client_secret"] == "s3cret"
    assert confidential.headers["cache-control"] == "no-store"
    assert (await admin.get(f"/admin/clients/{confidential.json()['client_id']}")).json().get("client_secret") is None


async def test_a_machine_clients_quotas_are_set_shown_and_lifted(admin: httpx.AsyncClient) -> None:
    """T12."""
    made = await admin.post("/admin/clients", json={"client_name": "M", "tokens_per_minute": 60, "tokens_per_day": 1000})
    at = f"/admin/clients/{made.json()['client_id']}"
    shown = (await admin.get(at)).json()
    assert (shown["tokens_per_minute"], shown["tokens_per_day"]) == (60, 1000)
    lifted = (await admin.patch(at, json={"tokens_per_minute": 0})).json()
    assert (lifted["tokens_per_minute"], lifted["tokens_per_day"]) == (0, 1000)
    assert (await admin.patch(at, json={"tokens_per_day": -1})).status_code == 400


async def test_patch_leaves_alone_what_is_absent_and_clears_what_is_empty(admin: httpx.AsyncClient, plane: Plane) -> None:
    """§3.1 PATCH."""
    renamed = (await admin.patch("/admin/clients/c1", json={"client_name": "New"})).json()
    assert (renamed["name"], renamed["redirect_uris"]) == ("New", ["https://agent.example/cb"])
    cleared = (await admin.patch("/admin/clients/c1", json={"redirect_uris": [], "scope": ""})).json()
    assert (cleared["name"], cleared["redirect_uris"], cleared["scope"]) == ("New", [], "")
    is_problem(await admin.patch("/admin/clients/c1", json={"scope": "x", "expected_version": 1}), 412, "Precondition Failed")
    assert plane.registry.told[0] == ("update_client", "c1", "bootstrap")


@pytest.mark.parametrize(("verb", "status"), [("suspend", "suspended"), ("revoke", "revoked"), ("reactivate", "active")])
async def test_a_change_of_status_answers_the_status(admin: httpx.AsyncClient, verb: str, status: str) -> None:
    response = await admin.patch(f"/admin/clients/c1/{verb}")
    assert (response.status_code, response.json()) == (200, {"status": status})


async def test_deletion_answers_204_and_409_while_tokens_live(admin: httpx.AsyncClient, plane: Plane) -> None:
    plane.token.live["c1"] = Live(families=1)
    assert is_problem(await admin.delete("/admin/clients/c1"), 409, "Conflict")["error"] == "conflict"
    forced = await admin.delete("/admin/clients/c1", params={"force": "true"})
    assert (forced.status_code, forced.content) == (204, b"")
    is_problem(await admin.get("/admin/clients/c1"), 404, "Not Found")


async def test_rotating_answers_id_and_secret(admin: httpx.AsyncClient) -> None:
    response = await admin.post("/admin/clients/conf/rotate-secret")
    assert response.json() == {"client_id": "conf", "client_secret": "rotated-s3cret"}
    is_problem(await admin.post("/admin/clients/c1/rotate-secret"), 409, "Conflict")


async def test_resources_show_their_policy_in_three_parts(admin: httpx.AsyncClient) -> None:
    """§3.4 resourceView."""
    body = {
        "slug": "mcp-b",
        "uri": "https://mcp-b.example.com",
        "backend_kind": "mint",
        "display_name": "B",
        "scopes": [{"name": "read", "description": "Read"}],
        "policy": {"runtime": {"client_ids": ["c1"]}},
    }
    created = await admin.post("/admin/resources", json=body)
    assert created.status_code == 201, created.text
    view = created.json()
    assert view["scopes"] == [{"name": "read", "description": "Read", "upstream": "", "is_default": False}]
    assert view["policy"] == {
        "exchange": {"allowed_client_ids": []}, "runtime": {"client_ids": ["c1"]}, "connect": {"allowed_return_urls": []},
    }  # fmt: skip
    assert view["broker_provider_id"] == ""
    is_problem(await admin.post("/admin/resources", json=body), 409, "Conflict")
    assert [each["slug"] for each in (await admin.get("/admin/resources", params={"slug": "mcp-b"})).json()] == ["mcp-b"]
    patched = await admin.patch(f"/admin/resources/{view['id']}", json={"scopes": []})
    assert (patched.json()["scopes"], patched.json()["display_name"]) == ([], "B")
    is_problem(await admin.patch(f"/admin/resources/{view['id']}", json={"backend_kind": "broker"}), 400, "Bad Request")
    assert (await admin.delete(f"/admin/resources/{view['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("path", "member", "body", "gone"),
    [
        ("exchange/allowed-clients", "allowed_client_ids", {"client_id": "c1"}, "/c1"),
        ("runtime/client-ids", "client_ids", {"client_id": "c1"}, "/c1"),
        (
            "connect/allowed-return-urls",
            "allowed_return_urls",
            {"url": "https://app.example/back?x=1"},
            "?url=https%3A%2F%2Fapp.example%2Fback%3Fx%3D1",
        ),
    ],
)
async def test_policy_lists_answer_their_state_afterwards(
    admin: httpx.AsyncClient, path: str, member: str, body: dict[str, str], gone: str
) -> None:
    """§3.4 policy sub-resources."""
    at = f"/admin/resources/mcp-a/policy/{path}"
    assert (await admin.get(at)).json() == {member: []}
    added = await admin.post(at, json=body)
    assert (added.status_code, added.json()) == (200, {member: list(body.values())})
    assert (await admin.delete(at + gone)).json() == {member: []}
    is_problem(await admin.post(at, json={**body, "more": 1}), 400, "Bad Request")
    is_problem(await admin.post(at, json={"client_id": "ghost"}), 400, "Bad Request")
    is_problem(
        await admin.post(at, content=b'{"x":"' + b"y" * 17_000 + b'"}', headers={"content-type": "application/json"}),
        413,
        HTTPStatus(413).phrase,
    )
    is_problem(await admin.get(at.replace("mcp-a", "ghost")), 404, "Not Found")


async def test_users_come_and_go(admin: httpx.AsyncClient, plane: Plane) -> None:
    """§3.3."""
    made = await admin.post("/admin/users", json={"email": "bob@example.com", "password": "long enough for anyone", "role": "owner"})
    assert made.status_code == 201
    assert set(made.json()) == {"id", "email", "name", "role", "status", "provider", "created_at"}
    assert made.json()["role"] == "user"
    is_problem(await admin.post("/admin/users", json={"email": "x@example.com"}), 400, "Bad Request")
    is_problem(await admin.post("/admin/users", json={"email": "bob@example.com", "password": "p" * 12}), 409, "Conflict")
    assert len((await admin.get("/admin/users")).json()) == 2
    at = f"/admin/users/{made.json()['id']}"
    assert (await admin.patch(at, json={"name": "Bob"})).json()["name"] == "Bob"
    assert (await admin.patch(f"{at}/disable")).json() == {"status": "disabled"}
    assert (await admin.patch(f"{at}/enable")).json() == {"status": "active"}
    assert (await admin.delete(at)).status_code == 204


async def test_what_a_user_holds_is_listed_and_ended(admin: httpx.AsyncClient, plane: Plane) -> None:
    grants = (await admin.get("/admin/users/u1/grants")).json()
    assert grants["broker_grants"] == []
    assert (grants["consent_grants"][0]["resource_id"], "revoked_at" in grants["consent_grants"][0]) == ("id-mcp-a", False)
    assert [each["jti"] for each in (await admin.get("/admin/users/u1/tokens")).json()["tokens"]] == ["jti-i1"]
    plane.token.live["u1"] = Live(families=2, issuances=1)
    ended = (await admin.delete("/admin/users/u1/tokens")).json()
    assert ended == {"user_id": "u1", "tokens_revoked": 3, "sessions_ended": 0, "revoked": 3}
    assert (await admin.delete("/admin/grants/consent/g1")).status_code == 204


async def test_issuances_come_in_an_envelope(admin: httpx.AsyncClient, plane: Plane) -> None:
    """§3.5."""
    body = (await admin.get("/admin/issuances", params={"resource": "mcp-a", "limit": 5})).json()
    assert body["count"] == 1
    assert body["since"] == (plane.clock.now() - timedelta(hours=24)).isoformat().replace("+00:00", "Z")
    assert body["issuances"][0]["resource_id"] == "id-mcp-a"
    assert (await admin.get("/admin/issuances", params={"jti": "nothing"})).json() == {
        "issuances": [],
        "since": "0001-01-01T00:00:00Z",
        "count": 0,
    }
    for params in ({}, {"user": "u1", "limit": "0"}, {"user": "u1", "since": "2020-01-01T00:00:00Z"}, {"user": "u1", "since": "yesterday"}):
        is_problem(await admin.get("/admin/issuances", params=params), 400, "Bad Request")
    assert (await admin.get("/admin/issuances/i1")).json()["jti"] == "jti-i1"
    is_problem(await admin.get("/admin/issuances/ghost"), 404, "Not Found")
    assert (await admin.delete("/admin/issuances/i1")).status_code == 204
    assert (await admin.delete("/admin/tokens/jti-i1")).status_code == 204
    assert len((await admin.get("/admin/tokens", params={"client_id": "c1"})).json()["tokens"]) == 1


async def test_keys_settings_and_figures(admin: httpx.AsyncClient) -> None:
    """§3.6."""
    assert (await admin.get("/admin/keys")).json() == {"keys": [{"kid": "k1", "alg": "ES256", "use": "sig", "status": "current"}]}
    assert (await admin.post("/admin/keys/rotate")).json() == {"kid": "k2", "alg": "ES256"}
    assert (await admin.patch("/admin/settings/dcr", json={"mode": "admin_only"})).json() == {"mode": "admin_only"}
    assert (await admin.get("/admin/settings/dcr")).json() == {"mode": "admin_only"}
    is_problem(await admin.patch("/admin/settings/dcr", json={"mode": "wide"}), 400, "Bad Request")
    assert set((await admin.get("/admin/stats")).json()) == {"clients", "users", "active_tokens_24h", "revoked_tokens", "connections"}
    config = (await admin.get("/admin/system/config")).json()
    assert config["signing"] == {"algorithm": "ES256", "key_store": "postgres_key"}
    assert set(config) == {
        "issuer", "storage", "signing", "encryption", "dcr", "rate_limit", "client_credentials", "dpop", "token_exchange", "agents",
        "oidc", "notices",
    }  # fmt: skip


async def test_status_is_an_answer_even_when_parts_are_down(admin: httpx.AsyncClient, plane: Plane) -> None:
    plane.parts.down = {"audit"}
    body = (await admin.get("/admin/system/status")).json()
    assert {"name": "audit", "status": "unhealthy"} in body["subsystems"]
    assert {"name": "storage", "status": "healthy", "driver": "postgres"} in body["subsystems"]
    assert set(body) == {"version", "uptime", "uptime_secs", "subsystems"}


async def test_verifying_a_key_says_whose_it_is_and_is_recorded(admin: httpx.AsyncClient, plane: Plane) -> None:
    body = (await admin.post("/admin/auth/verify")).json()
    assert body == {"valid": True, "version": "0.1.0", "name": "bootstrap", "role": "admin"}
    event = plane.keys.events[-1]
    assert (event.action, event.actor_id, event.ip, event.request_id) == (Action.ADMIN_UI_LOGIN, "bootstrap", "192.0.2.7", "req-1")
    assert event.trace_id == "a" * 32


async def test_the_audit_log_is_a_bare_array_with_the_next_page_in_a_link(admin: httpx.AsyncClient, plane: Plane) -> None:
    """§5.2; O3."""
    plane.audit.next_cursor = "a b/c"
    response = await admin.get("/admin/audit", params={"action": ["token.issued", "token.revoked"], "q": "f1", "limit": 2})
    assert [each["detail"] for each in response.json()] == ["family=f1"]
    assert set(response.json()[0]) >= {"id", "action", "actor_id", "client_id", "ip", "detail", "trace_id", "created_at"}
    link = '</admin/audit?action=token.issued&action=token.revoked&q=f1&limit=2&cursor=a+b%2Fc>; rel="next"'
    assert response.headers["link"] == link
    assert plane.audit.asked[0][0].actions == ("token.issued", "token.revoked")
    for params in ({"limit": "1001"}, {"offset": "100001"}, {"since": "2020-01-01T00:00:00Z"}, {"since": "soon"}, {"limit": "many"}):
        is_problem(await admin.get("/admin/audit", params=params), 400, "Bad Request")


async def test_the_tail_is_one_json_object_a_line(admin: httpx.AsyncClient) -> None:
    response = await admin.get("/admin/audit/tail")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith('"created_at":"2026-01-02T03:04:05Z","hash":"ab"}\n')
    assert (await admin.get("/admin/audit/verify")).json()["intact"] is True


async def test_api_keys_are_made_listed_and_revoked(admin: httpx.AsyncClient, anyone: httpx.AsyncClient) -> None:
    """O1."""
    made = await admin.post("/admin/api-keys", json={"name": "ci", "role": "viewer"})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert [each["name"] for each in (await admin.get("/admin/api-keys")).json()] == ["ci"]
    assert secret not in (await admin.get("/admin/api-keys")).text
    theirs = {"authorization": f"Bearer {secret}"}
    assert (await anyone.get("/admin/clients", headers=theirs)).status_code == 200
    assert (await admin.delete(f"/admin/api-keys/{made.json()['id']}")).status_code == 204
    assert (await anyone.get("/admin/clients", headers=theirs)).status_code == 401


@pytest.mark.parametrize("path", ["/admin/clients/" + "x" * 257, "/admin/users/%00", "/admin/issuances/a%0Ab"])
async def test_path_parameters_have_bounds(admin: httpx.AsyncClient, path: str) -> None:
    """§3.1: non-empty and ≤ 256 characters, else 400."""
    is_problem(await admin.get(path), 400, "Bad Request")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"client_name": 5}', b'{"client_name": "A", "redirect_uris": "x"}', b"\xff"])
async def test_a_malformed_body_is_a_bad_request(admin: httpx.AsyncClient, body: bytes) -> None:
    is_problem(await admin.post("/admin/clients", content=body, headers={"content-type": "application/json"}), 400, "Bad Request")


async def test_a_body_over_a_mebibyte_is_refused(admin: httpx.AsyncClient) -> None:
    """§3.1."""
    body = b'{"client_name":"' + b"x" * 1024 * 1024 + b'"}'
    is_problem(await admin.post("/admin/clients", content=body, headers={"content-type": "application/json"}), 413, HTTPStatus(413).phrase)


async def test_a_refused_body_is_not_repeated_back(admin: httpx.AsyncClient) -> None:
    response = await admin.post("/admin/users", json={"email": "x@example.com", "password": ["hunter2-secret"]})
    assert "hunter2" not in response.text
    is_problem(response, 400, "Bad Request")


async def test_a_dependency_that_is_down_is_a_503_with_retry_after(admin: httpx.AsyncClient, plane: Plane) -> None:
    plane.token.down = True
    response = await admin.get("/admin/keys")
    assert is_problem(response, 503, "Service Unavailable")["error"] == "temporarily_unavailable"
    assert response.headers["retry-after"] == "1"


async def test_nowhere_and_the_wrong_method_are_problems(admin: httpx.AsyncClient) -> None:
    is_problem(await admin.get("/admin/nothing"), 404, "Not Found")
    wrong = await admin.put("/admin/clients", json={})
    is_problem(wrong, 405, "Method Not Allowed")
    assert wrong.headers["allow"]


async def test_a_mistake_of_ours_shows_none_of_its_text(admin: httpx.AsyncClient, plane: Plane) -> None:
    plane.registry.clients = None  # type: ignore[assignment]
    body = is_problem(await admin.get("/admin/clients"), 500, "Internal Server Error")
    assert "NoneType" not in body["detail"]


async def test_the_page_and_the_description_need_no_key_and_hold_no_secret(anyone: httpx.AsyncClient) -> None:
    page = await anyone.get("/admin/ui/")
    assert page.headers["content-type"].startswith("text/html")
    assert "authserver admin" in page.text
    assert "<script" not in page.text
    described = (await anyone.get("/admin/openapi.json")).json()
    assert {"/admin/clients/{client_id}/rotate-secret", "/admin/audit/tail"} <= set(described["paths"])
    assert (await anyone.get("/docs")).status_code == 404
    assert (await anyone.get("/admin/docs")).status_code == 404
