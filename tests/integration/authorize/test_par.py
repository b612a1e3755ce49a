"""POST /oauth/par and what /oauth/authorize makes of its reference, over HTTP and a real Postgres (RFC 9126, A4)."""

from dataclasses import replace

import httpx
import pytest

from kit.errors import Unavailable
from services.authorize.settings import Settings
from tests.integration.authorize.conftest import SETTINGS, Browser, Plane, arrived, parameters
from tests.support.fakes_authorize import a_client


async def push(browser: Browser, authorization: dict[str, str] | None = None, /, **changes: str | None) -> httpx.Response:
    return await browser.http.post("/oauth/par", data=parameters(**changes), headers=authorization or {})


async def test_a_pushed_request_ends_in_a_code(browser: Browser) -> None:
    answer = await push(browser)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    body = answer.json()
    assert body["expires_in"] == 60
    page = await browser.follow(await browser.http.get("/oauth/authorize", params={"client_id": "client-a", **_reference(body)}))
    consent = await browser.follow(await browser.sign_in(page))
    assert "notes:write" in consent.text


async def test_only_what_was_pushed_counts(browser: Browser, plane: Plane) -> None:
    """RFC 9101 §6.3: parameters beside the reference are not looked at."""
    body = (await push(browser, scope="notes:read", prompt="none", state="pushed")).json()
    forged = {"redirect_uri": "https://evil.example/", "state": "forged", "scope": "notes:write", "response_type": "token"}
    answer = await browser.http.get("/oauth/authorize", params={"client_id": "client-a", **_reference(body), **forged})
    assert arrived(answer) | {"error_description": ""} == {
        "error": "login_required",
        "error_description": "",
        "state": "pushed",
        "iss": SETTINGS.issuer,
    }


async def test_a_used_reference_is_a_page_and_a_link_checker_uses_none_up(browser: Browser) -> None:
    body = (await push(browser)).json()
    opened = {"client_id": "client-a", **_reference(body)}
    assert (await browser.http.head("/oauth/authorize", params=opened)).status_code == 405
    assert (await browser.http.get("/oauth/authorize", params={**opened, "client_id": "client-b"})).status_code == 400
    assert (await browser.http.get("/oauth/authorize", params=opened)).status_code == 303
    again = await browser.http.get("/oauth/authorize", params=opened)
    assert (again.status_code, again.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "invalid_request_uri" in again.text


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"redirect_uri": "https://evil.example/"}, 400, "invalid_request"),
        ({"scope": "notes:delete"}, 400, "invalid_scope"),
        ({"resource": "https://nowhere.example/"}, 400, "invalid_target"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
        ({"prompt": "login " * 4000}, 413, "invalid_request"),
    ],
)
async def test_errors_are_json(browser: Browser, changes: dict[str, str | None], status: int, code: str) -> None:
    """RFC 9126 §2.3."""
    answer = await push(browser, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_parameters_are_single_and_come_in_a_form(browser: Browser) -> None:
    twice = await browser.http.post("/oauth/par", content="client_id=client-a&scope=a&scope=b", headers={"content-type": _FORM})
    assert twice.json()["error"] == "invalid_request"
    assert (await browser.http.post("/oauth/par", json=parameters())).status_code == 400
    assert (await browser.http.get("/oauth/par", params=parameters())).status_code == 405


async def test_a_proof_is_never_overlooked(browser: Browser) -> None:
    """RFC 9449 §10.1: an ignored proof would leave the code unbound."""
    assert (await push(browser, {"dpop": "eyJ.e30.x"})).json()["error"] == "invalid_dpop_proof"


async def test_credentials_travel_to_token_and_nowhere_else(browser: Browser, plane: Plane) -> None:
    answer = await push(browser, {"authorization": "Basic Y2xpZW50LWE6cmlnaHQ="}, client_secret="right")
    assert answer.status_code == 201
    [proof] = plane.authentication.asked
    assert (proof.authorization, proof.secret) == ("Basic Y2xpZW50LWE6cmlnaHQ=", "right")
    assert "right" not in repr(proof)
    [row] = await plane.pool.fetch("SELECT request FROM authorize.pushed_requests")
    assert "client_secret" not in row["request"]


async def test_token_out_of_reach_is_said_so(browser: Browser, plane: Plane) -> None:
    """Law 10."""
    plane.authentication.fault = Unavailable("token is away")
    answer = await push(browser)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert "retry-after" in answer.headers


async def test_scripts_may_push(browser: Browser) -> None:
    """Clients in a browser push like they ask for tokens; no cookie is involved."""
    answer = await browser.http.options("/oauth/par", headers={"origin": "https://inspector.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")


class TestRequired:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(SETTINGS, require_push=True)

    async def test_a_plane_may_require_pushing_of_everybody(self, browser: Browser, plane: Plane) -> None:
        """RFC 9126 §5."""
        assert arrived(await browser.authorize())["error"] == "invalid_request"
        body = (await push(browser)).json()
        answer = await browser.http.get("/oauth/authorize", params={"client_id": "client-a", **_reference(body)})
        assert answer.headers["location"].startswith("/login?")


async def test_a_client_may_be_required_to_push(browser: Browser, plane: Plane) -> None:
    """RFC 9126 §6."""
    plane.clients.known["client-a"] = a_client(must_push=True)
    assert arrived(await browser.authorize())["error"] == "invalid_request"
    assert (await push(browser)).status_code == 201


_FORM = "application/x-www-form-urlencoded"


def _reference(body: dict[str, str]) -> dict[str, str]:
    return {"request_uri": body["request_uri"]}
