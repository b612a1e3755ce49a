"""State and omission matrices: K5 and K19 of the known attacks, RFC 7009 §2.1."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from services.token.model import Operator
from tests.support.fakes_token import FILES, PUBLIC, REDIRECT, VERIFIER, TokenPlane

Change = Callable[[TokenPlane], Awaitable[object]]


async def suspend_the_client(plane: TokenPlane) -> None:
    plane.registry.put(replace(PUBLIC, active=False))


async def take_its_grants(plane: TokenPlane) -> None:
    plane.registry.put(replace(PUBLIC, grant_types=frozenset()))


async def refuse_the_person(plane: TokenPlane) -> None:
    plane.store.refused.add("ada")


async def end_the_client(plane: TokenPlane) -> None:
    await plane.endings.client("public", Operator("root"))


async def remove_the_resource(plane: TokenPlane) -> None:
    plane.registry.resources = (FILES,)


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        (suspend_the_client, 401, "invalid_client"),
        (take_its_grants, 400, "unauthorized_client"),
        (refuse_the_person, 400, "invalid_grant"),
        (end_the_client, 400, "invalid_grant"),
        (remove_the_resource, 400, "invalid_target"),
    ],
)
async def test_what_was_ended_or_disabled_gets_nothing_from_any_credential(
    plane: TokenPlane, change: Change, status: int, error: str
) -> None:
    """K5: client, person, grant and resource, against code and refresh token; nothing is issued and nothing is spent."""
    refresh_token = (await plane.redeem(await plane.code())).json["refresh_token"]
    code = await plane.code()
    issued = dict(plane.store.issued)
    await change(plane)
    for refused in (await plane.redeem(code), await plane.refresh(refresh_token)):
        assert (refused.status, refused.error) == (status, error)
    assert plane.store.issued.keys() == issued.keys()


@pytest.mark.parametrize("change", [suspend_the_client, refuse_the_person, end_the_client, remove_the_resource])
async def test_what_was_ended_or_disabled_shows_at_introspection(plane: TokenPlane, change: Change) -> None:
    """K5, T4: tokens issued before say so at once."""
    token = (await plane.redeem(await plane.code())).json["access_token"]
    assert await plane.active(token)
    await change(plane)
    assert not await plane.active(token)


@pytest.mark.parametrize(
    ("omitted", "status", "error"),
    [
        ("grant_type", 400, "invalid_request"),
        ("client_id", 401, "invalid_client"),
        ("code", 400, "invalid_request"),
        ("redirect_uri", 400, "invalid_grant"),
        ("code_verifier", 400, "invalid_grant"),
    ],
)
async def test_a_redemption_without_one_of_its_parameters_issues_nothing(plane: TokenPlane, omitted: str, status: int, error: str) -> None:
    """K19: nothing that protects a code is optional."""
    form = {
        "grant_type": "authorization_code",
        "client_id": PUBLIC.id,
        "code": await plane.code(),
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    without = {name: value for name, value in form.items() if name != omitted}
    refused = await plane.token(without)
    assert (refused.status, refused.error) == (status, error)
    assert plane.store.issued == {}
    assert (await plane.token(form)).status == 200


@pytest.mark.parametrize("omitted", ["grant_type", "client_id", "refresh_token"])
async def test_a_refresh_without_one_of_its_parameters_issues_nothing(plane: TokenPlane, omitted: str) -> None:
    """K19."""
    first = (await plane.redeem(await plane.code())).json
    form = {"grant_type": "refresh_token", "client_id": PUBLIC.id, "refresh_token": first["refresh_token"]}
    refused = await plane.token({name: value for name, value in form.items() if name != omitted})
    assert refused.error == ("invalid_client" if omitted == "client_id" else "invalid_request")
    assert len(plane.store.issued) == 1
    assert (await plane.token(form)).status == 200


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "urn:example:nonsense"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_a_wrong_hint_does_not_keep_a_token_alive(plane: TokenPlane, kind: str, hint: str) -> None:
    """RFC 7009 §2.1: a hint may only speed up what would be found without it."""
    body = (await plane.redeem(await plane.code())).json
    answer = await plane.post("/oauth/revoke", {"token": body[kind], "token_type_hint": hint, "client_id": PUBLIC.id})
    assert answer.status == 200
    assert not await plane.active(body["access_token"])
