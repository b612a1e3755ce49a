"""/account as a browser uses it: agents and sessions, each ended by its own button (A9)."""

import httpx
import pytest

from cli.demo.user_agent import HtmlForm, forms_of
from kit.errors import Unavailable
from services.authorize.account import Grant
from services.authorize.model import ClientId, UserId
from tests.integration.authorize.conftest import Browser, Plane
from tests.support.clock import MIDSUMMER
from tests.support.fakes_authorize import NOTES, a_client

GRANT = Grant("grant-1", ClientId("client-a"), NOTES.uri, ("notes:read",), MIDSUMMER)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


async def signed_in(browser: Browser) -> httpx.Response:
    return await browser.follow(await browser.sign_in(await browser.open("/login")))


def form_to(page: httpx.Response, path: str) -> HtmlForm:
    [form] = [form for form in forms_of(page) if form.action.endswith(path)]
    return form


@pytest.fixture(autouse=True)
def granted(plane: Plane) -> None:
    plane.grants.known[plane.user.id] = [GRANT]
    plane.grants.known[UserId("somebody-else")] = [Grant("grant-2", ClientId("client-b"), NOTES.uri, ("notes:write",), MIDSUMMER)]


async def test_agents_and_browsers_are_listed(browser: Browser, plane: Plane) -> None:
    phone = plane.browser("198.51.100.7")
    phone.http.headers["user-agent"] = PHONE
    await signed_in(phone)
    page = await signed_in(browser)
    for told in ("Notebook", "Notes", "Read your notes", "Safari on iPhone", "198.51.100.7", "this browser", "203.0.113.9"):
        assert told in page.text
    assert "grant-2" not in page.text
    [row] = await plane.pool.fetch("SELECT encode(digest, 'hex') AS digest FROM authorize.sessions WHERE address = '198.51.100.7'")
    assert row["digest"] not in page.text


async def test_an_agents_access_is_taken_away(browser: Browser, plane: Plane) -> None:
    form = form_to(await signed_in(browser), "/account/agents")
    page = await browser.follow(await browser.submit(form))
    assert "No application has access" in page.text
    assert plane.grants.revoked == [(plane.user.id, "grant-1")]
    assert (await browser.submit(form)).status_code == 303


async def test_another_browser_is_signed_out_and_this_one_stays(browser: Browser, plane: Plane) -> None:
    phone = plane.browser("198.51.100.7")
    await signed_in(phone)
    page = await browser.follow(await browser.submit(form_to(await signed_in(browser), "/account/sessions")))
    assert "198.51.100.7" not in page.text
    assert (await phone.open("/account")).headers["location"] == "/login"
    assert (await browser.open("/account")).status_code == 200
    assert [row["subject"] for row in await plane.audit() if row["action"] == "session.ended"] == [plane.user.id]


async def test_signing_out_everywhere_includes_here(browser: Browser, plane: Plane) -> None:
    phone = plane.browser()
    await signed_in(phone)
    answer = await browser.submit(form_to(await signed_in(browser), "/account/sign-out"))
    assert answer.headers["location"] == "/login"
    for one in (browser, phone):
        assert (await one.open("/account")).headers["location"] == "/login"
    assert browser.session is None
    assert plane.grants.revoked == []


@pytest.mark.parametrize(("path", "other"), [("/account/agents", {"grant": "grant-2"}), ("/account/sessions", {"session": "another"})])
async def test_a_button_ends_its_own_row_only(browser: Browser, plane: Plane, path: str, other: dict[str, str]) -> None:
    """A8, K17."""
    await signed_in(plane.browser())
    form = form_to(await signed_in(browser), path)
    stranger = plane.browser()
    await signed_in(stranger)
    assert (await browser.submit(form, **other)).status_code == 403
    assert (await browser.submit(form, csrf_token="")).status_code == 403
    assert (await stranger.submit(form)).status_code == 403
    assert (await plane.browser().submit(form)).headers["location"] == "/login"
    assert plane.grants.revoked == []
    assert await plane.pool.fetchval("SELECT count(*) FROM authorize.sessions") == 3


async def test_signing_out_everywhere_takes_its_own_token(browser: Browser) -> None:
    page = await signed_in(browser)
    borrowed = form_to(page, "/account/agents").filled()["csrf_token"]
    assert (await browser.submit(form_to(page, "/account/sign-out"), csrf_token=borrowed)).status_code == 403
    assert (await browser.open("/account/sign-out")).status_code == 405


async def test_names_from_strangers_stay_text(browser: Browser, plane: Plane) -> None:
    plane.clients.known["client-a"] = a_client(name='<script>x</script>" autofocus onfocus="x')
    browser.http.headers["user-agent"] = '<img src=x onerror=x>"'
    page = await signed_in(browser)
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert '" autofocus' not in page.text


async def test_token_out_of_reach_is_not_an_empty_list(browser: Browser, plane: Plane) -> None:
    """Law 10."""
    plane.grants.fault = Unavailable("token is away")
    page = await signed_in(browser)
    assert (page.status_code, "No application" in page.text) == (503, False)
