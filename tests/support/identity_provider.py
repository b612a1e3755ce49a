"""An identity provider that does as it is told, rightly or wrongly: a small HTTP server a test can turn at every point."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import orjson

from kit.clock import Clock
from kit.credentials import random_id, s256
from kit.jose import Alg, PrivateKey, Signer, generate_key, public_jwk
from services.authorize.identity_provider import Provider
from tests.support.clock import FrozenClock

SECRET = "s3cret +/&"


@dataclass
class Call:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class StubProvider:
    """`claims` are laid over good ones, None leaving one out; `answers` replace the answer of a path: status and body, or text."""

    name: str = "oidc"
    client_id: str = "plane"
    clock: Clock = field(default_factory=FrozenClock)
    port: int = 0
    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=lambda: {"email": "grace@example.com", "name": "Grace", "groups": ["staff"]})
    userinfo: dict[str, Any] | None = None
    discovery: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    slow: float = 0
    keys: dict[str, PrivateKey] = field(default_factory=lambda: {"k1": generate_key(Alg.ES256)})
    """The published ones; the last signs."""
    signed: Callable[[dict[str, Any]], str] | None = None
    calls: list[Call] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def configured(self, **changes: Any) -> Provider:
        """The entry of the plane's settings."""
        mark = "" if self.name == "oidc" else f"?provider={self.name}"
        plain: dict[str, Any] = {
            "name": self.name,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": SECRET,
            "redirect_uri": f"http://localhost:9000/oidc/callback{mark}",
            "label": f"Example {self.name}",
            "local": True,
        }
        return Provider(**(plain | changes))

    def authorize(self, location: str, **changes: str | None) -> str:
        """What the provider sends the browser back to after the person signed in there; changes are to the answer."""
        asked = dict(parse_qsl(urlsplit(location).query))
        assert location.startswith(f"{self.issuer}/authorize?"), location
        code = random_id()
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"]} | changes
        redirect = asked["redirect_uri"]
        query = urlencode({name: value for name, value in answer.items() if value is not None})
        return f"{redirect}{'&' if '?' in redirect else '?'}{query}"

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [call.path for call in self.calls]

    def answer(self, call: Call) -> tuple[int, bytes]:
        if call.path in self.answers:
            return self.answers[call.path]
        if call.path == "/.well-known/openid-configuration":
            return 200, orjson.dumps(self._metadata())
        if call.path == "/jwks":
            published = [public_jwk(key) | {"kid": kid, "use": "sig"} for kid, key in self.keys.items()]
            return 200, orjson.dumps({"keys": published})
        if call.path == "/token":
            return self._token(call)
        if call.path == "/me" and self.userinfo is not None and call.headers.get("authorization") == "Bearer at":
            return 200, orjson.dumps(self.userinfo)
        return 404, b"{}"

    def _metadata(self) -> dict[str, Any]:
        good = {name: f"{self.issuer}/{path}" for name, path in _ENDPOINTS.items()}
        if self.userinfo is not None:
            good["userinfo_endpoint"] = f"{self.issuer}/me"
        return {"issuer": self.issuer} | good | {"scopes_supported": ["openid", "groups"]} | self.discovery

    def _token(self, call: Call) -> tuple[int, bytes]:
        asked = self.codes.pop(call.form.get("code", ""), None)
        expected = base64.b64encode(f"{self.client_id}:s3cret+%2B%2F%26".encode()).decode()
        if call.headers.get("authorization") != f"Basic {expected}":
            return 401, b'{"error":"invalid_client"}'
        if asked is None or call.form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, b'{"error":"invalid_grant"}'
        if s256(call.form.get("code_verifier", "")) != asked["code_challenge"]:
            return 400, b'{"error":"invalid_grant"}'
        return 200, orjson.dumps({"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])})

    def id_token(self, nonce: str) -> str:
        now = int(self.clock.now().timestamp())
        good = {"iss": self.issuer, "aud": self.client_id, "sub": self.subject, "nonce": nonce, "iat": now, "exp": now + 300}
        claims = {name: value for name, value in (good | self.claims).items() if value is not None}
        if self.signed is not None:
            return self.signed(claims)
        kid, key = list(self.keys.items())[-1]
        return Signer(kid, Alg.ES256, key).sign(claims, "JWT")


_ENDPOINTS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}


@asynccontextmanager
async def serving(provider: StubProvider) -> AsyncIterator[StubProvider]:
    """The provider on a port of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            call = Call(method, target, headers, {name: values[0] for name, values in parse_qs(body.decode()).items()})
            provider.calls.append(call)
            if provider.slow:
                await asyncio.sleep(provider.slow)
            status, content = provider.answer(call)
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n".encode() + content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", provider.port)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
