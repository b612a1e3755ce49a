"""Signing in with the company's identity provider through a whole plane: a certified provider, the gateway, a client at the end (A9)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest
import yaml

from cli.demo.user_agent import forms_of
from tests.e2e.conftest import RunningPlane, free_base
from tests.e2e.flows import Public, Started, code_form, public_client, token_request
from tests.support.real_identity_provider import SECRET, running, sign_in_there


@pytest.fixture
async def federated(start_plane: Callable[..., RunningPlane], tmp_path: Path) -> AsyncIterator[RunningPlane]:
    """A plane where nobody has a password."""
    base = free_base()
    back = f"http://localhost:{base}/oidc/callback"
    async with running(back) as provider:
        oidc = {
            "enabled": True,
            "issuer": provider.issuer,
            "client_id": "plane",
            "client_secret_ref": "CONNECTOR_COMPANY_LOGIN",
            "redirect_uri": back,
            "display_name": "Company",
            "show_local_login": False,
        }
        file = tmp_path / "plane.yaml"
        file.write_text(yaml.safe_dump({"oidc": oidc}), encoding="utf-8")
        file.chmod(0o644)
        yield start_plane("--config", str(file), "--port-base", str(base), CONNECTOR_COMPANY_LOGIN=SECRET)


async def test_a_person_of_the_company_gives_a_client_access(federated: RunningPlane) -> None:
    """T1 of the use cases, with the login elsewhere: the request resumes unchanged, and the token is for the person known here."""
    plane = Public(
        issuer=federated.issuer,
        admin_url=federated.admin_url,
        admin_api_key=federated.admin_api_key,
        resource=federated.demo_resource,
        mcp_url=str(federated.facts["demo_mcp_url"]),
        email="",
        password="",
    )
    started = Started(await public_client(plane))
    url = f"{plane.issuer}/oauth/authorize?{urlencode(started.parameters(plane.resource, scope='notes:read'))}"
    async with httpx.AsyncClient(timeout=20) as http:
        login = await followed(http, url, plane.issuer)
        assert forms_of(login) == []
        assert (await http.post(f"{plane.issuer}/login", data={"email": "a@b.example", "password": "x"})).status_code == 404
        link = login.text.partition('href="/oidc/start?')[2].partition('"')[0].replace("&amp;", "&")
        start = await http.get(f"{plane.issuer}/oidc/start?{link}")
        back = await sign_in_there(start.headers["location"], f"{plane.issuer}/oidc/callback")
        consent = await followed(http, back, plane.issuer)
        [form] = forms_of(consent)
        assert "grace@example.com" in consent.text
        answer = await http.post(form.action, data=form.filled(action="allow"))
        replayed = await http.get(back)
    parameters = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (parameters["state"], parameters["iss"]) == (started.state, plane.issuer)
    tokens = await token_request(plane, code_form(started, parameters["code"]))
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["scope"] == "notes:read"
    assert replayed.status_code == 400
    async with plane.admin() as operator:
        [person] = [found for found in (await operator.get("/admin/users")).json() if found["email"] == "grace@example.com"]
        rows = await eventually(operator, person["id"])
    assert [(row["action"], row["outcome"]) for row in rows] == [("user.oidc_login", "success")]
    assert SECRET not in "".join(log.read_text(errors="replace") for log in (federated.state_dir / "logs").glob("*.log"))


async def eventually(operator: httpx.AsyncClient, user_id: str) -> list[dict[str, Any]]:
    """The audit rows of the sign-in, once the log has drained its outbox."""
    for _ in range(50):
        answer = (await operator.get("/admin/audit", params={"action": "user.oidc_login"})).json()
        rows = [row for row in answer if user_id in str(row)]
        if rows:
            return rows
        await asyncio.sleep(0.2)
    raise AssertionError("the sign-in is not in the log")


async def followed(http: httpx.AsyncClient, url: str, issuer: str) -> httpx.Response:
    """The page at the end of this plane's own redirects."""
    response = await http.get(url)
    while response.is_redirect:
        target = urljoin(str(response.url), response.headers["location"])
        assert target.startswith(issuer), target
        response = await http.get(target)
    assert response.status_code == 200, response.text
    return response
