"""What changes while a person or a client is in the middle of something ends it there (K5, K18): tried on a whole plane."""

import secrets
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx
import pytest

from cli.demo.user_agent import HeadlessPerson, HtmlForm, forms_of
from tests.e2e.flows import REDIRECT_URI, Public, Started, authorize, code_form, public_client, token_request


async def consent_form(plane: Public, person: HeadlessPerson, started: Started, resource: str, scope: str) -> HtmlForm:
    """Walks to the consent page and stops there."""
    page = await person.http.get(f"{plane.issuer}/oauth/authorize?{urlencode(started.parameters(resource, scope=scope))}")
    for _ in range(8):
        if page.is_redirect:
            page = await person.http.get(urljoin(str(page.url), page.headers["location"]))
            continue
        form = forms_of(page)[0]
        if not form.has("password"):
            return form
        page = await person.http.post(form.action, data=form.filled(email=person.email, password=person.password))
    raise AssertionError("no consent page")


async def somebody(plane: Public) -> tuple[str, HeadlessPerson]:
    """A person of this test's own."""
    email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(16)
    made = await operate(plane, "POST", "/admin/users", json={"email": email, "password": password, "name": "Somebody"})
    return made["id"], HeadlessPerson(email, password)


async def operate(plane: Public, method: str, path: str, **options: Any) -> dict[str, Any]:
    """One call of the operator."""
    async with plane.admin() as http:
        answer = await http.request(method, path, **options)
    assert answer.status_code < 300, answer.text
    members: dict[str, Any] = answer.json() if answer.content else {}
    return members


def code_in(answer: httpx.Response) -> bool:
    return "code=" in answer.headers.get("location", "")


async def test_a_resource_removed_while_the_person_reads_gets_no_code(public: Public) -> None:
    """K5, A3."""
    name = secrets.token_hex(4)
    uri = f"https://{name}.example/mcp"
    scopes = [{"name": "a", "description": "A"}]
    made = await operate(
        public,
        "POST",
        "/admin/resources",
        json={"slug": name, "uri": uri, "display_name": name, "backend_kind": "mint", "scopes": scopes},
    )
    person = public.person()
    form = await consent_form(public, person, Started(await public_client(public)), uri, "a")
    await operate(public, "DELETE", f"/admin/resources/{made['id']}")
    answer = await person.http.post(form.action, data=form.filled(action="allow"))
    assert not code_in(answer)
    assert httpx.URL(answer.headers["location"]).params["error"] == "invalid_target"


async def test_a_person_disabled_while_reading_gives_no_code(public: Public) -> None:
    """K5, law 13."""
    user_id, person = await somebody(public)
    form = await consent_form(public, person, Started(await public_client(public)), public.resource, "notes:read")
    await operate(public, "PATCH", f"/admin/users/{user_id}/disable")
    answer = await person.http.post(form.action, data=form.filled(action="allow"))
    assert not code_in(answer)
    assert urljoin(str(answer.url), answer.headers["location"]).startswith(f"{public.issuer}/login")


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/suspend"), ("PATCH", "/revoke"), ("DELETE", "?force=true")])
async def test_a_client_ended_while_the_person_reads_gets_neither_code_nor_token(public: Public, method: str, path: str) -> None:
    """K5."""
    client = await public_client(public)
    held = Started(client)
    arrival = await authorize(public, held)
    _, person = await somebody(public)
    form = await consent_form(public, person, Started(client), public.resource, "notes:read")
    await operate(public, method, f"/admin/clients/{client.client_id}{path}")
    answer = await person.http.post(form.action, data=form.filled(action="allow"))
    assert answer.status_code in {400, 403}
    assert "location" not in answer.headers
    redeemed = await token_request(public, code_form(held, arrival.parameters["code"]))
    assert (redeemed.status_code, redeemed.json()["error"]) == (401, "invalid_client")


async def test_consent_cannot_be_given_with_anything_of_somebody_elses(public: Public) -> None:
    """K13, K18: another person's session, browser, form, link or pending authorization."""
    client, victim = await public_client(public), public.person()
    _, thief = await somebody(public)
    mine = await consent_form(public, victim, Started(client), public.resource, "notes:read")
    theirs = await consent_form(public, thief, Started(await public_client(public)), public.resource, "notes:read")
    own, other = mine.filled(action="allow"), theirs.filled(action="allow")
    jars = [dict(person.http.cookies) for person in (victim, thief)]
    session, browser = sorted(jars[0], reverse=True)[:2]
    forged: list[tuple[dict[str, str], dict[str, Any]]] = [
        (jars[0], other),
        (jars[0], own | {"interaction": other["interaction"]}),
        (jars[0], own | {"interaction": other["interaction"], "hop": other["hop"]}),
        (jars[0], own | {"csrf_token": other["csrf_token"]}),
        (jars[0], own | {"scopes": ["notes:read", "notes:write"]}),
        ({session: jars[0][session], browser: jars[1][browser]}, own),
        ({session: jars[1][session], browser: jars[0][browser]}, own),
        ({}, own),
    ]
    for cookies, data in forged:
        async with httpx.AsyncClient(cookies=cookies) as http:
            answer = await http.post(f"{public.issuer}/consent", data=data)
        assert answer.status_code in {400, 403}
        assert "location" not in answer.headers
    answer = await victim.http.post(mine.action, data=own)
    assert code_in(answer)
    assert answer.headers["location"].startswith(REDIRECT_URI)
