"""Bad input at every endpoint, through the gateway: the right OAuth error, never a 500, nothing half-written."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.e2e.flows import REDIRECT_URI, Public, PublicClient, Started, authorize, code_form, public_client, token_request

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(follow_redirects=False) as http:
        return await http.get(url)


async def post(url: str, content: bytes, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(url, content=content, headers={name.replace("_", "-"): value for name, value in headers.items()})


def authorize_url(plane: Public, client: PublicClient, **changes: str | None) -> str:
    query = Started(client).parameters(**({"resource": plane.resource} | changes))
    return f"{plane.issuer}/oauth/authorize?{urlencode(query)}"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "https://localhost:1/none.json"},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": "http://127.0.0.1:33418/other"},
        {"redirect_uri": "http://localhost.evil.test/callback"},
        {"redirect_uri": None},
    ],
)
async def test_before_the_redirect_uri_is_trusted_errors_are_a_page(public: Public, changes: dict[str, str | None]) -> None:
    """A1, K12."""
    answer = await get(authorize_url(public, await public_client(public), **changes))
    assert 400 <= answer.status_code < 500
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"resource": "https://unknown.example/mcp"}, "invalid_target"),
        ({"scope": "notes:read nonsense:everything"}, "invalid_scope"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_once_it_is_trusted_errors_go_to_the_client_with_iss(public: Public, changes: dict[str, str | None], error: str) -> None:
    """A1, A3, A4, K11; RFC 9207."""
    answer = await get(authorize_url(public, await public_client(public), **changes))
    assert answer.status_code == 303
    target = httpx.URL(answer.headers["location"])
    assert str(target).startswith(REDIRECT_URI)
    assert target.params["error"] == error
    assert target.params["iss"] == public.issuer
    assert target.params["state"]


async def test_repeated_authorization_parameters_are_refused(public: Public) -> None:
    """OAuth 2.1 §3.1."""
    url = authorize_url(public, await public_client(public))
    answer = await get(f"{url}&state=again")
    assert answer.status_code == 303
    assert httpx.URL(answer.headers["location"]).params["error"] == "invalid_request"


TOKEN_CASES: list[tuple[dict[str, str], int, str]] = [
    ({}, 400, "invalid_request"),
    ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
    ({"grant_type": "authorization_code", "code": "x"}, 401, "invalid_client"),
    ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, 401, "invalid_client"),
    ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": "nobody"}, 401, "invalid_client"),
]


@pytest.mark.parametrize(("form", "status", "error"), TOKEN_CASES)
async def test_the_token_endpoint_names_the_fault(public: Public, form: dict[str, str], status: int, error: str) -> None:
    """RFC 6749 §5.2; wire contract §11."""
    answer = await token_request(public, form)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["cache-control"] == "no-store"
    assert body["status"] == status
    assert body["error_description"] == body["detail"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "changes", [{"code": "made-up"}, {"code_verifier": ""}, {"code_verifier": "w" * 43}, {"redirect_uri": "http://127.0.0.1:1/x"}]
)
async def test_a_bad_redemption_is_an_invalid_grant_and_spends_nothing(public: Public, changes: dict[str, str]) -> None:
    """RFC 7636 §4.6, OAuth 2.1 §4.1.3; law 5."""
    started = Started(await public_client(public))
    code = (await authorize(public, started)).parameters["code"]
    answer = await token_request(public, code_form(started, code) | changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await token_request(public, code_form(started, code))).status_code == 200


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
@pytest.mark.parametrize(
    ("content", "content_type", "statuses"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", FORM["content-type"], {400}),
        (b"grant_type=%ff%fe&token=%ff&client_id=%ff", FORM["content-type"], {400, 401}),
        (b"\xff\xfe=1", FORM["content-type"], {400, 401}),
        (b'{"grant_type":"client_credentials"}', "application/json", {400}),
        (b"grant_type=client_credentials", "text/plain", {400}),
        (b"a=" + b"b" * 2**20, FORM["content-type"], {400}),
        (b"", FORM["content-type"], {400, 401}),
        (b"token=a%00b&grant_type=a%00b", FORM["content-type"], {400, 401}),
    ],
)
async def test_hostile_bodies_are_refused_as_the_clients_fault(
    public: Public, path: str, content: bytes, content_type: str, statuses: set[int]
) -> None:
    answer = await post(f"{public.issuer}{path}", content, content_type=content_type)
    assert answer.status_code in statuses, answer.text
    assert "error" in answer.json()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'"x"', b'{"redirect_uris": "x"}', b'{"redirect_uris": [1]}', b'{"redirect_uris": ["javascript:alert(1)"]}',
     b'{"client_name": {"$ne": 1}, "redirect_uris": ["https://a.example/cb"]}', b'{"redirect_uris": ["https://a.example/cb#f"]}',
     b"\xff\xfe{}", b'{"redirect_uris": ["https://a.example/cb"], "redirect_uris": ["https://b.example/cb"]}', b"[" * 20000],
)  # fmt: skip
async def test_hostile_registrations_are_refused_as_the_clients_fault(public: Public, body: bytes) -> None:
    """RFC 7591 §3.2.2; K6, K10."""
    answer = await post(f"{public.issuer}/oauth/register", body, content_type="application/json")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] in {"invalid_request", "invalid_client_metadata", "invalid_redirect_uri"}


async def test_a_registration_larger_than_a_mebibyte_is_refused(public: Public) -> None:
    answer = await post(f"{public.issuer}/oauth/register", b'{"client_name": "' + b"x" * 2**20 + b'"}', content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/oauth/token"), ("GET", "/oauth/token"), ("PUT", "/oauth/authorize"), ("POST", "/.well-known/jwks.json")],
)
async def test_a_wrong_method_is_405_with_the_allowed_ones(public: Public, method: str, path: str) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.request(method, f"{public.issuer}{path}")
    assert answer.status_code == 405
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/oauth/nothing", "/admin/clients", "/oauth/..;/admin/clients", "/oauth/%2e%2e/admin/clients", "/metrics"]
)
async def test_what_is_not_public_is_not_there(public: Public, path: str) -> None:
    """K9: neither by name nor by a path that normalises to it."""
    answer = await get(f"{public.issuer}{path}")
    assert answer.status_code in {400, 404}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_forwarding_headers_of_a_client_change_nothing(public: Public) -> None:
    headers: dict[str, Any] = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "forwarded": "host=evil.example",
        "host": "evil.example",
    }
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{public.issuer}/.well-known/oauth-authorization-server", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["issuer"] == public.issuer
    assert "evil.example" not in answer.text
