"""Hosts the agent's client metadata document for as long as the demonstration runs (CIMD)."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATH = "/client.json"


def document(client_id: str, redirect_uri: str) -> dict[str, object]:
    """The document an agent publishes about itself; `client_id` is the URL it is served from."""
    return {
        "client_id": client_id,
        "client_name": "Demo agent (CIMD)",
        "client_uri": client_id.removesuffix(PATH),
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


@contextmanager
def hosted(port: int, certificate: Path, key: Path, redirect_uri: str) -> Iterator[str]:
    """Serves the document over https on the loopback interface and yields its URL, which is the agent's client id."""
    client_id = f"https://localhost:{port}{PATH}"
    body = json.dumps(document(client_id, redirect_uri)).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == PATH
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "max-age=300")
            self.send_header("Content-Length", str(len(body) if known else 0))
            self.end_headers()
            if known:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name for it
            """Keeps the demonstration's own narration readable."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, name="client-metadata", daemon=True).start()
    try:
        yield client_id
    finally:
        server.shutdown()
        server.server_close()
