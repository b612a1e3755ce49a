"""Introspection and revocation: RFC 7662, RFC 7009, target T5; K19 of the known attacks."""

from dataclasses import replace

import jwt
import pytest

from kit import jose
from kit.audit import Action
from services.token.keyring import SigningKey
from services.token.model import Client
from tests.support.fakes_token import ISSUER, MACHINE, NOTES, OTHER, PUBLIC, RUNTIME, SECRET, WEB, Answer, TokenPlane, basic

INACTIVE = b'{"active":false}'


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


async def introspect(plane: TokenPlane, token: str, caller: Client = RUNTIME) -> Answer:
    return await plane.post("/oauth/introspect", {"token": token, "token_type_hint": "access_token"}, basic(caller.id, SECRET))


async def revoke(plane: TokenPlane, token: str, client: Client = PUBLIC) -> Answer:
    return await plane.post("/oauth/revoke", {"token": token, "client_id": client.id})


async def tokens(plane: TokenPlane, client: Client = PUBLIC) -> dict[str, str]:
    return dict((await plane.redeem(await plane.code(client), client)).json)


async def test_the_resources_own_server_is_told_everything(plane: TokenPlane) -> None:
    answer = (await introspect(plane, (await tokens(plane))["access_token"])).json
    now = int(plane.clock.now().timestamp())
    assert answer.pop("jti")
    assert answer == {
        "active": True,
        "scope": "notes:read notes:write",
        "client_id": "public",
        "sub": "ada",
        "iss": ISSUER,
        "aud": NOTES.uri,
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "token_type": "Bearer",
    }
    assert plane.store.events[-1].action is Action.TOKEN_INTROSPECTED


async def test_a_client_may_ask_about_its_own(plane: TokenPlane) -> None:
    token = (await plane.token({"grant_type": "client_credentials"}, basic(MACHINE.id, SECRET))).json["access_token"]
    assert await plane.active(token, MACHINE)
    assert not await plane.active(token, RUNTIME)


async def test_anybody_else_learns_nothing(plane: TokenPlane) -> None:
    """K19: introspection is not open to every client."""
    answer = await introspect(plane, (await tokens(plane))["access_token"], MACHINE)
    assert answer.body == INACTIVE
    assert plane.store.events[-1].reason == "caller_not_authorized_for_token"


async def test_answers_may_be_signed(plane: TokenPlane) -> None:
    """T5, RFC 9701: for its caller only, and of a type that is no access token."""
    token = (await tokens(plane))["access_token"]
    asking = {**basic(RUNTIME.id, SECRET), "accept": "application/token-introspection+jwt"}
    answer = await plane.post("/oauth/introspect", {"token": token}, asking)
    assert answer.headers["content-type"] == "application/token-introspection+jwt"
    key = next(iter(plane.keyring.verification.values())).public
    claims = jwt.decode(answer.body, key, algorithms=["ES256"], audience=RUNTIME.id, issuer=ISSUER, options={"verify_iat": False})
    assert claims["token_introspection"]["sub"] == "ada"
    assert not await plane.active(answer.body.decode())


async def test_public_clients_may_not_ask(plane: TokenPlane) -> None:
    token = (await tokens(plane))["access_token"]
    answer = await plane.post("/oauth/introspect", {"token": token, "client_id": "public"})
    assert (answer.status, answer.error) == (401, "invalid_client")


async def test_token_is_required(plane: TokenPlane) -> None:
    assert (await plane.post("/oauth/introspect", {}, basic(RUNTIME.id, SECRET))).error == "invalid_request"
    assert (await plane.post("/oauth/revoke", {"client_id": "public"})).error == "invalid_request"


async def test_tokens_that_are_not_ours_or_not_in_force(plane: TokenPlane) -> None:
    good = (await tokens(plane))["access_token"]
    claims = jwt.decode(good, options={"verify_signature": False})
    signer = plane.keyring.signer
    foreign = jose.Signer(signer.kid, jose.Alg.ES256, jose.generate_key(jose.Alg.ES256))
    head, body, signature = good.split(".")
    bad = [
        "",
        "x",
        "a.b.c",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        jwt.encode(claims, "", algorithm="none", headers={"kid": signer.kid, "typ": "at+jwt"}),
        foreign.sign(claims, "at+jwt"),
        signer.sign(claims, "jwt"),
        signer.sign({**claims, "iss": "https://other.example"}, "at+jwt"),
        signer.sign({**claims, "exp": claims["iat"] - 31}, "at+jwt"),
        signer.sign({**claims, "nbf": claims["iat"] + 31}, "at+jwt"),
        signer.sign({**claims, "jti": "AAAAAAAAAAAAAAAAAAAAAA"}, "at+jwt"),
        signer.sign({**claims, "jti": "short"}, "at+jwt"),
        signer.sign({**claims, "aud": NOTES.uri}, "at+jwt"),
    ]
    for token in bad[1:]:
        assert (await introspect(plane, token)).body == INACTIVE, token
    assert (await introspect(plane, good)).json["active"]


async def test_expiry_is_tolerated_by_the_skew_only(plane: TokenPlane) -> None:
    """T14."""
    token = (await tokens(plane))["access_token"]
    plane.clock.advance(929)
    assert await plane.active(token)
    plane.clock.advance(1)
    assert not await plane.active(token)


async def test_suspended_client_and_disabled_person(plane: TokenPlane) -> None:
    """K5."""
    token = (await tokens(plane))["access_token"]
    plane.registry.put(replace(PUBLIC, active=False))
    assert not await plane.active(token)
    plane.registry.put(PUBLIC)
    plane.store.refused.add("ada")
    assert not await plane.active(token)
    plane.store.refused.clear()
    assert await plane.active(token)


async def test_a_token_outlives_a_rotation_and_not_its_key(plane: TokenPlane) -> None:
    """O4."""
    token = (await tokens(plane))["access_token"]
    made = [SigningKey(f"k{n}", jose.Alg.ES256, jose.generate_key(jose.Alg.ES256), plane.clock.now()) for n in range(2)]
    first = jwt.decode(token, options={"verify_signature": False})
    plane.keyring.load([made[0]])
    assert not await plane.active(token)
    rotated = plane.keyring.signer.sign(first, "at+jwt")
    plane.keyring.load([made[1], replace(made[0], retired_at=plane.clock.now())])
    assert await plane.active(rotated)


async def test_refresh_tokens_are_known_to_their_own_client(plane: TokenPlane) -> None:
    """T5."""
    code = await plane.code(WEB)
    refresh_token = (await plane.redeem(code, WEB, basic("web", SECRET))).json["refresh_token"]
    answer = (await introspect(plane, refresh_token, WEB)).json
    assert (answer["active"], answer["sub"], answer["client_id"], answer["aud"]) == (True, "ada", "web", NOTES.uri)
    assert (await introspect(plane, refresh_token, RUNTIME)).body == INACTIVE
    await plane.refresh(refresh_token, WEB, basic("web", SECRET))
    assert (await introspect(plane, refresh_token, WEB)).body == INACTIVE


async def test_revoking_a_refresh_token_ends_the_family(plane: TokenPlane) -> None:
    """T5."""
    body = await tokens(plane)
    answer = await revoke(plane, body["refresh_token"])
    assert (answer.status, answer.body) == (200, b"")
    assert not await plane.active(body["access_token"])
    assert (await plane.refresh(body["refresh_token"])).error == "invalid_grant"
    assert plane.store.actions().count(Action.TOKEN_REVOKED) == 1


async def test_revoking_an_access_token_ends_it_alone(plane: TokenPlane) -> None:
    """T5."""
    body = await tokens(plane)
    assert (await revoke(plane, body["access_token"])).status == 200
    assert not await plane.active(body["access_token"])
    assert (await plane.refresh(body["refresh_token"])).status == 200


async def test_what_belongs_to_others_is_left_alone_in_silence(plane: TokenPlane) -> None:
    body = await tokens(plane)
    for token in (body["access_token"], body["refresh_token"], "A" * 43, "x.y.z"):
        assert (await revoke(plane, token, OTHER)).status == 200
    assert await plane.active(body["access_token"])
    assert (await plane.refresh(body["refresh_token"])).status == 200
    assert Action.TOKEN_REVOKED not in plane.store.actions()


async def test_unknown_client_cannot_revoke(plane: TokenPlane) -> None:
    answer = await plane.post("/oauth/revoke", {"token": "x", "client_id": "nobody"})
    assert (answer.status, answer.error) == (401, "invalid_client")
