"""Login and consent as a person sees them, in a real Chromium (A5, A7)."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Browser, Page, Request, async_playwright

from tests.e2e.flows import Public, Started, code_form, public_client, token_request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `apt-get install chromium` brings it")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


async def open_authorization(browser: Browser, public: Public, started: Started, **options: object) -> tuple[Page, list[str]]:
    page = await (await browser.new_context(**options)).new_page()  # type: ignore[arg-type]
    arrived: list[str] = []

    def note(request: Request) -> None:
        if request.url.startswith(started.client.redirect_uri):
            arrived.append(request.url)

    page.on("request", note)
    await page.goto(f"{public.issuer}/oauth/authorize?{urlencode(started.parameters(public.resource))}")
    return page, arrived


async def log_in(page: Page, public: Public) -> None:
    await page.get_by_label("Email").fill(public.email)
    await page.get_by_label("Password").fill(public.password)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("button[name=action][value=allow]")


async def test_a_person_logs_in_reads_the_consent_page_and_comes_back(browser: Browser, public: Public, tmp_path: Path) -> None:
    """A5, A7: the redirect after consent passes the content security policy."""
    started = Started(await public_client(public))
    page, arrived = await open_authorization(browser, public, started, viewport={"width": 390, "height": 844}, color_scheme="dark")
    await page.screenshot(path=tmp_path / "login.png", full_page=True)
    await log_in(page, public)
    await page.screenshot(path=tmp_path / "consent.png", full_page=True)
    text = await page.inner_text("body")
    assert "127.0.0.1" in text
    assert "notes:read" in text
    await page.click("button[name=action][value=allow]")
    await page.wait_for_timeout(1500)
    assert arrived, "the browser was not sent back to the client"
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(arrived[-1]).query).items()}
    assert parameters["iss"] == public.issuer
    assert parameters["state"] == started.state
    answer = await token_request(public, code_form(started, parameters["code"]))
    assert answer.status_code == 200, answer.text


async def test_denying_sends_the_person_back_with_access_denied(browser: Browser, public: Public) -> None:
    """A5."""
    started = Started(await public_client(public))
    page, arrived = await open_authorization(browser, public, started)
    await log_in(page, public)
    await page.click("button[name=action][value=deny]")
    await page.wait_for_timeout(1500)
    assert "error=access_denied" in arrived[-1]


async def test_unticked_scopes_are_not_granted(browser: Browser, public: Public) -> None:
    """A5: unticked choices are honoured."""
    started = Started(await public_client(public))
    page, arrived = await open_authorization(browser, public, started)
    await log_in(page, public)
    await page.uncheck("input[name=scopes][value='notes:write']")
    await page.click("button[name=action][value=allow]")
    await page.wait_for_timeout(1500)
    code = parse_qs(urlsplit(arrived[-1]).query)["code"][0]
    answer = await token_request(public, code_form(started, code))
    assert answer.json()["scope"] == "notes:read"


async def test_the_pages_run_no_script(browser: Browser, public: Public) -> None:
    """A7: everything works with JavaScript switched off."""
    started = Started(await public_client(public))
    page, arrived = await open_authorization(browser, public, started, java_script_enabled=False)
    await page.get_by_label("Email").fill(public.email)
    await page.get_by_label("Password").fill(public.password)
    await page.keyboard.press("Enter")
    await page.click("button[name=action][value=allow]")
    await page.wait_for_timeout(1500)
    assert arrived
