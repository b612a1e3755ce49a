"""What reaches the rules and what does not: parsing at the public routes, discovery, keys, CORS."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from kit import jose
from services.token.discovery import Features, metadata, paths
from services.token.policy import Catalogue, alias
from tests.support.fakes_token import FILES, ISSUER, MACHINE, NOTES, SECRET, TokenPlane, basic

FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", FORM, 400),
        (b"x=1&x=1", FORM, 400),
        (b"token=%ff", FORM, 400),
        (b"token=\xff", FORM, 400),
        (b"token=%00", FORM, 400),
        (b"token=%zz", FORM, 400),
        (b"x=" + b"a" * 65536, FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(600)), FORM, 400),
        (b'{"grant_type":"client_credentials"}', ("content-type", "application/json"), 400),
        (b"grant_type=client_credentials", ("content-type", "text/plain"), 400),
        (b"grant_type=client_credentials", ("accept", "*/*"), 400),
    ],
)
async def test_what_cannot_be_read_in_one_way_is_refused(
    plane: TokenPlane, path: str, body: bytes, content_type: tuple[str, str], status: int
) -> None:
    answer = await plane.call("POST", path, body, [content_type, ("authorization", basic("machine", SECRET)["authorization"])])
    assert (answer.status, answer.error) == (status, "invalid_request")
    assert plane.store.events == []


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("AUTHORIZATION_CODE", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:token-exchange", "unsupported_grant_type"),
    ],
)
async def test_grant_types(plane: TokenPlane, grant_type: str, error: str) -> None:
    answer = await plane.token({"grant_type": grant_type}, basic("machine", SECRET))
    assert (answer.status, answer.error) == (400, error)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"error", "error_description", "type", "title", "detail", "status"} <= set(answer.json)


async def test_secrets_in_the_query_are_not_seen(plane: TokenPlane) -> None:
    """RFC 6749 §2.3.1, RFC 6750 §2.3: what stands in a URL ends in logs."""
    answer = await plane.call("GET", "/oauth/token")
    assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, POST")
    answer = await plane.call("POST", f"/oauth/token?client_id=machine&client_secret={SECRET}", b"grant_type=client_credentials", [FORM])
    assert (answer.status, answer.error) == (401, "invalid_client")


async def test_scripts_of_other_origins_may_call_without_cookies(plane: TokenPlane) -> None:
    answer = await plane.call(
        "OPTIONS", "/oauth/token", headers=[("origin", "https://app.example"), ("access-control-request-method", "POST")]
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_discovery_says_what_works(plane: TokenPlane) -> None:
    """C1, A6, RFC 8414 §2."""
    answer = await plane.call("GET", "/.well-known/oauth-authorization-server")
    document: dict[str, Any] = answer.json
    assert document == (await plane.call("GET", "/.well-known/openid-configuration")).json
    assert document["issuer"] == ISSUER
    assert document["grant_types_supported"] == [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
    ]
    methods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
    assert document["token_endpoint_auth_methods_supported"] == methods
    assert document["revocation_endpoint_auth_methods_supported"] == methods
    assert document["introspection_endpoint_auth_methods_supported"] == methods[1:]
    assert "none" not in document["token_endpoint_auth_signing_alg_values_supported"]
    assert set(document["token_endpoint_auth_signing_alg_values_supported"]) <= {alg.value for alg in jose.Alg}
    assert document["scopes_supported"] == ["notes:read", "notes:write", "files:read", "repo", "offline_access"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["client_id_metadata_document_supported"] is True
    assert "dpop_signing_alg_values_supported" not in document
    assert all(document[name].startswith(ISSUER) for name in document if name.endswith(("_endpoint", "_uri")))


async def test_where_to_push_is_advertised_and_that_one_must_only_where_so(plane: TokenPlane) -> None:
    """RFC 9126 §5."""
    document = (await plane.call("GET", "/.well-known/oauth-authorization-server")).json
    assert document["pushed_authorization_request_endpoint"] == f"{ISSUER}/oauth/par"
    assert "require_pushed_authorization_requests" not in document
    strict = Features(["authorization_code"], ["ES256"], require_pushed_authorization_requests=True)
    assert metadata(ISSUER, strict, None)["require_pushed_authorization_requests"] is True


async def test_discovery_off_is_not_advertised() -> None:
    document = (await TokenPlane(disabled=["client_credentials"]).call("GET", "/.well-known/oauth-authorization-server")).json
    assert "client_credentials" not in document["grant_types_supported"]


def test_where_metadata_is_found() -> None:
    """RFC 8414 §3.1 and the suffix form of OpenID Connect Discovery."""
    assert len(paths("https://as.example")) == 2
    assert paths("https://as.example/tenant")[2:] == [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ]


async def test_keys_are_public_and_may_be_kept_five_minutes(plane: TokenPlane) -> None:
    answer = await plane.call("GET", "/.well-known/jwks.json")
    (key,) = json.loads(answer.body)["keys"]
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["use"], key["alg"]) == ("sig", "ES256")


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (NOTES.uri, NOTES),
        ("notes", NOTES),
        ("HTTPS://MCP.EXAMPLE/notes", NOTES),
        ("https://mcp.example/notes/", None),
        ("https://mcp.example/Notes", None),
        ("https://mcp.example/notes?", None),
        ("https://mcp.example/notes#", None),
        ("https://mcp.example\\/notes", None),
        ("https://user@mcp.example/notes", None),
        ("https://mcp.example/\tnotes", None),
        (" https://mcp.example/notes", None),
        ("https://mcp.example:443/notes", None),
        ("https://[bad", None),
        ("", None),
    ],
)
def test_resource_aliases(reference: str, found: object) -> None:
    """A3: only scheme and host case, and a root slash."""
    assert Catalogue.of([NOTES, FILES]).find(reference) is found


def test_root_slash_is_one_resource() -> None:
    assert alias("https://mcp.example/") == alias("https://MCP.example")


async def test_a_hostile_form_is_never_a_server_error(plane: TokenPlane) -> None:
    values = ["", "\x7f", "ü" * 50, "a" * 5000, "%", "null", "-1", "{}", "\u202e", "a b", "a\r\nb"]
    names = [
        "grant_type",
        "code",
        "refresh_token",
        "scope",
        "resource",
        "client_id",
        "client_secret",
        "code_verifier",
        "redirect_uri",
        "token",
    ]
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        for name in names:
            for value in values:
                base = {"grant_type": "client_credentials", "token": "x", name: value}
                answer = await plane.call(
                    "POST", path, urlencode(base).encode(), [FORM, ("authorization", basic(MACHINE.id, SECRET)["authorization"])]
                )
                assert answer.status < 500, (path, name, value, answer.body)
