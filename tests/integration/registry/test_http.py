"""Registration, its management and resource metadata over HTTP: RFC 7591, RFC 7592, RFC 9728; wire contract §2.4, §3.5."""

import asyncio
from typing import Any

import pytest
from authserver.registry.v1 import registry_pb2 as pb

from kit.errors import Missing
from tests.integration.registry.conftest import ISSUER, OPERATOR, Registry, Start

PRM = "/.well-known/oauth-protected-resource"


async def test_a_registered_client_is_answered_with_its_effective_metadata(registry: Registry) -> None:
    answer = await registry.register(
        grant_types=["authorization_code", "implicit"], scope="admin", token_endpoint_auth_method="client_secret_basic"
    )
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert len(body.pop("client_id")) == 22
    assert len(body.pop("client_secret")) == 43
    assert body.pop("client_id_issued_at") > 0
    assert body.pop("registration_access_token")
    assert body.pop("registration_client_uri").startswith(f"{ISSUER}/oauth/register/")
    assert body == {
        "client_name": "App",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "application_type": "web",
        "client_secret_expires_at": 0,
    }


async def test_a_public_client_has_no_secret_members(registry: Registry) -> None:
    body = (await registry.register()).json()
    assert not {"client_secret", "client_secret_expires_at", "scope", "agent"} & body.keys()


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"redirect_uris": "x"}, "invalid_client_metadata"),
        ({"redirect_uris": [1]}, "invalid_client_metadata"),
        ({"redirect_uris": ["JaVaScRiPt:alert(1)"]}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://localhost.evil.test/"]}, "invalid_client_metadata"),
        ({"client_name": {"$ne": 1}}, "invalid_client_metadata"),
        ({"client_name": "a\x00b"}, "invalid_request"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
        ({"agent": "yes"}, "invalid_client_metadata"),
        ({"jwks": []}, "invalid_client_metadata"),
    ],
)
async def test_metadata_of_the_wrong_shape_is_the_clients_fault(registry: Registry, members: dict[str, Any], code: str) -> None:
    """K6, K7, K10."""
    answer = await registry.register(**members)
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert answer.headers["content-type"] == "application/problem+json"


UNREADABLE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"1",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":1,"a":2}',
    b'{"client_name":"\\ud800"}',
    b'{"a":NaN}',
]


@pytest.mark.parametrize("body", [*UNREADABLE, b" " * (2**20 + 1)])
async def test_a_body_that_cannot_be_read_is_400(registry: Registry, body: bytes) -> None:
    answer = await registry.http.post("/oauth/register", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "invalid_client_metadata"}


async def test_a_closed_door_says_so(start: Start) -> None:
    registry: Registry = await start(dcr={"mode": "admin_only"})
    answer = await registry.register()
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    picky: Registry = await start(dcr={"mode": "approved_redirects", "approved_redirects": ("https://ok.example/cb",)})
    answer = await picky.register()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


async def test_an_address_that_registers_too_fast_is_slowed_on_every_replica(start: Start) -> None:
    """C9."""
    limits = {"dcr": {"rate_limit": 0.5, "rate_limit_burst": 4}}
    replicas: list[Registry] = [await start(**limits), await start(**limits)]
    statuses = [(await replicas[number % 2].register(client_name=f"c{number}")).status_code for number in range(6)]
    assert statuses == [201] * 4 + [429] * 2
    refused = await replicas[0].register()
    assert refused.json()["error"] == "slow_down"
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert (await replicas[0].register("192.0.2.2")).status_code == 201


async def test_fifty_identical_registrations_are_one_public_client(registry: Registry, superuser: Any) -> None:
    """C6: a race has one winner, and only the winner may manage the client."""
    answers = await asyncio.gather(*(registry.register() for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["client_id"] for answer in answers}) == 1
    assert sum("registration_access_token" in answer.json() for answer in answers) == 1
    assert await superuser.fetchval("SELECT count(*) FROM registry.clients") == 1
    assert await superuser.fetchval("SELECT revision FROM registry.changes") == 1
    assert await superuser.fetchval("SELECT count(*) FROM audit.outbox") == 1


async def test_a_client_manages_itself_to_the_end(registry: Registry) -> None:
    """RFC 7592."""
    body = (await registry.register()).json()
    where = body["registration_client_uri"]
    bearer = {"authorization": f"Bearer {body['registration_access_token']}"}
    read = await registry.http.get(where, headers=bearer)
    assert read.status_code == 200
    assert read.json() == body
    changed = await registry.http.put(
        where, headers=bearer, json={"client_id": body["client_id"], "client_name": "New", "redirect_uris": ["cursor://x/cb"]}
    )
    assert (changed.status_code, changed.json()["client_name"], changed.json()["application_type"]) == (200, "New", "native")
    assert changed.json()["registration_access_token"] == body["registration_access_token"]
    deleted = await registry.http.delete(where, headers=bearer)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await registry.http.get(where, headers=bearer)).status_code == 401
    with pytest.raises(Missing):
        await registry.reads().GetClient(pb.GetClientRequest(client_id=body["client_id"]))


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer ", "Basic x", "Bearer é"])
async def test_nobody_else_does(registry: Registry, authorization: str | None) -> None:
    where = (await registry.register()).json()["registration_client_uri"]
    headers = {} if authorization is None else {b"authorization": authorization.encode()}
    for path in (where, f"{ISSUER}/oauth/register/nobody", f"{ISSUER}/oauth/register/%00"):
        for method in ("GET", "PUT", "DELETE"):
            answer = await registry.http.request(method, path, headers=headers, json={})
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_scripts_of_other_origins_may_register(registry: Registry) -> None:
    preflight = await registry.http.options(
        "/oauth/register", headers={"origin": "https://inspector.example", "access-control-request-method": "POST"}
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"


async def test_resource_metadata_is_published_for_every_resource(registry: Registry) -> None:
    """RFC 9728; wire contract §2.4."""
    writes = registry.writes()
    for slug, uri in (("notes", "https://mcp.example/mcp"), ("root", "https://root.example"), ("none", "")):
        await writes.CreateResource(
            pb.CreateResourceRequest(slug=slug, uri=uri, display_name=slug, scopes=[pb.Scope(name=f"{slug}:read")], operator=OPERATOR)
        )
    for path in ("/notes", "/mcp"):
        answer = await registry.http.get(PRM + path)
        assert answer.status_code == 200
        assert answer.json()["resource"] == "https://mcp.example/mcp"
        assert answer.json()["authorization_servers"] == [ISSUER]
        assert answer.json()["scopes_supported"] == ["notes:read"]
        assert answer.headers["cache-control"] == "public, max-age=60"
    assert (await registry.http.get(PRM)).json()["resource"] == "https://root.example"
    allowed = await registry.http.get(PRM, headers={"origin": "https://inspector.example"})
    assert allowed.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("reference", ["/nobody", "/none", "/%ff", "/%00", "/" + "a" * 3000, "/a%0ab", "/..%2fnotes"])
async def test_unknown_metadata_is_not_found(registry: Registry, reference: str) -> None:
    assert (await registry.http.get(PRM + reference)).status_code == 404
