"""Pushed requests and the account page across the whole plane, through the gateway (A4, A9)."""

import secrets
import time
from urllib.parse import urlencode

import httpx

from cli.demo.user_agent import HeadlessPerson, forms_of
from kit import jose
from tests.e2e.flows import REDIRECT_URI, Public, PublicClient, Started, code_form, public_client, register, signed_in, token_request

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = ["authorization_code", "refresh_token"]


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


async def test_a_client_proves_itself_with_a_key_addressed_to_where_it_pushes(public: Public) -> None:
    """RFC 9126 §2: issuer, token endpoint and pushing endpoint are all the right audience; each assertion counts once (C2)."""
    key = jose.generate_key(jose.Alg.ES256)
    jwk = {**jose.public_jwk(key), "kid": "k1", "alg": "ES256", "use": "sig"}
    registered = await register(
        public, client_name="key holder", token_endpoint_auth_method="private_key_jwt", jwks={"keys": [jwk]}, grant_types=GRANTS
    )
    started = Started(PublicClient(registered["client_id"]))
    for audience in ("", "/oauth/token", "/oauth/par"):
        now = int(time.time())
        name = registered["client_id"]
        claims = {"iss": name, "sub": name, "aud": public.issuer + audience, "jti": secrets.token_hex(8), "iat": now, "exp": now + 60}
        assertion = {"client_assertion_type": ASSERTION, "client_assertion": jose.Signer("k1", jose.Alg.ES256, key).sign(claims, "JWT")}
        async with httpx.AsyncClient() as http:
            form = started.parameters(public.resource) | assertion
            answers = [(await http.post(f"{public.issuer}/oauth/par", data=form)).status_code for _ in range(2)]
        assert answers == [201, 401]


async def test_a_device_is_allowed_on_its_page_and_gets_a_token(public: Public) -> None:
    """T9, RFC 8628: from the device's request to its token, with a person in between."""
    client = await register(public, client_name="tv", grant_types=[DEVICE_GRANT, "refresh_token"], redirect_uris=[REDIRECT_URI])
    async with httpx.AsyncClient() as http:
        form = {"client_id": client["client_id"], "resource": public.resource, "scope": "notes:read notes:write"}
        device = (await http.post(f"{public.issuer}/oauth/device_authorization", data=form)).json()
    person = public.person()
    login = await person.http.get(device["verification_uri_complete"], follow_redirects=True)
    [form_page] = forms_of(login)
    await person.http.post(form_page.action, data=form_page.filled(email=public.email, password=public.password))
    [entry] = forms_of(await person.http.get(device["verification_uri_complete"]))
    question = await person.http.post(entry.action, data=entry.filled(action="continue"))
    assert device["user_code"] in question.text
    [decision] = forms_of(question)
    assert (await person.http.post(decision.action, data=decision.filled(action="allow", scopes="notes:read"))).status_code == 200
    poll = {"grant_type": DEVICE_GRANT, "device_code": device["device_code"], "client_id": client["client_id"]}
    answer = await token_request(public, poll)
    assert (answer.status_code, answer.json().get("scope")) == (200, "notes:read"), answer.text
    await person.aclose()
