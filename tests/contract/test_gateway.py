"""The gateway as strangers and services see it: a real Envoy in front of services that repeat what they were told."""

import json
import signal
import socket
import socketserver
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.local import gateway, process
from deploy.local.certs import Authority

BUFFERED = 64 * 1024


class Echo(BaseHTTPRequestHandler):
    """Answers with the name of the socket it listens on, the headers and the size of the body."""

    protocol_version = "HTTP/1.1"
    server_version = "Echo/1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        told = {"service": Path(str(self.server.server_address)).stem, "path": self.path, "body": len(body), "headers": dict(self.headers)}
        text = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 the names are the standard library's

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class EchoServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """One fake service on a unix socket."""

    daemon_threads = True


class Gateway:
    """A running Envoy, and clients for its two doors."""

    def __init__(self, home: Path, ports: tuple[int, int]) -> None:
        self.home = home
        self.public = httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}")
        self.admin = httpx.Client(base_url=f"http://127.0.0.1:{ports[1]}")
        self.ports = ports

    def access_log(self) -> str:
        return (self.home / "access.log").read_text()

    def raw(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.ports[0]), timeout=5) as connection:
            connection.sendall(request)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


@pytest.fixture(scope="module")
def front() -> Iterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        home = Path(name)
        Authority(home / "certs").ensure()
        servers = [EchoServer(str(home / f"{service}.sock"), Echo) for service in ("token", "registry", "admin")]
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        public, admin = free_ports(2)
        parameters = gateway.Parameters(
            certs=str(home / "certs"),
            envoy_admin_socket=str(home / "envoy.sock"),
            access_log=str(home / "access.log"),
            public_port=public,
            admin_port=admin,
            sockets=name,
            admin_rpc_port=free_ports(1)[0],
        )
        gateway.write(gateway.render(gateway.Place.LOOPBACK, parameters), home / "envoy.yaml")
        child = process.spawn(
            gateway.command(home / "envoy.yaml"),
            environ={},
            log=home / "envoy.log",
            directory=home,
        )
        try:
            running = Gateway(home, (public, admin))
            wait_for(running)
            yield running
        finally:
            process.end(child, signal.SIGTERM, patience=10)
            for server in servers:
                server.shutdown()
                server.server_close()


def wait_for(front: Gateway) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            front.public.get("/livez")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError((front.home / "envoy.log").read_text())


def told(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    value: dict[str, Any] = response.json()
    return value


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/oauth/token", "token"),
        ("/.well-known/jwks.json", "token"),
        ("/oauth/register", "registry"),
        ("/oauth/register/abc", "registry"),
        ("/.well-known/oauth-protected-resource", "registry"),
        ("/.well-known/oauth-protected-resource/mcp/deep", "registry"),
        ("/livez", "token"),
    ],
)
def test_each_public_path_reaches_the_service_that_owns_it(front: Gateway, path: str, service: str) -> None:
    assert told(front.public.get(path))["service"] == service


@pytest.mark.parametrize(
    "path", ["/", "/admin/clients", "/metrics", "/oauth", "/oauth/token/x", "/authserver.admin.v1.ClientService/ListClients"]
)
def test_everything_else_is_a_problem_document(front: Gateway, path: str) -> None:
    response = front.public.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.json()["error"] == "not_found"
    assert response.json()["status"] == 404


def test_the_operators_door_leads_to_admin_only(front: Gateway) -> None:
    assert told(front.admin.get("/admin/clients"))["service"] == "admin"
    assert told(front.admin.get("/metrics"))["service"] == "admin"
    assert front.admin.post("/oauth/token").status_code == 404
    assert front.admin.get("/").headers["location"].endswith("/admin/ui/")


def test_a_client_cannot_say_where_it_comes_from(front: Gateway) -> None:
    forged = dict.fromkeys(
        (
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
            "forwarded",
            "x-authplane-client-address",
            "x-envoy-external-address",
            "X-AuthPlane-Role",
        ),
        "203.0.113.9",
    )
    headers = {name.lower(): value for name, value in told(front.public.get("/oauth/token", headers=forged))["headers"].items()}
    assert headers["x-authplane-client-address"] == "127.0.0.1"
    assert "203.0.113.9" not in headers.values()
    assert not [name for name in headers if name.startswith(("x-forwarded", "x-envoy"))]


def test_the_request_id_is_the_gateways_own_and_the_answer_carries_it(front: Gateway) -> None:
    response = front.public.get("/oauth/token", headers={"x-request-id": "chosen-by-a-stranger"})
    seen = {name.lower(): value for name, value in told(response)["headers"].items()}
    assert len(seen["x-request-id"]) == 36
    assert response.headers["x-request-id"] == seen["x-request-id"]


def test_trace_context_passes(front: Gateway) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen = told(front.public.get("/oauth/token", headers={"traceparent": trace}))["headers"]
    assert {name.lower(): value for name, value in seen.items()}["traceparent"] == trace


def test_the_answer_does_not_name_the_software(front: Gateway) -> None:
    for response in (front.public.get("/oauth/token"), front.public.get("/nothing")):
        assert not {"server", "x-powered-by", "x-envoy-upstream-service-time"} & set(response.headers)


@pytest.mark.parametrize(("path", "limit"), [("/oauth/token", BUFFERED), ("/oauth/register", 1024 * 1024)])
def test_a_body_up_to_its_limit_passes_and_one_more_byte_does_not(front: Gateway, path: str, limit: int) -> None:
    assert told(front.public.post(path, content=b"x" * limit))["body"] == limit
    refused = front.public.post(path, content=b"x" * (limit + 1))
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["error"] == "invalid_request"


def test_headers_beyond_sixteen_kibibytes_are_refused(front: Gateway) -> None:
    refused = front.public.get("/oauth/token", headers={"authorization": "x" * 17000})
    assert refused.status_code == 431
    assert refused.json()["status"] == 431


@pytest.mark.parametrize("path", ["/oauth%2Ftoken", "/oauth%2ftoken", "/oauth%5Ctoken"])
def test_an_escaped_slash_is_refused_not_interpreted(front: Gateway, path: str) -> None:
    assert front.raw(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("path", ["/oauth/./token", "//oauth//token", "/x/../oauth/token"])
def test_a_path_is_routed_in_its_normal_form(front: Gateway, path: str) -> None:
    answer = front.raw(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    assert b'"path": "/oauth/token"' in answer


def test_a_service_that_is_away_is_temporarily_unavailable(front: Gateway) -> None:
    response = front.public.get("/login")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["error"] == "temporarily_unavailable"


def test_the_access_log_keeps_the_path_and_never_the_query(front: Gateway) -> None:
    front.public.get("/oauth/authorize?code=very-secret")
    deadline = time.monotonic() + 15
    while "/oauth/authorize" not in front.access_log() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "/oauth/authorize" in front.access_log()
    assert "very-secret" not in front.access_log()
    assert json.loads(front.access_log().splitlines()[0])["event"] == "gateway.done"


@pytest.mark.parametrize("place", gateway.Place)
@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])
def test_envoy_accepts_what_is_rendered_for_every_place(tmp_path: Path, place: gateway.Place, *, with_tls: bool) -> None:
    import subprocess

    authority = Authority(tmp_path / "certs")
    authority.ensure()
    pair = authority.pair("gateway")
    tls = gateway.Tls(str(pair.certificate), str(pair.key)) if with_tls else None
    parameters = gateway.Parameters(certs=str(authority.folder), envoy_admin_socket=str(tmp_path / "a.sock"), sockets=str(tmp_path))
    target = tmp_path / "envoy.yaml"
    gateway.write(gateway.render(place, parameters, tls=tls, also_ipv6=gateway.ipv6_loopback()), target)
    done = subprocess.run(
        [str(gateway.envoy_binary()), "--mode", "validate", "-c", str(target), "-l", "warn"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "eprecated" not in done.stderr


def test_every_route_leads_to_a_cluster_of_every_place() -> None:
    rows = yaml.safe_load((gateway.FOLDER / "routes.yaml").read_text())
    wanted = {row["to"] for listener in rows.values() for row in listener if "to" in row}
    for place in gateway.Place:
        bootstrap = gateway.render(place, gateway.Parameters(certs="/c", envoy_admin_socket="/a", sockets="/s"))
        assert {cluster["name"] for cluster in bootstrap["static_resources"]["clusters"]} == wanted
