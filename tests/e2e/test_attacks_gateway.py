"""The doors of a whole plane under requests that two readers would read differently, and callers who may not come in (K6, K9, K16)."""

import json
import secrets
import socket
from urllib.parse import urlsplit

import grpc
import httpx
import pytest

from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import REDIRECT_URI, Public

BODY = b"grant_type=client_credentials"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def raw(url: str, head: str, body: bytes = b"") -> bytes:
    """Bytes as they are to one of the listeners, and everything it says back."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(head.encode("latin-1") + b"\r\n" + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (f"Content-Length: {len(BODY)}\r\nContent-Length: 3\r\n", BODY),
        (f"Content-Length: {len(BODY)}\r\nContent-Length: {len(BODY)}\r\n", BODY),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /admin/clients HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
        ("Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
        ("Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    ],
)
def test_a_body_with_two_lengths_is_refused_and_what_follows_is_not_a_request(public: Public, headers: str, body: bytes) -> None:
    """RFC 9112 §6.3."""
    answer = raw(public.issuer, f"POST /oauth/token HTTP/1.1\r\nHost: a\r\n{FORM}{headers}Connection: close\r\n", body)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.split(b" ")[1] in {b"400", b"501"}


def test_an_upgrade_to_cleartext_http2_is_not_taken(public: Public) -> None:
    """RFC 9113 §3.1: what would follow the upgrade would pass the gateway's rules by."""
    upgrade = "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    answer = raw(public.issuer, f"GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n{upgrade}")
    assert not answer.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    "path",
    [
        "//admin/clients", "/./admin/clients", "/oauth/../admin/clients", "/oauth/register/../../admin/clients",
        "/oauth/register/..%2f..%2fadmin/clients", "/oauth/register/%2e%2e/%2e%2e/admin/clients", "/oauth/register/..\\..\\admin\\clients",
        "/oauth/register/..;/..;/admin/clients", "/account/../metrics", "/.well-known/oauth-protected-resource/..%252f..%252fmetrics",
        "/authserver.admin.v1.ClientService/ListClients", "/login%2f", "/oauth/token%00", "http://localhost:9001/admin/clients",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_leads_from_the_public_door_to_the_private_one(public: Public, path: str) -> None:
    """K9."""
    answer = raw(public.issuer, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
    assert answer.split(b" ")[1] in {b"400", b"404"}
    assert b"python_info" not in answer


def test_a_chosen_client_address_is_not_the_one_that_is_logged(public: Public, plane: RunningPlane) -> None:
    """C9: the address is the gateway's word, whatever a client writes about itself."""
    mark = "203.0.113.77"
    headers = dict.fromkeys(["X-AuthPlane-Client-Address", "X-Forwarded-For", "X-Real-IP", "True-Client-IP"], mark)
    made = httpx.post(
        f"{public.issuer}/oauth/register",
        json={"client_name": secrets.token_hex(4), "redirect_uris": [REDIRECT_URI]},
        headers=headers | {"Forwarded": f"for={mark}"},
    )
    assert made.status_code == 201
    logged = (plane.state_dir / "logs" / "registry.log").read_text()
    assert made.headers["x-request-id"] in logged
    assert mark not in logged


def test_methods_nobody_declared_make_no_series_of_their_own(public: Public, plane: RunningPlane) -> None:
    """K16."""
    for method in ("PROPFIND", "MKCOL", "REPORT"):
        assert httpx.request(method, f"{public.issuer}/oauth/token").status_code == 405
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(plane.state_dir / "run" / "token.sock"))) as http:
        exposed = http.get("http://token/metrics").text
    assert 'http_method="other"' in exposed
    assert "PROPFIND" not in exposed


def test_registration_takes_no_member_that_is_not_the_clients_to_choose(public: Public) -> None:
    """K6: mass assignment, and what the client then can do."""
    chosen = {
        "client_id": "chosen", "client_secret": "chosen", "scope": "notes:read notes:write", "status": "active",
        "registration_source": "admin", "agent_assurance": "vouched", "access_token_lifetime": 10**9, "secret_digest": "x",
    }  # fmt: skip
    grants = ["authorization_code", "client_credentials"]
    metadata = {"client_name": secrets.token_hex(4), "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "client_secret_basic"}
    made = httpx.post(f"{public.issuer}/oauth/register", json=metadata | chosen | {"grant_types": grants})
    body = made.json()
    assert made.status_code == 201
    assert "chosen" not in (body["client_id"], body["client_secret"])
    assert not {"scope", "status", "registration_source", "agent_assurance", "access_token_lifetime"} & set(body)
    for asked in ({"scope": "notes:read"}, {"resource": public.resource}):
        answer = httpx.post(
            f"{public.issuer}/oauth/token",
            data={"grant_type": "client_credentials"} | asked,
            auth=(body["client_id"], body["client_secret"]),
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_only_a_certificate_of_the_plane_opens_a_service_and_only_for_what_it_may(plane: RunningPlane) -> None:
    """Least privilege (ARCHITECTURE, Contracts): no certificate, and certificates of others."""
    certificates = plane.state_dir / "certs"
    ca = (certificates / "ca.pem").read_bytes()

    def code(port: int, method: str, name: str | None) -> grpc.StatusCode:
        own = ((certificates / f"{name}.key").read_bytes(), (certificates / f"{name}.pem").read_bytes()) if name else (None, None)
        with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(ca, *own)) as channel:
            call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=10)
        found: grpc.StatusCode = refused.value.code()
        return found

    base = urlsplit(plane.issuer).port or 0
    for offset, method in (
        (11, "/authserver.registry.v1.RegistryAdminService/ListClients"),
        (12, "/authserver.authorize.v1.UserAdminService/ListUsers"),
        (13, "/authserver.token.v1.GrantService/IssueCode"),
    ):
        assert code(base + offset, method, None) is grpc.StatusCode.UNAVAILABLE
        for name in ("demo", "gateway", "operator", "vault", "audit"):
            assert code(base + offset, method, name) is grpc.StatusCode.PERMISSION_DENIED


def test_a_viewer_changes_nothing(plane: RunningPlane) -> None:
    """O1: every writing operation there is, asked for with a viewer's key."""
    with plane.operator() as http:
        paths = http.get("/admin/openapi.json").json()["paths"]
        key = http.post("/admin/api-keys", json={"name": secrets.token_hex(4), "role": "viewer"}).json()["secret"]
        allowed = []
        for path, methods in paths.items():
            for method in set(methods) - {"get"}:
                url = path.replace("{", "").replace("}", "")
                answer = http.request(method, url, content=json.dumps({}), headers={"authorization": f"Bearer {key}"})
                if answer.status_code != 403:
                    allowed.append((method, path))
    # It looks a key up and says what it may do.
    assert allowed == [("post", "/admin/auth/verify")]
