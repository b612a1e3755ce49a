"""Pushed requests and the account page across the whole plane, through the gateway (A4, A9)."""

from urllib.parse import urlencode

import httpx

from cli.demo.user_agent import HeadlessPerson, forms_of
from tests.e2e.flows import REDIRECT_URI, Public, PublicClient, Started, code_form, public_client, register, signed_in, token_request


async def push(public: Public, started: Started, **options: object) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as http:
        form = started.parameters(public.resource)
        return await http.post(f"{public.issuer}/oauth/par", data=form, **options)  # type: ignore[arg-type]


def opened(public: Public, started: Started, reference: str) -> str:
    query = urlencode({"client_id": started.client.client_id, "request_uri": reference})
    return f"{public.issuer}/oauth/authorize?{query}"


async def test_a_confidential_client_pushes_and_gets_its_tokens(public: Public) -> None:
    """RFC 9126 from discovery to the token, once."""
    async with httpx.AsyncClient() as http:
        document = (await http.get(f"{public.issuer}/.well-known/oauth-authorization-server")).json()
    assert document["pushed_authorization_request_endpoint"] == f"{public.issuer}/oauth/par"
    registered = await register(public, client_name="pusher", token_endpoint_auth_method="client_secret_basic")
    credentials = (registered["client_id"], registered["client_secret"])
    started = Started(PublicClient(registered["client_id"]))
    for wrong in ({}, {"auth": (credentials[0], "wrong")}):
        refused = await push(public, started, **wrong)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    answer = await push(public, started, auth=credentials)
    assert (answer.status_code, answer.json()["expires_in"]) == (201, 60)
    url = opened(public, started, answer.json()["request_uri"])
    person = public.person()
    arrival = await person.authorize(url, REDIRECT_URI)
    assert arrival.parameters["state"] == started.state
    form = code_form(started, arrival.parameters["code"])
    del form["client_id"]
    assert (await token_request(public, form, auth=credentials)).status_code == 200
    again = await person.http.get(url)
    assert (again.status_code, "invalid_request_uri" in again.text) == (400, True)
    await person.aclose()


async def test_a_client_registered_to_push_is_served_no_other_way(public: Public) -> None:
    """RFC 9126 §6."""
    registered = await register(public, client_name="must push", require_pushed_authorization_requests=True)
    started = Started(PublicClient(registered["client_id"]))
    async with httpx.AsyncClient() as http:
        direct = await http.get(f"{public.issuer}/oauth/authorize", params=started.parameters(public.resource))
    assert "error=invalid_request" in direct.headers["location"]
    reference = (await push(public, started)).json()["request_uri"]
    person = public.person()
    assert "code" in (await person.authorize(opened(public, started, reference), REDIRECT_URI)).parameters
    await person.aclose()


async def at_account(public: Public) -> tuple[HeadlessPerson, httpx.Response]:
    person = public.person()
    [form] = forms_of(await person.http.get(f"{public.issuer}/login"))
    await person.http.post(form.action, data=form.filled(email=public.email, password=public.password))
    return person, await person.http.get(f"{public.issuer}/account")


async def test_taking_access_away_ends_the_tokens_at_once(public: Public) -> None:
    """A9, T4: the person's own button reaches token."""
    started, tokens = await signed_in(public)
    person, page = await at_account(public)
    # The newest comes first, and it was given a moment ago.
    form = next(form for form in forms_of(page) if form.action.endswith("/account/agents"))
    await person.http.post(form.action, data=form.filled())
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": started.client.client_id}
    answer = await token_request(public, refresh)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert dict(form.fields)["grant"] not in (await person.http.get(f"{public.issuer}/account")).text
    await person.aclose()


async def test_signing_out_everywhere_reaches_every_browser(public: Public) -> None:
    """A9."""
    (one, page), (other, _) = await at_account(public), await at_account(public)
    [form] = [form for form in forms_of(page) if form.action.endswith("/account/sign-out")]
    await one.http.post(form.action, data=form.filled())
    for person in (one, other):
        assert (await person.http.get(f"{public.issuer}/account")).headers["location"].endswith("/login")
        await person.aclose()


async def test_devices_have_a_page(public: Public) -> None:
    """T9: reached through the gateway; a code nobody issued is refused there."""
    person, _ = await at_account(public)
    page = await person.http.get(f"{public.issuer}/device", params={"user_code": "wrng-wrng"})
    [form] = forms_of(page)
    assert dict(form.fields)["user_code"] == "WRNG-WRNG"
    answer = await person.http.post(form.action, data=form.filled(action="continue"))
    assert answer.status_code == 422
    await person.aclose()


async def test_a_public_client_pushes_by_name(public: Public) -> None:
    started = Started(await public_client(public))
    assert (await push(public, started)).status_code == 201
