"""What somebody who means harm would try at the browser's side."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from cli.demo.user_agent import forms_of
from kit.errors import Unavailable
from services.authorize.model import ClientStatus, Scope
from services.authorize.refusals import DocumentNotAcceptable, DocumentUnreachable
from services.authorize.settings import Settings
from tests.integration.authorize.conftest import EMAIL, ISSUER, PASSWORD, Browser, Plane, arrived, parameters
from tests.support.fakes_authorize import NOTES, a_client

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\u202e'&"


def assert_page(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-request-id"] in response.text


UNTRUSTED = [
    ({"client_id": None}, 400, "client_id is missing"),
    ({"client_id": "nobody"}, 400, "not known here"),
    ({"redirect_uri": None}, 400, "redirect_uri is missing"),
    ({"redirect_uri": "https://evil.example/cb"}, 400, "not one this application registered"),
    ({"redirect_uri": "https://app.example@evil.example/callback"}, 400, "not one"),
    ({"redirect_uri": "javascript:alert(1)"}, 400, "not one"),
    ({"redirect_uri": "//evil.example"}, 400, "not one"),
    ({"client_id": "x" * 3000}, 400, "not known here"),
]


@pytest.mark.parametrize(("changes", "status", "words"), UNTRUSTED)
async def test_until_the_redirect_uri_is_trusted_every_error_is_a_page(
    plane: Plane, browser: Browser, changes: dict[str, str | None], status: int, words: str
) -> None:
    """A1, K12: whatever else is wrong."""
    faults: tuple[dict[str, str | None], ...] = (
        {},
        {"response_type": "token"},
        {"prompt": "none"},
        {"request": "x"},
        {"scope": '"'},
        {"resource": "https://no.example"},
    )
    for fault in faults:
        response = await browser.authorize(**{**fault, **changes})
        assert_page(response, status)
        assert words in response.text


@pytest.mark.parametrize("repeated", ["client_id", "redirect_uri"])
async def test_a_repeated_identity_is_a_page(browser: Browser, repeated: str) -> None:
    query = urlencode(parameters()) + "&" + urlencode({repeated: "https://evil.example/cb"})
    assert_page(await browser.open(f"/oauth/authorize?{query}"), 400)


@pytest.mark.parametrize("repeated", ["state", "scope", "response_type", "code_challenge", "nonsense=1&nonsense"])
async def test_any_other_repeated_parameter_goes_to_the_client(browser: Browser, repeated: str) -> None:
    """RFC 6749 §3.1."""
    answer = arrived(await browser.open(f"/oauth/authorize?{urlencode(parameters())}&{repeated}=x"))
    assert (answer["error"], answer["iss"]) == ("invalid_request", ISSUER)
    assert ("state" in answer) == (repeated != "state")


@pytest.mark.parametrize(
    "query",
    [
        "client_id=%",
        "client_id=%ff",
        "client_id=%00",
        "&".join(f"a{number}=1" for number in range(600)),
        "client_id=client-a&redirect_uri=%0d%0aX:y",
    ],
)
async def test_what_cannot_be_read_is_a_page(browser: Browser, query: str) -> None:
    assert_page(await browser.open(f"/oauth/authorize?{query}"), 400)


@pytest.mark.parametrize(
    ("entry", "status", "words"),
    [
        (DocumentUnreachable("no answer from app.example"), 400, "could not be fetched"),
        (DocumentNotAcceptable("redirect_uris is missing"), 400, "not acceptable"),
        (a_client("u", status=ClientStatus.SUSPENDED), 403, "switched off"),
        (a_client("u", status=ClientStatus.REVOKED), 403, "switched off"),
        (Unavailable("down", retry_after=3), 503, "not available"),
    ],
)
async def test_each_trouble_with_a_client_has_words_of_its_own(
    plane: Plane, browser: Browser, entry: object, status: int, words: str
) -> None:
    """C5."""
    plane.clients.known["u"] = entry  # type: ignore[assignment]
    response = await browser.authorize(client_id="u")
    assert_page(response, status)
    assert words in response.text


async def test_a_hostile_name_is_text_and_nothing_else(plane: Plane, browser: Browser) -> None:
    """A7; XSS and template injection."""
    plane.clients.known["client-a"] = a_client(name=HOSTILE)
    plane.resources.known = (replace(NOTES, name=HOSTILE, scopes=(Scope("notes:read", HOSTILE), Scope('x"><b>', ""))),)
    page = await browser.to_consent(scope="notes:read")
    for mark in ("<script", "<img", "49", "\u202e"):
        assert mark not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("path", ["/login?redirect=", "/login?interaction=", "/consent?interaction=x&hop=", "/oauth/authorize?client_id="])
async def test_what_is_in_the_address_is_never_markup(browser: Browser, path: str) -> None:
    response = await browser.http.get(path + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in response.text


async def test_pages_are_not_framed_cached_or_scripted_and_forms_may_lead_anywhere(plane: Plane, browser: Browser) -> None:
    """A7: form-action would break the redirect chain in Chromium."""
    for page in (await browser.open("/login"), await browser.to_consent(), await browser.open("/account"), await browser.open("/consent")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action" not in policy
        assert "script" not in policy
        assert (page.headers["cache-control"], page.headers["x-frame-options"]) == ("no-store", "DENY")
        assert "<script" not in page.text
        assert not re.search(r'(?:src|href|url\()\s*=?\s*["\']?https?:', page.text)


async def test_another_browser_cannot_finish_what_this_one_began(plane: Plane, browser: Browser) -> None:
    """A link sent to a victim must not make them consent in the sender's stead (K13)."""
    link = (await browser.authorize()).headers["location"]
    victim = plane.browser()
    await victim.sign_in(await victim.open("/login"))
    assert_page(await victim.open(link), 403)
    [form] = forms_of(await browser.open(link))
    assert_page(await victim.submit(form, email=EMAIL, password=PASSWORD), 403)
    consent = await browser.to_consent()
    assert_page(await victim.open(str(consent.url)), 403)
    assert (await victim.submit(forms_of(consent)[0], action="allow")).status_code == 403
    assert plane.codes.issued == []


async def test_a_stolen_consent_page_needs_the_session_too(plane: Plane, browser: Browser) -> None:
    """CSRF: the browser cookie alone does not answer."""
    [form] = forms_of(await browser.to_consent())
    browser.http.cookies.delete("authserver_session")
    response = await browser.submit(form, action="allow")
    assert response.headers["location"].startswith("/login?")
    await browser.sign_in(await browser.open("/login"))
    assert_page(await browser.submit(form, action="allow"), 403)
    assert plane.codes.issued == []


@pytest.mark.parametrize("change", ["tag", "id", "step", "missing"])
async def test_a_changed_link_opens_nothing(plane: Plane, browser: Browser, change: str) -> None:
    """K13."""
    parts = urlsplit((await browser.authorize()).headers["location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = parts.path
    if change == "tag":
        query["hop"] = ("A" if query["hop"][0] != "A" else "B") + query["hop"][1:]
    elif change == "id":
        query["interaction"] = query["interaction"][::-1]
    elif change == "step":
        path = "/consent"
    else:
        del query["hop"]
    assert_page(await browser.open(f"{path}?{urlencode(query)}"), 400)


@pytest.mark.parametrize("field", ["csrf_token", "interaction", "hop"])
async def test_a_changed_form_is_refused(plane: Plane, browser: Browser, field: str) -> None:
    """A8, K13, K17."""
    [form] = forms_of(await browser.to_consent())
    other = await browser.authorize(state="another")
    stolen = {name: values[0] for name, values in parse_qs(urlsplit(other.headers["location"]).query).items()}
    response = await browser.submit(form, action="allow", **{field: stolen.get(field, "x" * 43)})
    assert response.status_code in {400, 403}
    assert plane.codes.issued == []


async def test_a_login_form_without_its_token_is_rejected_and_offers_a_fresh_one(plane: Plane, browser: Browser) -> None:
    """Wire contract §4.8: 422."""
    [form] = forms_of(await browser.open("/login"))
    rejected = await browser.submit(form, email=EMAIL, password=PASSWORD, csrf_token="x" * 43)
    assert (rejected.status_code, browser.session) == (422, None)
    assert PASSWORD not in rejected.text
    assert (await browser.sign_in(rejected)).status_code == 303


async def test_a_login_form_of_another_browser_is_rejected(plane: Plane, browser: Browser) -> None:
    """Login CSRF."""
    attacker = plane.browser()
    [form] = forms_of(await attacker.open("/login"))
    assert (await browser.submit(form, email=EMAIL, password=PASSWORD)).status_code == 422
    assert browser.session is None


async def test_a_session_chosen_by_somebody_else_is_not_adopted(plane: Plane, browser: Browser) -> None:
    """A8: session fixation."""
    fixed = "f" * 43
    browser.http.cookies.set("authserver_session", fixed, domain="localhost.local", path="/")
    await browser.sign_in(await browser.open("/login"))
    set_now = [value for name, value in browser.http.cookies.items() if name == "authserver_session" and value != fixed]
    assert len(set_now) == 1
    stranger = plane.browser()
    stranger.http.cookies.set("authserver_session", fixed)
    assert (await stranger.open("/account")).headers["location"] == "/login"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/%09/evil.example", "javascript:alert(1)", "http:evil"]
)
async def test_login_leads_to_no_strangers_page(plane: Plane, browser: Browser, target: str) -> None:
    """Wire contract §4.7: open redirect."""
    page = await browser.http.get("/login", params={"redirect": target})
    first = await browser.sign_in(page)
    assert first.headers["location"] in {"/account", "/%09/evil.example", "/%2509/evil.example"}
    other = plane.browser()
    [form] = forms_of(await other.open("/login"))
    assert (await other.submit(form, email=EMAIL, password=PASSWORD, redirect=target)).headers["location"] in {
        "/account",
        "/%09/evil.example",
        "/%2509/evil.example",
    }


async def test_guessing_is_locked_out_per_identity_and_address(plane: Plane, browser: Browser) -> None:
    """C9; wire contract §4.7."""
    page = await browser.open("/login")
    for _ in range(5):
        page = await browser.sign_in(page, password="wrong password")
        assert page.status_code == 422
    locked = await browser.sign_in(page)
    assert locked.status_code == 429
    assert 880 < int(locked.headers["retry-after"]) <= 900
    elsewhere = plane.browser(address="198.51.100.77")
    assert (await elsewhere.sign_in(await elsewhere.open("/login"))).status_code == 303
    actions = [row["action"] for row in await plane.audit()]
    assert (actions.count("user.login_failed"), actions.count("auth.locked_out")) == (5, 1)


async def test_wrong_password_and_unknown_person_read_the_same(plane: Plane, browser: Browser) -> None:
    page = await browser.open("/login")
    wrong, unknown = await browser.sign_in(page, EMAIL, "x" * 12), await browser.sign_in(page, "nobody@example.com", "x" * 12)
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong.text) == strip.sub("", unknown.text)
    assert (wrong.status_code, unknown.status_code) == (422, 422)


async def test_signing_out_needs_the_form_and_ends_the_session_on_the_server(plane: Plane, browser: Browser) -> None:
    await browser.sign_in(await browser.open("/login"))
    secret = browser.session
    assert_page(await browser.http.post("/logout", data={"csrf_token": "x" * 43}), 403)
    page = await browser.open("/account")
    assert EMAIL in page.text
    out = await browser.submit(forms_of(page)[0])
    assert (out.status_code, out.headers["location"], browser.session) == (303, "/login", None)
    browser.http.cookies.set("authserver_session", secret or "")
    assert (await browser.open("/account")).headers["location"] == "/login"
    assert [row["action"] for row in await plane.audit()][-1] == "user.logout"


class TestOnHttps:
    """A8: the cookie's prefix."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, issuer="https://auth.example", secure=True)

    async def test_cookies_carry_the_host_prefix(self, plane: Plane, browser: Browser) -> None:
        browser.http.base_url = httpx.URL("https://auth.example")
        page = await browser.open("/login")
        done = await browser.sign_in(page)
        for cookie in (page.headers["set-cookie"], done.headers["set-cookie"]):
            assert cookie.startswith("__Host-authserver_")
            assert "; Path=/; " in cookie
            assert cookie.endswith("; HttpOnly; SameSite=Lax; Secure")
            assert "Domain" not in cookie
        assert (await browser.open("/account")).status_code == 200
        assert page.headers["strict-transport-security"]

    async def test_a_cookie_without_the_prefix_is_not_believed(self, plane: Plane, browser: Browser) -> None:
        browser.http.base_url = httpx.URL("https://auth.example")
        await browser.sign_in(await browser.open("/login"))
        value = browser.http.cookies.get("__Host-authserver_session")
        plain = plane.browser()
        plain.http.base_url = httpx.URL("https://auth.example")
        plain.http.cookies.set("authserver_session", value or "")
        assert (await plain.open("/account")).headers["location"] == "/login"


class TestWithoutPasswords:
    """Wire contract §4.7: local login switched off."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, local_login=False)

    async def test_there_is_no_form_and_none_is_taken(self, browser: Browser) -> None:
        page = await browser.open("/login")
        assert forms_of(page) == []
        response = await browser.http.post("/login", data={"email": EMAIL, "password": PASSWORD})
        assert response.status_code == 404
