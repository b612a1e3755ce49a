"""The same against a certified provider that knows nothing of us (A9)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.outbound import Outbound
from services.authorize.adapters.identity_provider import OutboundIdentityProviders
from services.authorize.identity_provider import Provider
from services.authorize.settings import Settings
from tests.integration.authorize.conftest import ISSUER, SETTINGS, Browser, Plane
from tests.support.real_identity_provider import SECRET, RealProvider, running, sign_in_there

BACK = f"{ISSUER}/oidc/callback"


@pytest.fixture
def how() -> dict[str, object]:
    return {}


@pytest.fixture
async def provider(how: dict[str, object]) -> AsyncIterator[RealProvider]:
    async with running(BACK, **how) as provider:  # type: ignore[arg-type]
        yield provider


@pytest.fixture
def settings(provider: RealProvider) -> Settings:
    return replace(SETTINGS, providers=(Provider("oidc", provider.issuer, "plane", SECRET, BACK, "Company", local=True),))


@pytest.fixture
async def identity_providers() -> AsyncIterator[OutboundIdentityProviders]:
    local = Outbound(allow_private=True, ca_file=None, timeout=10, require_https=False)
    yield OutboundIdentityProviders(Outbound(allow_private=False, ca_file=None, timeout=10), local)
    await local.close()


async def sign_in(plane: Plane, browser: Browser, login: str = "grace") -> str:
    """Out to the provider, and the URL it sends back to."""
    plane.clock.advance(datetime.now(UTC) - plane.clock.now())
    start = await browser.open("/oidc/start?redirect=/account")
    assert start.status_code == 302, start.text
    back = await sign_in_there(start.headers["location"], BACK, login)
    plane.clock.advance(datetime.now(UTC) - plane.clock.now())
    return back


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"configuration": {"conformIdTokenClaims": False}},
        {"client": {"token_endpoint_auth_method": "client_secret_post"}, "configuration": {"clientAuthMethods": ["client_secret_post"]}},
    ],
    ids=["claims from UserInfo", "claims in the ID token", "secret in the form"],
)
async def test_a_person_signs_in(plane: Plane, browser: Browser, provider: RealProvider, how: dict[str, object]) -> None:
    back = await sign_in(plane, browser)
    assert parse_qs(urlsplit(back).query)["iss"] == [provider.issuer]
    response = await browser.open(back)
    assert (response.status_code, response.headers["location"]) == (303, "/account"), response.text
    row = await plane.pool.fetchrow(
        "SELECT u.email, u.name, i.subject, i.groups FROM authorize.users u JOIN authorize.identities i ON i.user_id = u.id"
    )
    assert row is not None
    assert tuple(row) == ("grace@example.com", "Grace Hopper", "grace", ["navy", "staff"])


async def test_the_code_is_good_once_there_too(plane: Plane, browser: Browser) -> None:
    back = await sign_in(plane, browser)
    assert (await browser.open(back)).status_code == 303
    code = parse_qs(urlsplit(back).query)["code"][0]
    again = await browser.open("/oidc/start")
    state = parse_qs(urlsplit(again.headers["location"]).query)["state"][0]
    issuer = parse_qs(urlsplit(back).query)["iss"][0]
    response = await browser.http.get("/oidc/callback", params={"code": code, "state": state, "iss": issuer})
    assert response.status_code == 401


async def test_somebody_of_whom_only_the_subject_is_known_signs_in(plane: Plane, browser: Browser) -> None:
    assert (await browser.open(await sign_in(plane, browser, "hidden"))).status_code == 303
    assert (await browser.open("/account")).status_code == 200
