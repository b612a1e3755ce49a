"""/device as a browser uses it (RFC 8628 §3.3, T9)."""

from dataclasses import replace

import httpx
import pytest

from cli.demo.user_agent import forms_of
from kit.errors import AccessDenied, Unavailable
from services.authorize.device import DeviceRequest
from services.authorize.model import ClientId
from services.authorize.settings import Settings
from tests.integration.authorize.conftest import SETTINGS, Browser, Plane
from tests.support.fakes_authorize import NOTES

CODE = "WDJBMJHT"


@pytest.fixture(autouse=True)
def waiting(plane: Plane) -> None:
    scopes = ("notes:read", "notes:write")
    plane.devices.waiting[CODE] = DeviceRequest(ClientId("client-a"), NOTES.uri, scopes)


async def at_the_form(browser: Browser, query: str = "") -> httpx.Response:
    page = await browser.open(f"/device{query}")
    if page.status_code == 303:
        page = await browser.follow(await browser.sign_in(await browser.follow(page)))
    assert page.status_code == 200
    return page


async def type_code(browser: Browser, page: httpx.Response, code: str | None = None) -> httpx.Response:
    [form] = forms_of(page)
    typed = {} if code is None else {"user_code": code}
    return await browser.submit(form, action="continue", **typed)


async def test_a_person_signs_in_types_the_code_reads_and_allows(browser: Browser, plane: Plane) -> None:
    question = await type_code(browser, await at_the_form(browser), "wdjb mjht")
    for told in ("Notebook", "Notes", NOTES.uri, "Read your notes", "WDJB-MJHT", "deny it", "ada@example.com", "client-a"):
        assert told in question.text
    [form] = forms_of(question)
    done = await browser.submit(form, action="allow", scopes=["notes:read"])
    assert "Your device is connected" in done.text
    [decision] = plane.devices.decided
    assert (decision.user_id, decision.user_code, decision.scopes) == (plane.user.id, CODE, ("notes:read",))
    assert decision.visit.address == "203.0.113.9"
    # Law 1: the decision is one hop; what it is about came with the form.
    assert plane.devices.looked_up == [CODE]


async def test_a_person_denies(browser: Browser, plane: Plane) -> None:
    [form] = forms_of(await type_code(browser, await at_the_form(browser), CODE))
    assert "Nothing was shared" in (await browser.submit(form, action="deny")).text
    assert [decision.scopes for decision in plane.devices.decided] == [()]


async def test_a_complete_link_fills_the_code_in_and_sends_nothing(browser: Browser, plane: Plane) -> None:
    """RFC 8628 §3.3.1, §5.4: the person compares and continues."""
    page = await at_the_form(browser, "?user_code=wdjb-mjht")
    [form] = forms_of(page)
    assert dict(form.fields)["user_code"] == "WDJB-MJHT"
    assert plane.devices.looked_up == []
    assert "<script" not in page.text
    assert 'http-equiv="refresh"' not in page.text
    assert "Notebook" in (await type_code(browser, page)).text


@pytest.mark.parametrize(
    "query", ["?user_code=%3Cscript%3E", "?user_code=%22%20autofocus", "?user_code=/\\evil.example", "?user_code=" + "x" * 3000]
)
async def test_a_link_fills_in_nothing_but_a_code(browser: Browser, query: str) -> None:
    [form] = forms_of(await at_the_form(browser, query))
    assert dict(form.fields)["user_code"] == ""


async def test_a_wrong_code_says_so_and_nothing_more(browser: Browser) -> None:
    page = await at_the_form(browser)
    for wrong in ("WRNG-WRNG", "", "<b>", "x" * 100):
        answer = await type_code(browser, page, wrong)
        assert answer.status_code == 422
        assert "No device is waiting with this code" in answer.text
        assert "<b>" not in answer.text.split("<h1>")[1]


async def test_guessing_ends_in_429_with_the_time_left(browser: Browser, plane: Plane) -> None:
    """RFC 8628 §5.1, C9; the count is in Redis."""
    page = await at_the_form(browser)
    for _ in range(10):
        assert (await type_code(browser, page, "WRNG-WRNG")).status_code == 422
    locked = await type_code(browser, page, CODE)
    assert locked.status_code == 429
    assert 880 < int(locked.headers["retry-after"]) <= 900
    assert [row["reason"] for row in await plane.audit() if row["action"] == "auth.locked_out"] == ["user_code_guessing"]


async def test_forms_are_for_their_browser_and_their_code(browser: Browser, plane: Plane) -> None:
    """K17: the token of one question answers no other."""
    plane.devices.waiting["AAAABBBB"] = plane.devices.waiting[CODE]
    page = await at_the_form(browser)
    [entry] = forms_of(page)
    [question] = forms_of(await type_code(browser, page, CODE))
    stranger = plane.browser()
    await at_the_form(stranger)
    assert (await browser.submit(question, action="allow", user_code="AAAABBBB")).status_code == 403
    assert (await browser.submit(question, action="allow", client_id="client-b")).status_code == 403
    assert (await browser.submit(question, action="allow", resource="")).status_code == 403
    assert (await browser.submit(question, action="allow", asked=["notes:read", "notes:write", "notes:admin"])).status_code == 403
    assert (await browser.submit(question, action="allow", csrf_token="")).status_code == 403
    assert (await browser.submit(entry, action="allow", user_code=CODE, scopes="notes:read")).status_code == 403
    assert (await stranger.submit(question, action="allow")).status_code == 403
    assert (await browser.submit(question, action="")).status_code == 400
    assert plane.devices.decided == []


async def test_nothing_ticked_asks_again(browser: Browser, plane: Plane) -> None:
    question = await type_code(browser, await at_the_form(browser), CODE)
    [form] = forms_of(question)
    again = await browser.submit(form, action="allow", scopes=[])
    assert (again.status_code, "Tick at least one" in again.text) == (400, True)
    assert plane.devices.decided == []


async def test_a_second_answer_is_too_late(browser: Browser) -> None:
    [form] = forms_of(await type_code(browser, await at_the_form(browser), CODE))
    assert (await browser.submit(form, action="allow")).status_code == 200
    late = await browser.submit(form, action="deny")
    assert (late.status_code, "This request has expired" in late.text) == (404, True)


async def test_whoever_signed_out_meanwhile_signs_in_again(browser: Browser, plane: Plane) -> None:
    [form] = forms_of(await type_code(browser, await at_the_form(browser), CODE))
    await plane.pool.execute("DELETE FROM authorize.sessions")
    answer = await browser.submit(form, action="allow")
    assert answer.headers["location"] == "/login?redirect=%2Fdevice%3Fuser_code%3DWDJBMJHT"
    assert plane.devices.decided == []


async def test_what_token_refuses_or_cannot_say_is_a_page(browser: Browser, plane: Plane) -> None:
    """Law 10."""
    page = await at_the_form(browser)
    [form] = forms_of(await type_code(browser, page, CODE))
    for fault, status in ((AccessDenied("this person may not"), 403), (Unavailable("token is away"), 503)):
        plane.devices.fault = fault
        answer = await browser.submit(form, action="allow")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


class TestSwitchedOff:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(SETTINGS, device_page=False)

    async def test_there_is_no_page(self, browser: Browser) -> None:
        assert (await browser.open("/device")).status_code == 404
        assert (await browser.http.post("/device", data={"user_code": CODE})).status_code == 404
