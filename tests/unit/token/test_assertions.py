"""private_key_jwt: RFC 7523 §3, RFC 8725, targets C1 and C2; K4 of the known attacks."""

from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from kit import jose
from kit.oauth import CLIENT_ASSERTION_TYPE, AuthMethod
from tests.support.fakes_token import ISSUER, MACHINE, Answer, TokenPlane

KEY = jose.generate_key(jose.Alg.ES256)
CLIENT = replace(MACHINE, auth_method=AuthMethod.PRIVATE_KEY_JWT, secret_digest="", jwks_uri="https://client.example/jwks")


@pytest.fixture
def plane() -> TokenPlane:
    made = TokenPlane()
    made.registry.put(CLIENT)
    made.client_keys.published = {"k1": jose.verification_key(KEY, jose.Alg.ES256)}
    return made


def claims(plane: TokenPlane, **changes: Any) -> dict[str, Any]:
    now = int(plane.clock.now().timestamp())
    made = {"iss": CLIENT.id, "sub": CLIENT.id, "aud": ISSUER, "jti": "j1", "iat": now, "exp": now + 60, **changes}
    return {name: value for name, value in made.items() if value is not None}


async def ask(plane: TokenPlane, assertion: str, **form: str) -> Answer:
    return await plane.token(
        {"grant_type": "client_credentials", "client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion, **form}
    )


def signed(payload: dict[str, Any], key: Any = KEY, alg: str = "ES256", **headers: Any) -> str:
    return jwt.encode(payload, key, algorithm=alg, headers={"kid": "k1", **headers})


@pytest.mark.parametrize("aud", [ISSUER, f"{ISSUER}/oauth/token", [ISSUER]])
async def test_assertion_authenticates(plane: TokenPlane, aud: object) -> None:
    assert (await ask(plane, signed(claims(plane, aud=aud)))).status == 200


async def test_client_id_may_be_repeated(plane: TokenPlane) -> None:
    assert (await ask(plane, signed(claims(plane)), client_id=CLIENT.id)).status == 200
    assert (await ask(plane, signed(claims(plane, jti="j2")), client_id="web")).error == "invalid_client"


async def test_without_type_or_kid(plane: TokenPlane) -> None:
    token = jwt.encode(claims(plane), KEY, algorithm="ES256", headers={"typ": None})
    assert (await ask(plane, token)).status == 200


async def test_assertion_works_once(plane: TokenPlane) -> None:
    """C2: jti is single use."""
    assertion = signed(claims(plane))
    assert (await ask(plane, assertion)).status == 200
    again = await ask(plane, assertion)
    assert (again.status, again.error) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"sub": "web"},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": []},
        {"aud": None},
        {"aud": {"x": 1}},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 300},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 99999999999},
        {"exp": 1e300},
        {"exp": 1},
        {"nbf": 99999999999},
        {"iat": 99999999999},
        {"sub": None, "iss": None},
    ],
)
async def test_claims_that_do_not_hold(plane: TokenPlane, changes: dict[str, Any]) -> None:
    answer = await ask(plane, signed(claims(plane, **changes)), client_id=CLIENT.id)
    assert (answer.status, answer.error) == (401, "invalid_client")
    assert plane.replay.seen == set()


async def test_algorithms_that_do_not_hold(plane: TokenPlane) -> None:
    """K4: the key decides, never the header."""
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    confused = jwt.api_jws.PyJWS(algorithms=["HS256"])
    forged = [
        jwt.encode(claims(plane), "", algorithm="none", headers={"kid": "k1"}),
        confused.encode(b"{}", public.hex().encode(), algorithm="HS256", headers={"kid": "k1"}),
        signed(claims(plane), jose.generate_key(jose.Alg.ES256)),
        signed(claims(plane), jose.generate_key(jose.Alg.RS256), "RS256"),
        signed(claims(plane), jwk=jose.public_jwk(KEY)),
        signed(claims(plane), crit=["exp"]),
        signed(claims(plane), kid="other"),
        signed(claims(plane), typ="at+jwt"),
        "not.a.token",
        "..",
        "x",
    ]
    for assertion in forged:
        answer = await ask(plane, assertion, client_id=CLIENT.id)
        assert (answer.status, answer.error) == (401, "invalid_client"), assertion


async def test_an_access_token_of_ours_is_no_assertion(plane: TokenPlane) -> None:
    """RFC 8725 §3.11: types keep tokens apart."""
    token = (await ask(plane, signed(claims(plane)))).json["access_token"]
    assert (await ask(plane, token, client_id=CLIENT.id)).error == "invalid_client"


async def test_a_rotated_key_is_fetched_once(plane: TokenPlane) -> None:
    """C2."""
    assert (await ask(plane, signed(claims(plane)))).status == 200
    fresh = jose.generate_key(jose.Alg.ES256)
    plane.client_keys.published = {"k2": jose.verification_key(fresh, jose.Alg.ES256)}
    assert (await ask(plane, signed(claims(plane, jti="j2"), fresh, kid="k2"))).status == 200
    assert (await ask(plane, signed(claims(plane, jti="j3"), fresh, kid="k3"))).error == "invalid_client"


async def test_client_registered_for_a_secret_cannot_use_a_key(plane: TokenPlane) -> None:
    """C3."""
    plane.registry.put(MACHINE)
    assert (await ask(plane, signed(claims(plane)))).error == "invalid_client"
