"""Login, consent and the way back, as one browser goes through them."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from cli.demo.user_agent import forms_of
from kit.errors import Unavailable
from services.authorize.adapters.store.housekeeping import Purge
from services.authorize.model import ClientStatus, Operator
from services.authorize.users import NewUser
from tests.integration.authorize.conftest import EMAIL, ISSUER, PASSWORD, Browser, Plane, arrived, parameters
from tests.support.fakes_authorize import NOTES, a_client


async def test_a_first_visit_signs_in_consents_and_returns_with_a_code(plane: Plane, browser: Browser) -> None:
    """A1, A5; architecture §7."""
    login = await browser.authorize()
    assert login.headers["location"].startswith("/login?interaction=")
    page = await browser.follow(login)
    consent = await browser.follow(await browser.sign_in(page))
    assert "Read your notes" in consent.text
    assert "app.example" in consent.text
    answer = arrived(await browser.submit(forms_of(consent)[0], action="allow"))
    assert answer["code"].startswith("code-")
    assert (answer["state"], answer["iss"]) == ("st", ISSUER)
    [issued] = plane.codes.issued
    assert (issued.user_id, issued.request.scopes, issued.visit.address) == (plane.user.id, ("notes:read", "notes:write"), "203.0.113.9")
    rows = await plane.audit()
    assert [row["action"] for row in rows] == ["user.created", "user.login", "consent.granted"]
    assert rows[2]["detail"] == {"scopes": ["notes:read", "notes:write"], "remember": True}
    assert EMAIL not in str(rows)


async def test_the_second_time_nobody_is_bothered(plane: Plane, browser: Browser) -> None:
    await browser.submit(forms_of(await browser.to_consent())[0], action="allow")
    assert arrived(await browser.authorize())["code"].startswith("code-2-")
    assert [row["action"] for row in await plane.audit()].count("consent.granted") == 1


async def test_the_form_of_post_is_accepted_too(plane: Plane, browser: Browser) -> None:
    """RFC 6749 §3.1."""
    response = await browser.http.post("/oauth/authorize", data=parameters())
    assert response.headers["location"].startswith("/login?")
    refused = await browser.http.post("/oauth/authorize", json=parameters())
    assert (refused.status_code, refused.headers["content-type"]) == (400, "text/html; charset=utf-8")


async def test_a_link_checker_uses_nothing_up(plane: Plane, browser: Browser) -> None:
    await browser.submit(forms_of(await browser.to_consent())[0], action="allow")
    response = await browser.http.head("/oauth/authorize", params=parameters())
    assert (response.status_code, len(plane.codes.issued)) == (405, 1)


async def test_denying_returns_access_denied(plane: Plane, browser: Browser) -> None:
    """A5."""
    answer = arrived(await browser.submit(forms_of(await browser.to_consent())[0], action="deny"))
    assert (answer["error"], answer["iss"], answer["state"]) == ("access_denied", ISSUER, "st")
    assert [row["action"] for row in await plane.audit()][-1] == "consent.denied"
    assert plane.codes.issued == []


async def test_unticked_choices_and_a_wish_not_to_be_remembered_are_honoured(plane: Plane, browser: Browser) -> None:
    """A5, A6."""
    [form] = forms_of(await browser.to_consent())
    form.fields = [(name, value) for name, value in form.fields if (name, value) != ("scopes", "notes:write") and name != "remember"]
    arrived(await browser.submit(form, action="allow"))
    consent = plane.codes.issued[0].consent
    assert consent is not None
    assert (consent.scopes, consent.remember) == (("notes:read",), False)


async def test_nothing_ticked_asks_again_and_spends_nothing(plane: Plane, browser: Browser) -> None:
    [form] = forms_of(await browser.to_consent())
    kept = form.fields
    form.fields = [(name, value) for name, value in kept if name != "scopes"]
    again = await browser.submit(form, action="allow")
    assert (again.status_code, "Tick at least one" in again.text) == (400, True)
    arrived(await browser.submit(forms_of(again)[0], action="allow"))


@pytest.mark.parametrize("values", [{"action": "maybe"}, {"action": ""}, {"action": "allow", "scopes": "admin:all"}])
async def test_a_form_we_did_not_offer_is_refused(plane: Plane, browser: Browser, values: dict[str, str]) -> None:
    response = await browser.submit(forms_of(await browser.to_consent())[0], **values)
    assert (response.status_code, plane.codes.issued) == (400, [])


async def test_step_up_asks_for_what_is_new_and_keeps_the_old(plane: Plane, browser: Browser) -> None:
    """A5."""
    await browser.submit(forms_of(await browser.to_consent(scope="notes:read"))[0], action="allow")
    page = await browser.to_consent()
    [form] = forms_of(page)
    assert [value for name, value in form.fields if name == "scopes"] == ["notes:write"]
    assert "You allowed before" in page.text
    arrived(await browser.submit(form, action="allow"))
    assert plane.codes.remembered[plane.user.id, "client-a", "", NOTES.uri] == ("notes:read", "notes:write")


async def test_consent_for_one_client_says_nothing_about_another(plane: Plane, browser: Browser) -> None:
    """K18."""
    await browser.submit(forms_of(await browser.to_consent())[0], action="allow")
    response = await browser.authorize(client_id="client-b")
    assert response.headers["location"].startswith("/consent?")


async def test_of_fifty_allows_at_once_one_gets_a_code(plane: Plane, browser: Browser) -> None:
    """Law 4, K3."""
    [form] = forms_of(await browser.to_consent())
    answers = await asyncio.gather(*(browser.submit(form, action="allow") for _ in range(50)))
    assert Counter(answer.status_code == 303 for answer in answers) == {True: 1, False: 49}
    assert {answer.status_code for answer in answers} <= {303, 400, 409}
    assert len(plane.codes.issued) == 1
    assert [row["action"] for row in await plane.audit()].count("consent.granted") == 1


async def test_an_allow_and_a_deny_at_once_do_not_both_stand(plane: Plane, browser: Browser) -> None:
    [form] = forms_of(await browser.to_consent())
    answers = await asyncio.gather(*(browser.submit(form, action=action) for action in ("allow", "deny") * 10))
    assert sum(answer.status_code == 303 for answer in answers) == 1
    granted = [row["action"] for row in await plane.audit() if row["action"].startswith("consent.")]
    assert len(granted) == 1


async def test_when_token_is_down_the_page_can_be_sent_again(plane: Plane, browser: Browser) -> None:
    """Law 10."""
    [form] = forms_of(await browser.to_consent())
    plane.codes.fault = Unavailable("a part of the service cannot be reached")
    down = await browser.submit(form, action="allow")
    assert (down.status_code, down.headers["retry-after"]) == (503, "1")
    plane.codes.fault = None
    assert "code" in arrived(await browser.submit(form, action="allow"))


async def test_a_login_stands_though_token_is_down(plane: Plane, browser: Browser) -> None:
    page = await browser.follow(await browser.authorize())
    plane.codes.fault = Unavailable("down")
    onward = await browser.sign_in(page)
    assert (onward.status_code, browser.session is not None) == (303, True)
    assert (await browser.follow(onward)).status_code == 503
    plane.codes.fault = None
    assert "Allow" in (await browser.follow(onward)).text


async def test_prompt_none_answers_without_a_page(plane: Plane, browser: Browser) -> None:
    """A4."""
    assert arrived(await browser.authorize(prompt="none"))["error"] == "login_required"
    [form] = forms_of(await browser.to_consent())
    assert arrived(await browser.authorize(prompt="none"))["error"] == "consent_required"
    await browser.submit(form, action="allow")
    assert "code" in arrived(await browser.authorize(prompt="none"))


async def test_an_old_login_is_asked_for_again(plane: Plane, browser: Browser) -> None:
    """A4: max_age."""
    await browser.submit(forms_of(await browser.to_consent())[0], action="allow")
    plane.clock.advance(120)
    assert "code" in arrived(await browser.authorize(max_age="300"))
    before = browser.session
    response = await browser.authorize(max_age="60")
    assert response.headers["location"].startswith("/login?")
    page = await browser.follow(response)
    assert f'value="{EMAIL}"' in page.text
    assert "code" in arrived(await browser.sign_in(page))
    assert browser.session != before
    assert plane.codes.issued[-1].authenticated_at == plane.clock.now()


async def test_prompt_login_cannot_be_walked_around(plane: Plane, browser: Browser) -> None:
    """A4: the old session does not open the consent page either."""
    await browser.submit(forms_of(await browser.to_consent())[0], action="allow")
    plane.clock.advance(5)
    response = await browser.authorize(prompt="login")
    login = response.headers["location"]
    page = await browser.open(login)
    assert [form.has("password") for form in forms_of(page)] == [True]
    forged = await browser.open(login.replace("/login", "/consent"))
    assert forged.status_code == 400


async def test_the_login_hint_fills_in_the_address(plane: Plane, browser: Browser) -> None:
    """A4."""
    page = await browser.follow(await browser.authorize(login_hint='"><script>@x.example'))
    assert "<script" not in page.text
    assert "&#34;&gt;&lt;script&gt;@x.example" in page.text


async def test_a_client_suspended_while_the_page_is_open_gets_nothing(plane: Plane, browser: Browser) -> None:
    [form] = forms_of(await browser.to_consent())
    plane.clients.known["client-a"] = a_client(status=ClientStatus.SUSPENDED)
    response = await browser.submit(form, action="allow")
    assert (response.status_code, plane.codes.issued) == (403, [])


async def test_after_ten_minutes_the_page_has_expired(plane: Plane, browser: Browser) -> None:
    """Wire contract §4.6."""
    [form] = forms_of(await browser.to_consent())
    plane.clock.advance(timedelta(minutes=10, seconds=1))
    response = await browser.submit(form, action="allow")
    assert (response.status_code, "expired" in response.text) == (400, True)


async def test_disabling_a_person_ends_their_browser_at_once(plane: Plane, browser: Browser) -> None:
    """Law 13."""
    [form] = forms_of(await browser.to_consent())
    await plane.administration.disable(plane.user.id, Operator("ops"))
    response = await browser.submit(form, action="allow")
    assert response.headers["location"].startswith("/login?")
    assert plane.codes.issued == []
    page = await browser.follow(response)
    assert (await browser.sign_in(page)).status_code == 422


async def test_somebody_else_signing_in_halfway_is_asked_for_themselves(plane: Plane, browser: Browser) -> None:
    """Wire contract §4.9: owner binding."""
    consent = await browser.to_consent()
    [form] = forms_of(consent)
    eve = await plane.administration.create(NewUser("eve@example.com", PASSWORD), Operator("ops"))
    browser.http.cookies.delete("authserver_session")
    await browser.sign_in(await browser.open("/login"), "eve@example.com")
    assert (await browser.submit(form, action="allow")).status_code == 403
    again = await browser.open(str(consent.url))
    assert "eve@example.com" in again.text
    arrived(await browser.submit(forms_of(again)[0], action="allow"))
    assert plane.codes.issued[0].user_id == eve.id


async def test_redirects_to_applications_and_loopback_keep_their_form(plane: Plane, browser: Browser) -> None:
    """A7, C7."""
    uris = ("cursor://anysphere.cursor/oauth", "http://127.0.0.1:1/cb?keep=1")
    plane.clients.known["client-a"] = replace(a_client(), redirect_uris=uris)
    page = await browser.to_consent(redirect_uri=uris[0])
    assert "an application on this device (cursor:)" in page.text
    assert arrived(await browser.submit(forms_of(page)[0], action="allow"), uris[0])["iss"] == ISSUER
    response = await browser.authorize(redirect_uri="http://127.0.0.1:54321/cb?keep=1")
    assert response.headers["location"].startswith("http://127.0.0.1:54321/cb?keep=1&code=")


async def test_session_rows_and_interactions_leave_when_their_time_is_over(plane: Plane, browser: Browser) -> None:
    """O5."""
    await browser.to_consent()
    assert await Purge(plane.pool, plane.clock).once() == 0
    plane.clock.advance(timedelta(hours=25))
    assert await Purge(plane.pool, plane.clock).once() == 2
