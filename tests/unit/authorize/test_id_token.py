"""Each rule of an ID token, one row per way to break it (OpenID Connect Core §3.1.3.7)."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.jose import Alg, Signer, generate_key, public_key_to_pem, verification_key
from kit.jwk import encode
from services.authorize.id_token import ALGORITHMS, Expected, key_id, require_valid, signed_in_at
from services.authorize.refusals import IdTokenRefused
from tests.support.clock import MIDSUMMER

ISSUER = "https://login.example"
KEY = generate_key(Alg.RS256)
KEYS = {"k1": verification_key(KEY, Alg.RS256)}
NOW = MIDSUMMER.timestamp()
EXPECTED = Expected(ISSUER, "plane", "n" * 43, MIDSUMMER, timedelta(seconds=30), timedelta(minutes=10))
GOOD: dict[str, Any] = {"iss": ISSUER, "aud": "plane", "sub": "1", "nonce": "n" * 43, "iat": NOW, "exp": NOW + 300}


def signed(typ: str = "JWT", **changes: Any) -> str:
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return Signer("k1", Alg.RS256, KEY).sign(claims, typ)


def unsigned(alg: str) -> str:
    return f"{encode(orjson.dumps({'alg': alg, 'kid': 'k1', 'typ': 'JWT'}))}.{encode(orjson.dumps(GOOD))}"


def refused(token: str) -> None:
    with pytest.raises(IdTokenRefused):
        require_valid(token, KEYS, EXPECTED)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["plane"]},
        {"aud": ["plane", "other"], "azp": "plane"},
        {"azp": "plane"},
        {"exp": NOW - 29},
        {"iat": NOW + 29},
        {"iat": NOW - 629},
        {"nbf": NOW - 1},
        {"email": 5, "groups": "x"},
    ],
)
def test_what_every_rule_allows_is_accepted(changes: dict[str, Any]) -> None:
    assert require_valid(signed(**changes), KEYS, EXPECTED)["sub"] == "1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"iss": "https://evil.example"},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "other"},
        {"aud": []},
        {"aud": ["other"]},
        {"aud": {"plane": 1}},
        {"aud": ["plane", "other"]},
        {"aud": ["plane", "other"], "azp": "other"},
        {"azp": "other"},
        {"azp": ["plane"]},
        {"nonce": None},
        {"nonce": "m" * 43},
        {"nonce": 5},
        {"nonce": "é"},
        {"exp": None},
        {"exp": NOW - 30},
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"iat": None},
        {"iat": NOW + 31},
        {"iat": NOW - 631},
        {"iat": "now"},
        {"nbf": NOW + 31},
        {"sub": None},
        {"sub": ""},
        {"sub": " "},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
def test_one_broken_rule_is_enough(changes: dict[str, Any]) -> None:
    refused(signed(**changes))


def test_an_unsigned_token_is_refused_before_a_key_is_looked_for() -> None:
    """RFC 8725 §2.1."""
    for alg in ("none", "None", "HS256", "HS512", "RS1", ""):
        with pytest.raises(IdTokenRefused):
            key_id(unsigned(alg) + ".")
        refused(unsigned(alg) + ".")


def test_the_public_key_is_no_shared_secret() -> None:
    """RFC 8725 §2.1: HS256 keyed with the published key."""
    message = unsigned("HS256")
    for secret in (public_key_to_pem(KEY), b""):
        refused(f"{message}.{encode(hmac.digest(secret, message.encode(), hashlib.sha256))}")


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
def test_every_algorithm_of_the_list_works(alg: str) -> None:
    key = generate_key(Alg(alg))
    token = Signer("k2", Alg(alg), key).sign(GOOD, "JWT")
    assert key_id(token) == "k2"
    assert require_valid(token, {"k2": verification_key(key, Alg(alg))}, EXPECTED)["sub"] == "1"


def test_a_signature_of_another_key_under_the_same_kid_is_refused() -> None:
    refused(Signer("k1", Alg.RS256, generate_key(Alg.RS256)).sign(GOOD, "JWT"))


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "application/jwk-set+json"])
def test_another_kind_of_token_is_no_id_token(typ: str) -> None:
    """RFC 8725 §3.11: an access token of the same provider has the same issuer and key."""
    refused(signed(typ))


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    refused(text)
    with pytest.raises(IdTokenRefused):
        key_id(text)


@pytest.mark.parametrize(
    ("auth_time", "ago"),
    [(None, 0), (NOW - 3600, 3570), (NOW - 20, 0), (NOW + 5, 0), ("yesterday", 0), (True, 0), (-1, 0), (float(NOW) - 40.5, 10.5)],
)
def test_a_sign_in_is_as_old_as_the_provider_says(auth_time: Any, ago: float) -> None:
    claims = {} if auth_time is None else {"auth_time": auth_time}
    assert signed_in_at(claims, MIDSUMMER, timedelta(seconds=30)) == MIDSUMMER - timedelta(seconds=ago)
