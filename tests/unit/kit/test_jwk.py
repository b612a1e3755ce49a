"""JWKs: names, and which are refused."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kit.errors import InvalidToken
from kit.jose import Alg, generate_key, jwk_to_key, jwks_to_keys, private_key_from_pem, public_jwk, public_key_from_pem, thumbprint
from kit.jwk import encode
from tests.unit.kit.vectors import RFC7515_A3_JWK, RFC7638_JWK, RFC7638_THUMBPRINT

EC = public_jwk(generate_key(Alg.ES256))
RSA = public_jwk(generate_key(Alg.RS256))
OKP = public_jwk(generate_key(Alg.EDDSA))


def test_the_thumbprint_agrees_with_rfc_7638_3_1() -> None:
    assert thumbprint(RFC7638_JWK) == RFC7638_THUMBPRINT


@pytest.mark.parametrize("jwk", [EC, RSA, OKP])
def test_a_thumbprint_ignores_what_does_not_make_the_key(jwk: dict[str, Any]) -> None:
    assert thumbprint(jwk | {"kid": "x", "use": "sig", "alg": "x"}) == thumbprint(jwk)


@pytest.mark.parametrize("jwk", [{}, {"kty": "oct", "k": "x"}, {"kty": "EC", "crv": "P-256", "x": "a"}, {"kty": ["EC"]}])
def test_what_is_no_public_key_has_no_thumbprint(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        thumbprint(jwk)


@pytest.mark.parametrize("alg", list(Alg))
def test_every_algorithms_key_is_read_back_from_its_jwk(alg: Alg) -> None:
    key = jwk_to_key(public_jwk(generate_key(alg)) | {"alg": alg.value, "use": "sig", "key_ops": ["verify"]})
    assert key.algs == {alg}


def test_an_okp_key_without_alg_goes_by_both_names_of_its_algorithm() -> None:
    """RFC 9864 §2.2: `Ed25519` says what `EdDSA` leaves open."""
    assert jwk_to_key(OKP).algs == {Alg.EDDSA, Alg.ED25519}
    assert jwk_to_key(OKP | {"alg": "EdDSA"}).algs == {Alg.EDDSA}


def test_an_rsa_key_without_alg_serves_every_padding_and_hash_and_a_curve_only_its_own() -> None:
    assert jwk_to_key(RSA).algs == {Alg.RS256, Alg.RS384, Alg.RS512, Alg.PS256, Alg.PS384, Alg.PS512}
    assert jwk_to_key(EC).algs == {Alg.ES256}


def weak_rsa() -> dict[str, Any]:
    return public_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024))


@pytest.mark.parametrize(
    "jwk",
    [
        EC | {"d": "x"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "oct"},
        {},
        EC | {"use": "enc"},
        EC | {"key_ops": ["encrypt"]},
        EC | {"key_ops": 5},
        EC | {"key_ops": "verify"},
        EC | {"crv": ["P-256"]},
        {"kty": ["EC"]},
        EC | {"alg": "HS256"},
        EC | {"alg": "ES384"},
        EC | {"alg": ["ES256"]},
        EC | {"crv": "P-521"},
        EC | {"crv": "secp256k1"},
        EC | {"x": EC["y"]},
        EC | {"x": EC["x"] + "="},
        EC | {"x": encode(bytes(33))},
        EC | {"x": 5},
        OKP | {"crv": "X25519"},
        OKP | {"x": encode(bytes(31))},
        RSA | {"e": encode(b"\x02")},
        RSA | {"e": encode(b"\x01" * 9)},
        RSA | {"n": "é"},
        weak_rsa(),
    ],
)
def test_a_key_that_must_not_verify_anything_is_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        jwk_to_key(jwk)


def test_of_a_set_the_usable_keys_are_taken_by_name() -> None:
    """RFC 7517 §5: keys that cannot be used are ignored."""
    jwks = {"keys": [EC | {"kid": "a"}, RSA | {"kid": "b", "use": "enc"}, OKP, "junk", {"kty": "oct"}, RSA | {"kid": "a"}]}
    keys = jwks_to_keys(jwks)
    assert set(keys) == {"a", thumbprint(OKP)}
    assert keys["a"].algs == {Alg.ES256}


@pytest.mark.parametrize("jwks", [None, [], {}, {"keys": {}}, {"keys": [EC] * 101}])
def test_what_is_no_set_is_refused(jwks: Any) -> None:
    with pytest.raises(InvalidToken):
        jwks_to_keys(jwks)


def test_the_key_of_rfc_7515_a3_is_read() -> None:
    assert public_jwk(jwk_to_key(RFC7515_A3_JWK).public) == {**RFC7515_A3_JWK}


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_file_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError):
        private_key_from_pem(pem)
    with pytest.raises(ValueError):
        public_key_from_pem(pem)
