"""Signing in at an identity provider, well-behaved or not, over real HTTP and a real Postgres (A9, wire contract §9)."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from cli.demo.user_agent import forms_of
from kit.jose import Alg, Signer, generate_key, public_key_to_pem
from kit.jwk import encode
from kit.outbound import Outbound
from services.authorize.adapters.identity_provider import OutboundIdentityProviders
from services.authorize.identity_provider import Provider
from services.authorize.model import Operator, UserId
from services.authorize.settings import Settings
from tests.integration.authorize.conftest import EMAIL, SETTINGS, Browser, Plane, arrived
from tests.support.identity_provider import StubProvider, serving


@pytest.fixture
async def provider() -> AsyncIterator[StubProvider]:
    async with serving(StubProvider()) as provider:
        yield provider


@pytest.fixture
async def other() -> AsyncIterator[StubProvider]:
    async with serving(StubProvider("two", subject="subject-2", claims={})) as provider:
        yield provider


@pytest.fixture
def settings(provider: StubProvider, other: StubProvider) -> Settings:
    return replace(SETTINGS, providers=(provider.configured(), other.configured()))


class Seconds:
    """A monotonic clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def identity_providers(seconds: Seconds) -> AsyncIterator[OutboundIdentityProviders]:
    public = Outbound(allow_private=False, ca_file=None, timeout=0.7)
    local = Outbound(allow_private=True, ca_file=None, timeout=0.7, require_https=False)
    yield OutboundIdentityProviders(public, local, now=seconds)
    await public.close()
    await local.close()


async def begin(browser: Browser, query: str = "provider=oidc&redirect=/account") -> str:
    """The provider's URL."""
    response = await browser.open(f"/oidc/start?{query}")
    assert response.status_code == 302, response.text
    return str(response.headers["location"])


async def sign_in(browser: Browser, provider: StubProvider, **changes: str | None) -> httpx.Response:
    """Out and back."""
    return await browser.open(provider.authorize(await begin(browser, f"provider={provider.name}&redirect=/account"), **changes))


async def failures(plane: Plane) -> list[str]:
    return [row["reason"] for row in await plane.audit() if row["action"] == "user.oidc_login_failed"]


async def people(plane: Plane) -> list[dict[str, Any]]:
    rows = await plane.pool.fetch(
        "SELECT u.id, u.email, u.name, u.provider, i.subject, i.groups"
        " FROM authorize.users u LEFT JOIN authorize.identities i ON i.user_id = u.id ORDER BY i.created_at, i.subject"
    )
    return [dict(row) for row in rows if row["subject"] is not None]


async def refused(plane: Plane, browser: Browser, response: httpx.Response, status: int, *reasons: str) -> None:
    """A page, no session, nobody created, and the reason in the log."""
    assert (response.status_code, response.headers["content-type"]) == (status, "text/html; charset=utf-8"), response.text
    assert browser.session is None
    assert await people(plane) == []
    assert await failures(plane) == list(reasons)


async def test_a_stranger_signs_in_and_is_known_the_second_time(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    back = await sign_in(browser, provider)
    assert (back.status_code, back.headers["location"]) == (303, "/account")
    assert browser.http.cookies.get("authserver_oidc_state") is None
    assert "Grace" in (await browser.open("/account")).text
    [person] = await people(plane)
    assert person | {"id": ""} == {
        "id": "",
        "email": "grace@example.com",
        "name": "Grace",
        "provider": "oidc",
        "subject": "subject-1",
        "groups": ["staff"],
    }
    rows = (await plane.audit())[-2:]
    assert [(row["action"], row["subject"], row["detail"]["provider"]) for row in rows] == [
        ("user.created", person["id"], "oidc"),
        ("user.oidc_login", person["id"], "oidc"),
    ]
    assert "grace" not in str(rows).lower()
    assert (await sign_in(plane.browser(), provider)).status_code == 303
    assert [found["id"] for found in await people(plane)] == [person["id"]]


async def test_the_browser_learns_neither_verifier_nor_destination(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    location = await begin(browser, "provider=oidc&redirect=/device%3Fx=1")
    row = await plane.pool.fetchrow("SELECT nonce, verifier, redirect FROM authorize.federated_sign_ins")
    assert row is not None
    assert row["redirect"] == "/device?x=1"
    assert row["verifier"] not in location
    assert "device" not in location
    assert row["verifier"] not in str(browser.http.cookies.jar)


async def test_the_start_asks_for_what_it_should(browser: Browser, provider: StubProvider) -> None:
    response = await browser.open("/oidc/start?provider=oidc")
    assert "code_challenge_method=S256" in response.headers["location"]
    assert "scope=openid+email+profile+groups" in response.headers["location"]
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("authserver_oidc_state=")
    assert "Path=/; Max-Age=600; HttpOnly; SameSite=Lax" in cookie


async def test_inside_an_authorization_the_person_comes_back_to_consent(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    """A9, with the client's login_hint passed on."""
    page = await browser.follow(await browser.authorize(login_hint="grace@example.com"))
    assert "Continue with <bdi>Example oidc</bdi>" in page.text
    link = page.text.partition('href="/oidc/start?provider=oidc')[2].partition('"')[0].replace("&amp;", "&")
    start = await browser.open(f"/oidc/start?provider=oidc{link}")
    assert "login_hint=grace%40example.com" in start.headers["location"]
    consent = await browser.follow(await browser.open(provider.authorize(start.headers["location"])))
    assert "Read your notes" in consent.text
    answer = arrived(await browser.submit(forms_of(consent)[0], action="allow"))
    assert answer["state"] == "st"
    [person] = await people(plane)
    assert plane.codes.issued[0].user_id == person["id"]


async def test_a_sign_in_that_is_too_old_for_the_client_is_asked_for_again(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    """A4: what the provider remembers of an hour ago is no answer to prompt=login."""
    provider.claims |= {"auth_time": plane.clock.now().timestamp() - 3600}
    page = await browser.follow(await browser.authorize(prompt="login"))
    link = page.text.partition('href="/oidc/start?provider=oidc')[2].partition('"')[0].replace("&amp;", "&")
    start = await browser.open(f"/oidc/start?provider=oidc{link}")
    assert "prompt=login" in start.headers["location"]
    again = await browser.follow(await browser.open(provider.authorize(start.headers["location"])))
    assert again.headers["location"].startswith("/login?interaction=")


async def test_an_authorization_begun_in_another_browser_is_not_entered(browser: Browser, plane: Plane) -> None:
    page = await browser.follow(await browser.authorize())
    link = page.text.partition('href="/oidc/start?provider=oidc')[2].partition('"')[0].replace("&amp;", "&")
    assert (await plane.browser().open(f"/oidc/start?provider=oidc{link}")).status_code == 403
    assert (await browser.open(f"/oidc/start?provider=oidc{link}x")).status_code == 400


async def test_an_unknown_provider_and_one_left_unsaid(browser: Browser, provider: StubProvider) -> None:
    assert (await browser.open("/oidc/start?provider=three")).status_code == 400
    assert (await begin(browser, "redirect=/account")).startswith(provider.issuer)


@pytest.mark.parametrize("redirect", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", ""])
async def test_nobody_is_sent_elsewhere_afterwards(browser: Browser, provider: StubProvider, redirect: str) -> None:
    """Wire contract §4.7."""
    location = (await browser.http.get("/oidc/start", params={"provider": "oidc", "redirect": redirect})).headers["location"]
    assert (await browser.open(provider.authorize(location))).headers["location"] == "/account"


async def test_a_head_request_spends_nothing(browser: Browser, provider: StubProvider) -> None:
    back = provider.authorize(await begin(browser))
    assert (await browser.http.head(back)).status_code == 405
    assert (await browser.open(back)).status_code == 303


# What a provider may say wrongly ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "wrong"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["plane", "another"]},
        {"azp": "another"},
        {"exp": 1},
        {"iat": 1},
        {"iat": 9_999_999_999},
        {"sub": ""},
        {"sub": None},
    ],
)
async def test_a_wrong_id_token_signs_nobody_in(plane: Plane, browser: Browser, provider: StubProvider, claims: dict[str, Any]) -> None:
    provider.claims |= claims
    await refused(plane, browser, await sign_in(browser, provider), 401, "id_token_invalid")


def unsigned(claims: dict[str, Any], alg: str) -> str:
    return f"{encode(orjson.dumps({'alg': alg, 'kid': 'k1', 'typ': 'JWT'}))}.{encode(orjson.dumps(claims))}"


async def test_an_unsigned_id_token_signs_nobody_in(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    provider.signed = lambda claims: unsigned(claims, "none") + "."
    await refused(plane, browser, await sign_in(browser, provider), 401, "id_token_invalid")
    assert "/jwks" not in provider.paths()


async def test_the_public_key_is_no_shared_secret(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    secret = public_key_to_pem(provider.keys["k1"])

    def signed(claims: dict[str, Any]) -> str:
        message = unsigned(claims, "HS256")
        return f"{message}.{encode(hmac.digest(secret, message.encode(), hashlib.sha256))}"

    provider.signed = signed
    await refused(plane, browser, await sign_in(browser, provider), 401, "id_token_invalid")


async def test_a_key_of_somebody_else_signs_nobody_in(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    key = generate_key(Alg.ES256)
    provider.signed = lambda claims: Signer("k1", Alg.ES256, key).sign(claims, "JWT")
    await refused(plane, browser, await sign_in(browser, provider), 401, "id_token_invalid")


async def test_a_rotated_key_is_found_at_once_and_an_invented_one_not_looked_for_again_and_again(
    browser: Browser, provider: StubProvider, seconds: Seconds
) -> None:
    """Wire contract §9: one fetch more for an unknown kid."""
    assert (await sign_in(browser, provider)).status_code == 303
    provider.keys["k2"] = generate_key(Alg.ES256)
    assert (await sign_in(browser, provider)).status_code == 303
    assert provider.paths().count("/jwks") == 2
    stranger = generate_key(Alg.ES256)
    provider.signed = lambda claims: Signer("k3", Alg.ES256, stranger).sign(claims, "JWT")
    for _ in range(3):
        assert (await sign_in(browser, provider)).status_code == 401
    assert provider.paths().count("/jwks") == 2
    seconds.now += 31
    assert (await sign_in(browser, provider)).status_code == 401
    assert provider.paths().count("/jwks") == 3
    assert provider.paths().count("/.well-known/openid-configuration") == 1


async def test_a_withdrawn_key_is_not_trusted_for_long(browser: Browser, provider: StubProvider, seconds: Seconds) -> None:
    assert (await sign_in(browser, provider)).status_code == 303
    withdrawn = provider.keys.pop("k1")
    provider.keys["k2"] = generate_key(Alg.ES256)
    provider.signed = lambda claims: Signer("k1", Alg.ES256, withdrawn).sign(claims, "JWT")
    seconds.now += 601
    assert (await sign_in(browser, provider)).status_code == 401


# Whose answer it is -----------------------------------------------------------------------------------------------------------------


async def test_an_answer_is_good_once(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    """Law 4; a replayed state."""
    back = provider.authorize(await begin(browser))
    cookie = browser.http.cookies["authserver_oidc_state"]
    assert (await browser.open(back)).status_code == 303
    browser.http.cookies.set("authserver_oidc_state", cookie)
    assert (await browser.open(back)).status_code == 400
    assert await failures(plane) == ["state_invalid"]


async def test_of_many_returns_at_once_one_signs_in(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    back = provider.authorize(await begin(browser))
    answers = await asyncio.gather(*(browser.open(back) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 19
    assert len([row for row in await plane.audit() if row["action"] == "user.oidc_login"]) == 1


async def test_another_browsers_answer_is_refused_and_still_good_for_its_own(
    plane: Plane, browser: Browser, provider: StubProvider
) -> None:
    """Login CSRF: nobody is signed in as somebody else by following a link."""
    back = provider.authorize(await begin(browser))
    victim = plane.browser()
    await refused(plane, victim, await victim.open(back), 400, "state_invalid")
    await begin(victim)
    assert (await victim.open(back)).status_code == 400
    assert victim.session is None
    assert (await browser.open(back)).status_code == 303


async def test_an_answer_that_took_too_long_is_refused(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    back = provider.authorize(await begin(browser))
    plane.clock.advance(timedelta(minutes=10))
    await refused(plane, browser, await browser.open(back), 400, "state_invalid")


@pytest.mark.parametrize("query", ["", "code=x", "state=x", "state=&code=x", "error=access_denied", "state=a&state=b&code=x"])
async def test_what_is_no_answer_is_refused(plane: Plane, browser: Browser, query: str) -> None:
    await begin(browser)
    response = await browser.open(f"/oidc/callback?{query}")
    assert (response.status_code, browser.session) == (400, None)


async def test_two_tabs_do_not_spoil_each_other(browser: Browser, provider: StubProvider) -> None:
    first, second = await begin(browser), await begin(browser)
    assert first != second
    assert (await browser.open(provider.authorize(first))).status_code == 303


async def test_one_providers_code_never_reaches_another(
    plane: Plane, browser: Browser, provider: StubProvider, other: StubProvider
) -> None:
    """Mix-up (RFC 9700 §4.4): the person was sent to one provider and came back from the other."""
    asked = await begin(browser, "provider=two")
    honest = provider.authorize(await begin(browser))
    code = dict(httpx.URL(honest).params)["code"]
    state = dict(httpx.URL(asked).params)["state"]
    response = await browser.open(f"/oidc/callback?code={code}&state={state}")
    await refused(plane, browser, response, 400, "mixed_up")
    assert "/token" not in other.paths()


async def test_an_answer_that_names_another_issuer_is_refused(
    plane: Plane, browser: Browser, provider: StubProvider, other: StubProvider
) -> None:
    """RFC 9207 §2.4."""
    await refused(plane, browser, await sign_in(browser, provider, iss=other.issuer), 400, "mixed_up")
    assert (await sign_in(browser, provider, iss=provider.issuer)).status_code == 303


async def test_a_provider_that_promises_to_name_itself_has_to(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    provider.discovery["authorization_response_iss_parameter_supported"] = True
    await refused(plane, browser, await sign_in(browser, provider), 400, "mixed_up")


# How a provider may fail ------------------------------------------------------------------------------------------------------------


async def test_a_provider_that_declines_leaves_the_person_where_they_are(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    back = await sign_in(browser, provider, code=None, error="access_denied", error_description="<b>no</b>")
    await refused(plane, browser, back, 400, "provider_declined")
    assert "<b>" not in back.text


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ((500, b"oops"), 503, "provider_unavailable"),
        ((502, b""), 503, "provider_unavailable"),
        ((429, b"{}"), 503, "provider_unavailable"),
        ((302, b""), 503, "provider_unavailable"),
        ((200, b"x" * 300_000), 503, "provider_unavailable"),
        ((400, b'{"error":"invalid_grant"}'), 401, "code_exchange_failed"),
        ((401, b"<html>"), 401, "code_exchange_failed"),
        ((200, b""), 401, "code_exchange_failed"),
        ((200, b"[]"), 401, "code_exchange_failed"),
        ((200, b"[" * 100_000), 401, "code_exchange_failed"),
        ((200, b'{"access_token":"x"}'), 401, "code_exchange_failed"),
        ((200, b'{"id_token":5}'), 401, "code_exchange_failed"),
        ((200, b'{"id_token":"a","id_token":"b"}'), 401, "code_exchange_failed"),
        ((200, b'{"id_token":"a.b.c"}'), 401, "id_token_invalid"),
        ((200, '{"id_token":"é"}'.encode()), 401, "id_token_invalid"),
    ],
)
async def test_whatever_the_token_endpoint_says_is_never_our_failure(
    plane: Plane, browser: Browser, provider: StubProvider, answer: tuple[int, bytes], status: int, reason: str
) -> None:
    provider.answers["/token"] = answer
    await refused(plane, browser, await sign_in(browser, provider), status, reason)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks"])
@pytest.mark.parametrize("answer", [(500, b""), (404, b"{}"), (200, b"no"), (200, b"[]"), (200, b"{}"), (200, b" " * 300_000)])
async def test_what_a_provider_publishes_badly_is_its_outage(
    plane: Plane, browser: Browser, provider: StubProvider, path: str, answer: tuple[int, bytes]
) -> None:
    provider.answers[path] = answer
    response = await browser.open("/oidc/start?provider=oidc")
    if path == "/jwks":
        response = await browser.open(provider.authorize(response.headers["location"]))
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "Example oidc cannot be used to sign in" in response.text
    provider.answers.clear()
    assert (await sign_in(browser, provider)).status_code == 303


async def test_a_slow_provider_is_given_up_on(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    back = provider.authorize(await begin(browser))
    provider.slow = 5
    await refused(plane, browser, await browser.open(back), 503, "provider_unavailable")


async def test_userinfo_fills_in_what_the_id_token_leaves_out(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    """Core §5.3: some providers keep claims out of the ID token."""
    provider.claims = {}
    provider.userinfo = {"sub": "subject-1", "email": "grace@example.com", "name": "Grace", "groups": ["b", "a"]}
    assert (await sign_in(browser, provider)).status_code == 303
    [person] = await people(plane)
    assert (person["email"], person["name"], person["groups"]) == ("grace@example.com", "Grace", ["a", "b"])


async def test_userinfo_of_somebody_else_signs_nobody_in(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    """Core §5.3.2."""
    provider.claims = {}
    provider.userinfo = {"sub": "subject-2", "email": "grace@example.com"}
    await refused(plane, browser, await sign_in(browser, provider), 401, "id_token_invalid")


async def test_a_provider_elsewhere_may_not_be_on_this_machine(
    identity_providers: OutboundIdentityProviders, provider: StubProvider, browser: Browser
) -> None:
    """The guard against private addresses stands for every provider but a developer's own."""
    before = len(provider.calls)
    for issuer in (provider.issuer, f"https://localhost:{provider.port}", "https://169.254.169.254", "https://[::1]"):
        with pytest.raises(Exception, match="cannot be used to sign in"):
            await identity_providers.metadata(provider.configured(name=issuer, issuer=issuer, local=False))
    assert len(provider.calls) == before


# Who somebody is --------------------------------------------------------------------------------------------------------------------


async def test_an_address_that_has_an_account_joins_nobody(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    provider.claims["email"] = EMAIL.upper()
    response = await sign_in(browser, provider)
    await refused(plane, browser, response, 409, "email_in_use")
    assert EMAIL not in str(await plane.audit())


async def test_people_without_an_address_sign_in(plane: Plane, browser: Browser, other: StubProvider) -> None:
    assert (await sign_in(browser, other)).status_code == 303
    assert [(row["email"], row["provider"]) for row in await people(plane)] == [("", "two")]


async def test_the_disabled_get_no_session(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    assert (await sign_in(browser, provider)).status_code == 303
    [person] = await people(plane)
    await plane.administration.disable(UserId(person["id"]), Operator("ops"))
    again = plane.browser()
    response = await sign_in(again, provider)
    assert (response.status_code, again.session) == (401, None)
    assert await failures(plane) == ["user_disabled"]


async def test_the_deleted_come_back_as_somebody_new(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    assert (await sign_in(browser, provider)).status_code == 303
    [before] = await people(plane)
    await plane.administration.delete(UserId(before["id"]), Operator("ops"), force=True)
    assert (await sign_in(plane.browser(), provider)).status_code == 303
    [after] = await people(plane)
    assert after["id"] != before["id"]


async def test_one_person_in_many_tabs_at_once_is_one_person(plane: Plane, provider: StubProvider) -> None:
    browsers = [plane.browser() for _ in range(8)]
    answers = await asyncio.gather(*(sign_in(browser, provider) for browser in browsers))
    assert {answer.status_code for answer in answers} == {303}
    assert len(await people(plane)) == 1


async def test_a_password_does_not_open_an_account_from_elsewhere(plane: Plane, browser: Browser, provider: StubProvider) -> None:
    await sign_in(browser, provider)
    stranger = plane.browser()
    page = await stranger.open("/login")
    assert (await stranger.sign_in(page, "grace@example.com", "correct horse battery")).status_code == 422


# The login page ---------------------------------------------------------------------------------------------------------------------


async def test_every_provider_with_a_name_has_a_button(browser: Browser) -> None:
    page = await browser.open("/login?redirect=/device%3Fa=b")
    assert 'href="/oidc/start?provider=oidc&amp;redirect=%2Fdevice%3Fa%3Db"' in page.text
    assert 'href="/oidc/start?provider=two&amp;redirect=%2Fdevice%3Fa%3Db"' in page.text
    assert 'type="password"' in page.text


class TestOneProviderAlone:
    """The form the published product has: one provider, without a name."""

    @pytest.fixture
    def settings(self, provider: StubProvider) -> Settings:
        return replace(SETTINGS, providers=(provider.configured(label="Com<pany"),), local_login=False)

    async def test_it_needs_no_name(self, browser: Browser, provider: StubProvider) -> None:
        page = await browser.open("/login?redirect=/account")
        assert 'href="/oidc/start?redirect=%2Faccount"' in page.text
        assert "Com&lt;pany" in page.text
        back = await browser.open(provider.authorize(await begin(browser, "redirect=/account")))
        assert (back.status_code, back.headers["location"]) == (303, "/account")

    async def test_without_a_local_login_there_is_no_form_and_nothing_to_send_one_to(self, browser: Browser) -> None:
        """Wire contract §4.7."""
        page = await browser.open("/login")
        assert forms_of(page) == []
        assert (await browser.http.post("/login", data={"email": EMAIL, "password": "x"})).status_code == 404


class TestAProviderThatIsDown:
    """Never a 500."""

    @pytest.fixture
    async def settings(self) -> Settings:
        async with serving(StubProvider()) as gone:
            configured = gone.configured()
        return replace(SETTINGS, providers=(configured,))

    async def test_a_page_says_so(self, browser: Browser) -> None:
        response = await browser.open("/oidc/start")
        assert (response.status_code, response.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert "Example oidc cannot be used to sign in" in response.text
        assert (await browser.open("/login")).status_code == 200


class TestNoProvider:
    """O10."""

    @pytest.fixture
    def settings(self) -> Settings:
        return SETTINGS

    @pytest.fixture
    def identity_providers(self) -> None:
        return None

    async def test_without_federation_there_is_nothing(self, browser: Browser, provider: StubProvider) -> None:
        assert (await browser.open("/oidc/start")).status_code == 404
        assert (await browser.open("/oidc/callback?code=x&state=y")).status_code == 404
        assert "/oidc/start" not in (await browser.open("/login")).text
        assert provider.calls == []


def variants() -> list[tuple[str, Callable[[StubProvider], Provider], dict[str, Any]]]:
    return [
        ("form", lambda stub: stub.configured(), {"token_endpoint_auth_methods_supported": ["client_secret_post"]}),
        ("public", lambda stub: stub.configured(client_secret=""), {}),
    ]


@pytest.mark.parametrize(("kind", "configured", "discovery"), variants())
async def test_the_secret_travels_as_the_provider_wants(
    identity_providers: OutboundIdentityProviders, provider: StubProvider, kind: str, configured: Any, discovery: dict[str, Any]
) -> None:
    """RFC 6749 §2.3.1."""
    provider.discovery |= discovery
    with pytest.raises(Exception, match="did not confirm"):
        await identity_providers.redeem(configured(provider), "code", "verifier")
    sent = provider.calls[-1]
    assert "authorization" not in sent.headers
    assert sent.form["client_id"] == "plane"
    assert sent.form.get("client_secret") == ("s3cret +/&" if kind == "form" else None)
