"""After consent a real Chromium leaves for every kind of client, and every page is walked with the keyboard alone (A7)."""

import secrets
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, async_playwright

from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import Public, PublicClient, Started, code_form, newcomer, register, token_request
from tests.e2e.test_browser import CHROMIUM, FLAGS

CUSTOM = "cursor://anysphere.cursor-mcp/oauth/callback"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `apt-get install chromium` brings it")

FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at);
  const order = [...document.querySelectorAll('a[href], button, input:not([type=hidden])')];
  return {place: order.indexOf(at), all: order.length, ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0};
}"""


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        chromium: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield await chromium.new_context(ignore_https_errors=True)
        await chromium.close()


@contextmanager
def a_client_site(plane: RunningPlane | None) -> Iterator[str]:
    """A site that answers everything, over https with the plane's certificate for localhost, or over http on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>back at the client</title>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name for it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", plane.client_metadata_port if plane else 0), Handler)
    if plane:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(plane.localhost_certificate, plane.localhost_key)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}/callback" if plane else f"http://127.0.0.1:{server.server_port}/callback"
    finally:
        server.shutdown()
        server.server_close()


class Visit:
    """One page of one browser, with every navigation it asks for and everything the browser complains about."""

    def __init__(self, page: Page, public: Public, started: Started) -> None:
        self.page, self.public, self.started = page, public, started
        self.navigations: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._note)
        page.on("console", self._complain)

    def _note(self, request: Request) -> None:
        if request.is_navigation_request():
            self.navigations.append(request.url)

    def _complain(self, message: ConsoleMessage) -> None:
        # That it asks a client's site for a favicon is the browser's own affair.
        if "favicon" not in message.text:
            self.complaints.append(message.text)

    async def to_consent(self) -> None:
        await self.page.goto(f"{self.public.issuer}/oauth/authorize?{urlencode(self.started.parameters(self.public.resource))}")
        await self.page.get_by_label("Email").fill(self.public.email)
        await self.page.get_by_label("Password").fill(self.public.password)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector("button[value=allow]")

    async def answer(self, action: str) -> dict[str, str]:
        """What the client's redirect URI was opened with; empty if the browser never left."""
        await self.page.click(f"button[value={action}]", no_wait_after=True)
        for _ in range(50):
            await self.page.wait_for_timeout(100)
            for url in self.navigations:
                if url.startswith(self.started.client.redirect_uri):
                    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return {}


async def a_visit(context: BrowserContext, public: Public, redirect_uri: str) -> Visit:
    kind = "web" if redirect_uri.startswith("https:") else "native"
    # The same metadata twice would be the same client, which has its consent already.
    registered = await register(public, client_name=f"e2e {secrets.token_hex(4)}", redirect_uris=[redirect_uri], application_type=kind)
    return Visit(await context.new_page(), public, Started(PublicClient(registered["client_id"], redirect_uri)))


@pytest.fixture(params=["https", "loopback", "custom scheme"])
def redirect_uri(request: pytest.FixtureRequest, plane: RunningPlane) -> Iterator[str]:
    if request.param == "custom scheme":
        yield CUSTOM
        return
    with a_client_site(plane if request.param == "https" else None) as uri:
        yield uri


async def test_allowing_takes_the_browser_to_the_client(context: BrowserContext, public: Public, redirect_uri: str) -> None:
    """A7: the chain from the form to the client passes the content security policy in Chromium."""
    visit = await a_visit(context, public, redirect_uri)
    await visit.to_consent()
    arrived = await visit.answer("allow")
    assert (arrived["state"], arrived["iss"]) == (visit.started.state, public.issuer)
    assert visit.complaints == []
    if redirect_uri != CUSTOM:
        await visit.page.wait_for_url(f"{redirect_uri}?**")
        assert await visit.page.title() == "back at the client"
    answer = await token_request(public, code_form(visit.started, arrived["code"]))
    assert answer.status_code == 200, answer.text


async def test_denying_takes_the_browser_there_too(context: BrowserContext, public: Public, redirect_uri: str) -> None:
    """A5, A7."""
    visit = await a_visit(context, public, redirect_uri)
    await visit.to_consent()
    assert (await visit.answer("deny"))["error"] == "access_denied"
    assert visit.complaints == []


async def test_a_stricter_policy_would_have_been_noticed(context: BrowserContext, public: Public, redirect_uri: str) -> None:
    """The control: with `form-action 'self'` Chromium refuses the redirect, which is why our pages do not say it."""
    visit = await a_visit(context, public, redirect_uri)

    async def stricter(route: Route) -> None:
        response = await route.fetch(max_redirects=0)
        policy = response.headers["content-security-policy"]
        assert "form-action" not in policy
        await route.fulfill(response=response, headers={**response.headers, "content-security-policy": f"{policy}; form-action 'self'"})

    await visit.to_consent()
    await visit.page.route("**/consent?*", stricter)
    await visit.page.reload()
    await visit.page.wait_for_selector("button[value=allow]")
    await visit.answer("allow")
    assert any("form-action" in complaint for complaint in visit.complaints), visit.complaints
    assert visit.page.url.startswith(public.issuer)


async def walk(page: Page) -> None:
    """Tab reaches every control in the order of the page, and each shows that it has the focus."""
    await page.evaluate("() => document.activeElement && document.activeElement.blur()")
    places: list[int] = []
    for _ in range(60):
        await page.keyboard.press("Tab")
        focus = await page.evaluate(FOCUS)
        if focus is None:
            # Past the last control the focus leaves the page once, and comes in again at its beginning.
            continue
        if focus["place"] in places:
            break
        assert focus["ring"], f"control {focus['place']} of {page.url} shows no focus"
        places.append(focus["place"])
    total = await page.evaluate("() => document.querySelectorAll('a[href], button, input:not([type=hidden])').length")
    # Chromium starts where the focus was last; the order from there is what counts.
    first = places.index(0)
    assert places[first:] + places[:first] == list(range(total)), page.url


async def test_every_page_is_walked_with_the_keyboard_alone(context: BrowserContext, public: Public) -> None:
    """A7: sign in, untick a scope, allow, look at the account, type a device's code; no pointer is used."""
    public = await newcomer(public)
    with a_client_site(None) as redirect_uri:
        visit = await a_visit(context, public, redirect_uri)
        page, keyboard = visit.page, visit.page.keyboard
        await page.goto(f"{public.issuer}/oauth/authorize?{urlencode(visit.started.parameters(public.resource))}")
        assert await page.evaluate("() => document.activeElement.name") == "email"
        await keyboard.type(public.email)
        await keyboard.press("Tab")
        await keyboard.type(public.password)
        await keyboard.press("Tab")
        await keyboard.press("Enter")
        await page.wait_for_selector("button[value=allow]")
        await walk(page)
        scopes = page.locator("input[name=scopes]")
        await scopes.last.focus()
        await keyboard.press("Space")
        assert not await scopes.last.is_checked()
        kept = await scopes.first.get_attribute("value")
        await page.locator("button[value=allow]").focus()
        await keyboard.press("Enter")
        await page.wait_for_url(f"{redirect_uri}?**")
        code = parse_qs(urlsplit(page.url).query)["code"][0]
        answer = await token_request(public, code_form(visit.started, code))
        assert answer.json()["scope"] == kept
        for path in ("/account", "/device", "/device?user_code=WDJB-MJHT"):
            await page.goto(public.issuer + path)
            await walk(page)
        await page.goto(f"{public.issuer}/device")
        assert await page.evaluate("() => document.activeElement.name") == "user_code"
        await keyboard.type("wrng-wrng")
        await keyboard.press("Enter")
        await page.wait_for_selector("[role=alert]")
        await page.goto(f"{public.issuer}/account")
        await page.get_by_role("button", name="Sign out everywhere").focus()
        await keyboard.press("Enter")
        await page.wait_for_url("**/login")
        await walk(page)
