"""The steps end-to-end tests share: registering clients, walking the code flow by hand, asking the token endpoint."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from cli.demo.user_agent import Arrival, HeadlessPerson

REDIRECT_URI = "http://127.0.0.1:33418/callback"


@dataclass(frozen=True)
class Public:
    """A plane as its clients see it, with one person who can log in."""

    issuer: str
    admin_url: str
    admin_api_key: str
    resource: str
    mcp_url: str
    email: str
    password: str

    def person(self) -> HeadlessPerson:
        """The demo user with a fresh browser."""
        return HeadlessPerson(self.email, self.password)

    def admin(self) -> httpx.AsyncClient:
        """The operator's REST API."""
        return httpx.AsyncClient(base_url=self.admin_url, headers={"Authorization": f"Bearer {self.admin_api_key}"}, timeout=20)


@dataclass(frozen=True)
class PublicClient:
    """A dynamically registered public client."""

    client_id: str
    redirect_uri: str = REDIRECT_URI


@dataclass(frozen=True)
class Started:
    """An authorization request as sent, with what the client must remember."""

    client: PublicClient
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def parameters(self, resource: str | None, **changes: str | None) -> dict[str, str]:
        """The query; a change of None leaves the parameter out."""
        base: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
            "state": self.state,
            "resource": resource,
        }
        return {name: value for name, value in (base | changes).items() if value is not None}


async def register(plane: Public, **metadata: Any) -> dict[str, Any]:
    """Registers a client dynamically and answers the whole response body."""
    body = {"client_name": "e2e", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"} | metadata
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{plane.issuer}/oauth/register", json=body)
    assert answer.status_code == 201, answer.text
    registered: dict[str, Any] = answer.json()
    return registered


async def newcomer(plane: Public) -> Public:
    """The same plane for a person nobody has met: no sessions, no grants but their own."""
    email, password = f"{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
    async with plane.admin() as http:
        answer = await http.post("/admin/users", json={"email": email, "password": password, "name": "Newcomer"})
    assert answer.status_code == 201, answer.text
    return replace(plane, email=email, password=password)


async def public_client(plane: Public) -> PublicClient:
    """A fresh public client."""
    return PublicClient((await register(plane, client_name=f"e2e {secrets.token_hex(4)}"))["client_id"])


async def machine_client(plane: Public, scope: str = "notes:read", method: str = "client_secret_basic") -> tuple[str, str]:
    """A confidential client for client_credentials, made by the operator."""
    async with plane.admin() as http:
        answer = await http.post(
            "/admin/clients",
            json={"client_name": "machine", "grant_types": ["client_credentials"], "token_endpoint_auth_method": method, "scope": scope},
        )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return body["client_id"], body["client_secret"]


async def authorize(plane: Public, started: Started, *, person: HeadlessPerson | None = None, **changes: str | None) -> Arrival:
    """Walks from /oauth/authorize to the redirect URI as a person would."""
    who = person or plane.person()
    query = started.parameters(**({"resource": plane.resource} | changes))
    url = f"{plane.issuer}/oauth/authorize?{urlencode(query)}"
    try:
        return await who.authorize(url, started.client.redirect_uri)
    finally:
        if person is None:
            await who.aclose()


async def token_request(plane: Public, data: dict[str, str], **options: Any) -> httpx.Response:
    """One POST to the token endpoint."""
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(f"{plane.issuer}/oauth/token", data=data, **options)


def code_form(started: Started, code: str, **changes: str) -> dict[str, str]:
    """The form that redeems `code`."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": started.client.redirect_uri,
        "client_id": started.client.client_id,
        "code_verifier": started.verifier,
    } | changes


async def signed_in(plane: Public) -> tuple[Started, dict[str, Any]]:
    """A whole code flow: the request, and the token response."""
    started = Started(await public_client(plane))
    arrival = await authorize(plane, started)
    answer = await token_request(plane, code_form(started, arrival.parameters["code"]))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return started, tokens
