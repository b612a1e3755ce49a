"""client_credentials: RFC 6749 §4.4 and the scope table of the wire contract."""

from dataclasses import replace

import pytest

from kit.audit import Action
from kit.errors import Unavailable
from kit.oauth import AuthMethod
from tests.support.fakes_token import BROKER, FILES, ISSUER, MACHINE, NOTES, PUBLIC, SECRET, Answer, TokenPlane, basic


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


async def ask(plane: TokenPlane, **form: str) -> Answer:
    return await plane.token({"grant_type": "client_credentials", **form}, basic(MACHINE.id, SECRET))


@pytest.mark.parametrize(
    ("form", "scope", "audience"),
    [
        ({}, "notes:read files:read extra", ISSUER),
        ({"scope": "extra"}, "extra", ISSUER),
        ({"scope": "  "}, "notes:read files:read extra", ISSUER),
        ({"resource": NOTES.uri}, "notes:read", NOTES.uri),
        ({"resource": "notes"}, "notes:read", NOTES.uri),
        ({"resource": NOTES.uri, "scope": "notes:read"}, "notes:read", NOTES.uri),
        ({"resource": NOTES.uri, "scope": "notes:read offline_access"}, "notes:read", NOTES.uri),
        ({"resource": NOTES.uri, "scope": "offline_access"}, "notes:read", NOTES.uri),
    ],
)
async def test_scope_and_audience(plane: TokenPlane, form: dict[str, str], scope: str, audience: str) -> None:
    answer = await ask(plane, **form)
    assert answer.status == 200, answer.body
    assert answer.json["scope"] == scope
    assert answer.json["expires_in"] == 3600
    assert "refresh_token" not in answer.json
    read = plane.access_tokens.read(answer.json["access_token"])
    assert read.audience == (audience,)
    assert read.subject == read.client_id == MACHINE.id
    assert plane.store.actions() == [Action.CLIENT_CREDENTIALS_ISSUED]
    assert read.issuance_id in plane.store.issued


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": "extra", "resource": NOTES.uri}, "invalid_scope"),
        ({"scope": "notes:write", "resource": NOTES.uri}, "invalid_scope"),
        ({"resource": "https://nobody.example"}, "invalid_target"),
        ({"resource": BROKER.uri}, "invalid_target"),
    ],
)
async def test_refusals(plane: TokenPlane, form: dict[str, str], error: str) -> None:
    answer = await ask(plane, **form)
    assert (answer.status, answer.error) == (400, error)
    assert plane.store.actions() == [Action.CLIENT_CREDENTIALS_DENIED]
    assert answer.body.isascii()


@pytest.mark.parametrize(("pre_registered", "word"), [(True, "operator can give"), (False, "registered itself")])
async def test_client_without_scopes_is_told_why(plane: TokenPlane, pre_registered: bool, word: str) -> None:
    plane.registry.put(replace(MACHINE, ceiling=(), pre_registered=pre_registered))
    answer = await ask(plane, resource=NOTES.uri)
    assert answer.error == "invalid_scope"
    assert word in answer.json["error_description"]
    assert (await ask(plane)).json.get("scope") is None
    assert (await ask(plane, scope="notes:read")).error == "invalid_scope"


async def test_ceiling_and_resource_that_share_nothing(plane: TokenPlane) -> None:
    plane.registry.put(replace(MACHINE, ceiling=("files:read",)))
    assert (await ask(plane, resource=NOTES.uri)).error == "invalid_scope"
    assert (await ask(plane, resource=FILES.uri)).json["scope"] == "files:read"


async def test_public_client_is_turned_away(plane: TokenPlane) -> None:
    plane.registry.put(replace(PUBLIC, grant_types=frozenset({"client_credentials"}), ceiling=("notes:read",)))
    answer = await plane.token({"grant_type": "client_credentials", "client_id": PUBLIC.id})
    assert (answer.status, answer.error) == (401, "invalid_client")


async def test_client_not_registered_for_it(plane: TokenPlane) -> None:
    plane.registry.put(replace(MACHINE, grant_types=frozenset({"authorization_code"})))
    assert (await ask(plane)).error == "unauthorized_client"


async def test_a_failing_commit_answers_no_token(plane: TokenPlane) -> None:
    """Law 5."""
    plane.store.fail_next = Unavailable("the database cannot be reached")
    answer = await ask(plane)
    assert answer.status == 503
    assert "access_token" not in answer.json


async def test_secret_in_the_form_when_registered_so(plane: TokenPlane) -> None:
    plane.registry.put(replace(MACHINE, auth_method=AuthMethod.CLIENT_SECRET_POST))
    form = {"grant_type": "client_credentials", "client_id": MACHINE.id, "client_secret": SECRET}
    assert (await plane.token(form)).status == 200


async def test_switched_off_grant_names_its_setting() -> None:
    plane = TokenPlane(disabled=["client_credentials"])
    answer = await ask(plane)
    assert (answer.status, answer.error) == (400, "unsupported_grant_type")
    assert "client_credentials.enabled" in answer.json["error_description"]
