"""Client authentication: RFC 6749 §2.3, target C3; K5 and K19 of the known attacks."""

import base64
from dataclasses import replace

import pytest

from kit.audit import Action
from kit.oauth import AuthMethod
from services.token.model import ClientId
from tests.support.fakes_token import MACHINE, PUBLIC, SECRET, WEB, Answer, TokenPlane, basic

FORM = {"grant_type": "client_credentials"}


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


def refused(answer: Answer) -> bool:
    """RFC 6749 §5.2: 401 with a challenge."""
    return (answer.status, answer.error, answer.headers.get("www-authenticate")) == (401, "invalid_client", 'Basic realm="authserver"')


async def test_client_ids_may_be_urls(plane: TokenPlane) -> None:
    """C3: both halves of Basic are form-decoded."""
    url = "https://client.example/metadata.json?a=b c+d"
    plane.registry.put(replace(MACHINE, id=ClientId(url)))
    assert (await plane.token(FORM, basic(url, SECRET))).status == 200


@pytest.mark.parametrize(
    "header",
    [
        basic("machine", "wrong")["authorization"],
        basic("machine", "")["authorization"],
        basic("nobody", SECRET)["authorization"],
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b":secret").decode(),
        "Bearer abc",
        "Digest username=machine",
    ],
)
async def test_credentials_that_do_not_hold(plane: TokenPlane, header: str) -> None:
    assert refused(await plane.token(FORM, {"authorization": header}))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_id": "machine"},
        {"client_id": "machine", "client_secret": SECRET},
        {"client_id": "machine", "client_secret": "wrong"},
        {"client_id": "x" * 3000},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client_assertion": "x"},
        {"client_assertion": "x.y.z"},
    ],
)
async def test_only_the_registered_way(plane: TokenPlane, form: dict[str, str]) -> None:
    """C3: a client registered for Basic authenticates with Basic."""
    assert refused(await plane.token({**FORM, **form}))


async def test_public_client_that_sends_a_secret(plane: TokenPlane) -> None:
    code = await plane.code()
    assert refused(await plane.redeem(code, client_secret="guess"))
    assert refused(await plane.redeem(code, PUBLIC, basic("public", "guess")))
    assert (await plane.redeem(code)).status == 200


@pytest.mark.parametrize("form", [{"client_secret": SECRET}, {"client_assertion": "x"}])
async def test_several_ways_at_once(plane: TokenPlane, form: dict[str, str]) -> None:
    """RFC 6749 §2.3: at most one way per request."""
    answer = await plane.token({**FORM, **form}, basic("machine", SECRET))
    assert (answer.status, answer.error) == (400, "invalid_request")


async def test_client_id_may_be_repeated_but_not_contradicted(plane: TokenPlane) -> None:
    assert (await plane.token({**FORM, "client_id": "machine"}, basic("machine", SECRET))).status == 200
    answer = await plane.token({**FORM, "client_id": "web"}, basic("machine", SECRET))
    assert (answer.status, answer.error) == (400, "invalid_request")


async def test_two_authorization_headers(plane: TokenPlane) -> None:
    header = ("authorization", basic("machine", SECRET)["authorization"])
    headers = [("content-type", "application/x-www-form-urlencoded"), header, header]
    answer = await plane.call("POST", "/oauth/token", b"grant_type=client_credentials", headers)
    assert (answer.status, answer.error) == (400, "invalid_request")


async def test_suspended_client(plane: TokenPlane) -> None:
    """K5."""
    plane.registry.put(replace(MACHINE, active=False))
    assert refused(await plane.token(FORM, basic("machine", SECRET)))


async def test_client_without_a_stored_secret_never_authenticates_by_one(plane: TokenPlane) -> None:
    plane.registry.put(replace(WEB, secret_digest=""))
    assert refused(await plane.redeem(await plane.code(WEB), WEB, basic("web", "")))
    assert refused(await plane.redeem(await plane.code(WEB), WEB, basic("web", "x")))


async def test_failures_of_known_clients_are_on_record(plane: TokenPlane) -> None:
    await plane.token(FORM, basic("machine", "wrong"))
    assert [(event.action, event.client_id) for event in plane.store.events] == [(Action.CLIENT_AUTH_FAILED, "machine")]
    await plane.token(FORM, basic("nobody", "wrong"))
    assert len(plane.store.events) == 1


async def test_all_failures_look_alike(plane: TokenPlane) -> None:
    unknown = await plane.token(FORM, basic("nobody", SECRET))
    wrong = await plane.token(FORM, basic("machine", "wrong"))
    method = await plane.token({**FORM, "client_id": "machine", "client_secret": SECRET})
    assert unknown.body == wrong.body == method.body


async def test_confidential_client_cannot_pass_as_public(plane: TokenPlane) -> None:
    """K19."""
    plane.registry.put(replace(WEB, auth_method=AuthMethod.CLIENT_SECRET_POST))
    assert refused(await plane.redeem(await plane.code(WEB), WEB))
