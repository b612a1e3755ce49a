"""DPoP: RFC 9449, targets T3 and T7; the order of spending in the wire contract's nonce hazard."""

from dataclasses import replace
from typing import Any

import jwt
import pytest

from kit import jose
from services.token.discovery import Features, metadata
from tests.support.fakes_token import ISSUER, PUBLIC, SECRET, WEB, Answer, TokenPlane, basic

KEY = jose.generate_key(jose.Alg.ES256)
OTHER_KEY = jose.generate_key(jose.Alg.ES256)
URL = f"{ISSUER}/oauth/token"


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane(dpop=True)


class Prover:
    """A client's DPoP implementation."""

    def __init__(self, plane: TokenPlane) -> None:
        self._plane = plane
        self._count = 0

    def __call__(self, key: Any = KEY, alg: str = "ES256", headers: dict[str, Any] | None = None, **changes: Any) -> dict[str, str]:
        self._count += 1
        claims = {"jti": f"proof-{self._count}", "htm": "POST", "htu": URL, "iat": int(self._plane.clock.now().timestamp()), **changes}
        made = {name: value for name, value in claims.items() if value is not None}
        return {"dpop": jwt.encode(made, key, algorithm=alg, headers={"typ": "dpop+jwt", "jwk": jose.public_jwk(key), **(headers or {})})}


@pytest.fixture
def prove(plane: TokenPlane) -> Prover:
    return Prover(plane)


def thumbprint(key: Any = KEY) -> str:
    return jose.thumbprint(jose.public_jwk(key))


async def redeem(plane: TokenPlane, proof: dict[str, str] | None) -> Answer:
    return await plane.redeem(await plane.code(), PUBLIC, proof)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "Ed25519", "EdDSA", "PS256", "RS256"])
async def test_tokens_are_bound_to_the_proofs_key(plane: TokenPlane, prove: Prover, alg: str) -> None:
    """RFC 9449 §6.1."""
    key = jose.generate_key(jose.Alg(alg))
    answer = await redeem(plane, prove(key, alg))
    assert answer.status == 200, answer.body
    assert answer.json["token_type"] == "DPoP"
    assert plane.access_tokens.read(answer.json["access_token"]).claims["cnf"] == {"jkt": thumbprint(key)}
    assert "dpop-nonce" in answer.headers


async def test_without_proof_tokens_are_bearer(plane: TokenPlane) -> None:
    answer = await redeem(plane, None)
    assert answer.json["token_type"] == "Bearer"
    assert "dpop-nonce" not in answer.headers


@pytest.mark.parametrize("htu", [URL, URL + "?x=1", URL + "#f", "HTTPS://AS.EXAMPLE/oauth/token", "https://as.example:443/oauth/token"])
async def test_htu_is_compared_as_a_url(plane: TokenPlane, prove: Prover, htu: str) -> None:
    """RFC 9449 §4.3 (9)."""
    assert (await redeem(plane, prove(htu=htu, htm="post"))).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 300},
        {"htm": None},
        {"htm": "GET"},
        {"htu": None},
        {"htu": f"{ISSUER}/oauth/introspect"},
        {"htu": "http://as.example/oauth/token"},
        {"htu": "https://as.example:8443/oauth/token"},
        {"htu": "https://evil@as.example/oauth/token"},
        {"htu": "https://as.example/oauth/token/"},
        {"htu": "https://[bad"},
        {"htu": {"a": 1}},
        {"iat": None},
        {"iat": True},
        {"iat": "now"},
        {"iat": 1},
        {"iat": 99999999999},
    ],
)
async def test_a_bad_proof_spends_nothing(plane: TokenPlane, prove: Prover, changes: dict[str, Any]) -> None:
    """Law 5: the proof is checked before the code is."""
    code = await plane.code()
    refused = await plane.redeem(code, PUBLIC, prove(**changes))
    assert (refused.status, refused.error) == (400, "invalid_dpop_proof")
    assert plane.replay.seen == set()
    assert (await plane.redeem(code, PUBLIC, prove())).status == 200


async def test_proofs_that_are_not_signed_by_the_key_they_bring(plane: TokenPlane, prove: Prover) -> None:
    """RFC 8725; T15 of the threat list: algorithm confusion."""
    jwk = jose.public_jwk(KEY)
    private = {**jwk, "d": "AAAA"}
    forged = [
        prove(headers={"jwk": jose.public_jwk(OTHER_KEY)}),
        prove(headers={"jwk": private}),
        prove(headers={"jwk": None}),
        prove(headers={"jwk": {"kty": "oct", "k": "AAAA"}}),
        prove(headers={"typ": "JWT"}),
        prove(headers={"x5u": "https://evil.example"}),
        prove(headers={"crit": ["b64"]}),
        {"dpop": jwt.encode({"jti": "1"}, "", algorithm="none", headers={"typ": "dpop+jwt", "jwk": jwk})},
        {"dpop": jwt.encode({"jti": "1"}, "k" * 32, algorithm="HS256", headers={"typ": "dpop+jwt", "jwk": jwk})},
        {"dpop": "x"},
        {"dpop": prove()["dpop"] + "," + prove()["dpop"]},
    ]
    for header in forged:
        answer = await redeem(plane, header)
        assert (answer.status, answer.error) == (400, "invalid_dpop_proof"), header


async def test_a_proof_works_once(plane: TokenPlane, prove: Prover) -> None:
    proof = prove()
    assert (await redeem(plane, proof)).status == 200
    assert (await redeem(plane, proof)).error == "invalid_dpop_proof"


async def test_one_header_only(plane: TokenPlane, prove: Prover) -> None:
    headers = [("content-type", "application/x-www-form-urlencoded"), ("dpop", prove()["dpop"]), ("dpop", prove()["dpop"])]
    body = b"grant_type=authorization_code&client_id=public&code=x"
    assert (await plane.call("POST", "/oauth/token", body, headers)).error == "invalid_dpop_proof"


async def test_refresh_tokens_of_public_clients_are_bound(plane: TokenPlane, prove: Prover) -> None:
    """T3, RFC 9449 §5; and a thief without the key cannot even end the family."""
    token = (await redeem(plane, prove())).json["refresh_token"]
    assert (await plane.refresh(token)).error == "invalid_grant"
    assert (await plane.refresh(token, PUBLIC, prove(OTHER_KEY))).error == "invalid_grant"
    second = await plane.refresh(token, PUBLIC, prove())
    assert second.json["token_type"] == "DPoP"
    plane.clock.advance(3600)
    assert (await plane.refresh(token, PUBLIC, prove(OTHER_KEY))).error == "invalid_grant"
    assert (await plane.refresh(second.json["refresh_token"], PUBLIC, prove())).status == 200


async def test_refresh_tokens_of_confidential_clients_may_change_keys(plane: TokenPlane, prove: Prover) -> None:
    """RFC 9449 §5: they are bound by the client's authentication."""
    credentials = basic("web", SECRET)
    token = (await plane.redeem(await plane.code(WEB), WEB, {**credentials, **prove()})).json["refresh_token"]
    assert (await plane.refresh(token, WEB, {**credentials, **prove(OTHER_KEY)})).status == 200


async def test_code_bound_by_dpop_jkt(plane: TokenPlane, prove: Prover) -> None:
    """RFC 9449 §10."""
    code = await plane.code(dpop_jkt=thumbprint())
    assert (await plane.redeem(code)).error == "invalid_grant"
    assert (await plane.redeem(code, PUBLIC, prove(OTHER_KEY))).error == "invalid_grant"
    assert (await plane.redeem(code, PUBLIC, prove())).status == 200


async def test_client_that_must_bind(plane: TokenPlane, prove: Prover) -> None:
    """RFC 9449 §5.2."""
    plane.registry.put(replace(PUBLIC, dpop_bound=True))
    code = await plane.code()
    assert (await plane.redeem(code)).error == "invalid_dpop_proof"
    assert (await plane.redeem(code, PUBLIC, prove())).status == 200


async def test_a_missing_nonce_spends_nothing_and_the_retry_works() -> None:
    """RFC 9449 §8, T7: neither code nor refresh token is spent by the first attempt."""
    plane = TokenPlane(dpop=True, require_nonce=True)
    prove = Prover(plane)
    code = await plane.code()
    asked = await plane.redeem(code, PUBLIC, prove())
    assert (asked.status, asked.error) == (400, "use_dpop_nonce")
    body = (await plane.redeem(code, PUBLIC, prove(nonce=asked.headers["dpop-nonce"]))).json
    asked = await plane.refresh(body["refresh_token"], PUBLIC, prove(nonce="stale"))
    assert asked.error == "use_dpop_nonce"
    assert (await plane.refresh(body["refresh_token"], PUBLIC, prove(nonce=asked.headers["dpop-nonce"]))).status == 200


async def test_nonces_age() -> None:
    plane = TokenPlane(dpop=True, require_nonce=True)
    prove, nonce = Prover(plane), plane.nonces.current()
    plane.clock.advance(60)
    assert (await redeem(plane, prove(nonce=nonce))).status == 200
    plane.clock.advance(60)
    assert (await redeem(plane, prove(nonce=nonce))).error == "use_dpop_nonce"


async def test_switched_off_it_is_as_if_nobody_ever_heard_of_it() -> None:
    plane = TokenPlane()
    answer = await redeem(plane, {"dpop": "anything"})
    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")
    assert "dpop-nonce" not in answer.headers
    plane.registry.put(replace(PUBLIC, dpop_bound=True))
    assert (await redeem(plane, None)).error == "invalid_dpop_proof"


async def test_introspection_shows_the_binding(plane: TokenPlane, prove: Prover) -> None:
    token = (await redeem(plane, prove())).json["access_token"]
    answer = await plane.post("/oauth/introspect", {"token": token}, basic("notes-server", SECRET))
    assert (answer.json["token_type"], answer.json["cnf"]) == ("DPoP", {"jkt": thumbprint()})


def test_advertised_only_when_served() -> None:
    on = metadata(ISSUER, Features(["authorization_code"], ["ES256"], dpop_algs=["ES256"]), None)
    assert on["dpop_signing_alg_values_supported"] == ["ES256"]
    assert "scopes_supported" not in on
