"""Discovery as clients read it (RFC 8414, RFC 9728; wire contract §2, §12; C1)."""

import httpx
import pytest

from tests.e2e.flows import Public

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


async def fetch(public: Public, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(f"{public.issuer}{path}", headers=headers)


async def test_the_two_metadata_documents_are_one(public: Public) -> None:
    oauth = await fetch(public, "/.well-known/oauth-authorization-server")
    openid = await fetch(public, "/.well-known/openid-configuration")
    assert oauth.status_code == openid.status_code == 200
    assert oauth.content == openid.content
    document = oauth.json()
    assert document["issuer"] == public.issuer
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["client_id_metadata_document_supported"] is True
    assert document["resource_indicators_supported"] is True
    assert set(document["token_endpoint_auth_methods_supported"]) == {
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    }
    assert {"authorization_code", "refresh_token", "client_credentials"} <= set(document["grant_types_supported"])
    assert {"notes:read", "notes:write"} <= set(document["scopes_supported"])
    for endpoint, path in {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "registration_endpoint": "/oauth/register",
        "revocation_endpoint": "/oauth/revoke",
        "introspection_endpoint": "/oauth/introspect",
        "jwks_uri": "/.well-known/jwks.json",
    }.items():
        assert document[endpoint] == public.issuer + path


async def test_the_published_keys_are_public_and_usable(public: Public) -> None:
    answer = await fetch(public, "/.well-known/jwks.json")
    keys = answer.json()["keys"]
    assert keys
    for key in keys:
        assert {"kty", "kid", "alg", "use"} <= set(key)
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
    assert "max-age=300" in answer.headers["cache-control"]


@pytest.mark.parametrize("suffix", ["/mcp", ""])
async def test_a_resource_has_its_metadata(public: Public, suffix: str) -> None:
    """RFC 9728 §3; by path of the resource's URI, and by slug."""
    path = suffix or "/demo"
    answer = await fetch(public, f"/.well-known/oauth-protected-resource{path}")
    document = answer.json()
    assert answer.status_code == 200
    assert document["resource"] == public.resource
    assert document["authorization_servers"] == [public.issuer]
    assert document["bearer_methods_supported"] == ["header"]


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/login", "/nothing"])
async def test_every_answer_carries_the_security_headers(public: Public, path: str) -> None:
    """Wire contract §12.1."""
    answer = await fetch(public, path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]
    assert "server" not in answer.headers


async def test_browsers_may_read_metadata_from_anywhere(public: Public) -> None:
    answer = await fetch(public, "/.well-known/oauth-authorization-server", origin="https://inspector.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_needs_no_authentication(public: Public) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.options(
            f"{public.issuer}/oauth/token",
            headers={
                "origin": "https://inspector.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization, dpop",
            },
        )
    assert answer.status_code == 204
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "dpop", "mcp-protocol-version"))
