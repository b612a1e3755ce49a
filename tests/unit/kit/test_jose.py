"""Signing and verifying: published vectors, an independent implementation, and the attacks of RFC 8725 §2."""

import hashlib
import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidToken
from kit.jose import (
    Alg,
    Signer,
    compact,
    decode_unverified_header,
    generate_key,
    raw_ecdsa,
    require_times,
    signing_input,
    verification_key,
    verify,
)
from kit.jwk import decode, encode, jwk_to_key, private_key_from_pem, private_key_to_pem, public_key_to_pem
from tests.unit.kit.vectors import RFC7515_A2_JWK, RFC7515_A2_TOKEN, RFC7515_A3_JWK, RFC7515_A3_TOKEN

NOW = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
SKEW = timedelta(seconds=30)
KEYS = {alg: generate_key(alg) for alg in Alg}
EC = KEYS[Alg.ES256]
TRUSTED = {"k1": verification_key(EC, Alg.ES256)}
CLAIMS = {"iss": "https://as.example", "sub": "u1", "aud": ["https://mcp.example"], "exp": 1_800_000_000}


def signed(alg: Alg = Alg.ES256, typ: str = "at+jwt") -> str:
    return Signer("k1", alg, KEYS[alg]).sign(CLAIMS, typ)


def forged(header: dict[str, Any] | bytes, payload: bytes = b"{}", typ: str = "at+jwt") -> str:
    """A token with a correct signature under whatever header."""
    raw = header if isinstance(header, bytes) else orjson.dumps({"alg": "ES256", "kid": "k1", "typ": typ} | header)
    message = f"{encode(raw)}.{encode(payload)}".encode()
    sample = Signer("k1", Alg.ES256, EC)
    return compact(message, sample._sign(message))


def accept(token: str, **changed: Any) -> dict[str, Any]:
    return verify(token, **({"keys": TRUSTED, "algs": {"ES256"}, "typ": "at+jwt"} | changed))


def test_es256_verifies_the_example_of_rfc_7515_a3() -> None:
    claims = verify(RFC7515_A3_TOKEN, keys={"": jwk_to_key(RFC7515_A3_JWK)}, algs={"ES256"}, typ="", allow_missing_kid=True)
    assert claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def test_rs256_verifies_the_example_of_rfc_7515_a2() -> None:
    claims = verify(RFC7515_A2_TOKEN, keys={"": jwk_to_key(RFC7515_A2_JWK)}, algs={"RS256"}, typ="", allow_missing_kid=True)
    assert claims["iss"] == "joe"


@pytest.mark.parametrize("alg", list(Alg))
def test_pyjwt_accepts_what_is_signed_here(alg: Alg) -> None:
    token = signed(alg)
    public = public_key_to_pem(KEYS[alg])
    assert jwt.decode(token, public, algorithms=[alg.value], audience="https://mcp.example") == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": alg.value, "kid": "k1", "typ": "at+jwt"}


@pytest.mark.parametrize("alg", list(Alg))
def test_what_pyjwt_signs_is_accepted_here(alg: Alg) -> None:
    token = jwt.encode(CLAIMS, private_key_to_pem(KEYS[alg]), algorithm=alg.value, headers={"kid": "k1", "typ": "application/AT+jwt"})
    assert verify(token, keys={"k1": verification_key(KEYS[alg], alg)}, algs={alg.value}, typ="at+jwt") == CLAIMS


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), st.integers(-(2**53), 2**53)))
def test_any_claims_survive(claims: dict[str, int]) -> None:
    assert accept(Signer("k1", Alg.ES256, EC).sign(claims, "at+jwt")) == claims


def test_a_payload_that_is_json_already_is_signed_as_it_is() -> None:
    token = Signer("k1", Alg.ES256, EC).sign(b'{"a": 1}', "at+jwt")
    assert decode(token.split(".")[1]) == b'{"a": 1}'


def test_a_key_that_lives_elsewhere_signs_the_same_input() -> None:
    message = signing_input(Alg.ES256, "k1", "at+jwt", b"{}")
    assert message.decode() == Signer("k1", Alg.ES256, EC).sign(b"{}", "at+jwt").rpartition(".")[0]


def test_a_key_is_not_used_with_an_algorithm_of_another_kind() -> None:
    with pytest.raises(ValueError, match="RS256"):
        Signer("k1", Alg.RS256, EC)


def test_alg_none_is_refused_even_when_asked_for() -> None:
    """RFC 8725 §2.1."""
    header = b'{"alg":"none","kid":"k1","typ":"at+jwt"}'
    token = f"{encode(header)}.{encode(b'{}')}."
    for algs in ({"ES256"}, {"none", "ES256"}):
        with pytest.raises(InvalidToken):
            accept(token, algs=algs)


def test_a_public_key_is_never_taken_for_a_shared_secret() -> None:
    """RFC 8725 §2.1: HS256 keyed with the published RSA key."""
    public = public_key_to_pem(KEYS[Alg.RS256])
    header = b'{"alg":"HS256","kid":"k1","typ":"at+jwt"}'
    message = f"{encode(header)}.{encode(b'{}')}"
    token = f"{message}.{encode(hmac.digest(public, message.encode(), hashlib.sha256))}"
    for algs in ({"RS256"}, {"RS256", "HS256"}):
        with pytest.raises(InvalidToken):
            verify(token, keys={"k1": verification_key(KEYS[Alg.RS256], Alg.RS256)}, algs=algs, typ="at+jwt")


def test_an_algorithm_must_be_the_keys_own() -> None:
    token = signed(Alg.PS256)
    with pytest.raises(InvalidToken):
        verify(token, keys={"k1": verification_key(KEYS[Alg.RS256], Alg.RS256)}, algs={"PS256", "RS256"}, typ="at+jwt")


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {"kty": "EC"}},
        {"jwk": "x"},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x5"},
        {"x5c": ["MII"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"alg": 1},
        {"kid": 1},
        {"typ": None},
    ],
)
def test_a_header_that_brings_a_key_or_asks_for_more_is_refused(header: dict[str, Any]) -> None:
    """RFC 8725 §3.10, RFC 7515 §4.1.11."""
    with pytest.raises(InvalidToken):
        accept(forged(header))


def test_a_proof_may_show_its_key_where_that_is_expected() -> None:
    token = forged({"jwk": {"kty": "EC"}}, typ="dpop+jwt")
    assert accept(token, typ="dpop+jwt", allow_jwk=True) == {}
    assert decode_unverified_header(token).jwk == {"kty": "EC"}


def test_a_member_named_twice_is_refused() -> None:
    with pytest.raises(InvalidToken):
        accept(forged(b'{"alg":"none","alg":"ES256","kid":"k1","typ":"at+jwt"}'))
    with pytest.raises(InvalidToken):
        accept(forged({}, b'{"sub":"a","sub":"b"}'))


@pytest.mark.parametrize("payload", [b"[]", b"1", b"", b"{", b"\xff", b'{"a":NaN}'])
def test_claims_must_be_an_object(payload: bytes) -> None:
    with pytest.raises(InvalidToken):
        accept(forged({}, payload))


@pytest.mark.parametrize("typ", ["JWT", "dpop+jwt", ""])
def test_a_token_of_another_type_is_refused(typ: str) -> None:
    """RFC 8725 §3.11, RFC 9068 §4."""
    with pytest.raises(InvalidToken):
        accept(signed(typ=typ))


def test_a_missing_type_is_accepted_only_where_said() -> None:
    token = forged(b'{"alg":"ES256","kid":"k1"}')
    assert accept(token, typ={"jwt", ""}) == {}
    with pytest.raises(InvalidToken):
        accept(token, typ="jwt")


def test_a_missing_kid_is_accepted_only_where_said_and_with_one_key() -> None:
    token = forged(b'{"alg":"ES256","typ":"at+jwt"}')
    with pytest.raises(InvalidToken):
        accept(token)
    assert accept(token, allow_missing_kid=True) == {}
    with pytest.raises(InvalidToken):
        accept(token, allow_missing_kid=True, keys=TRUSTED | {"k2": TRUSTED["k1"]})
    with pytest.raises(InvalidToken):
        accept(forged({"kid": "other"}), allow_missing_kid=True)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "..", "é.é.é", "a" * 20_000, " ", "\n"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        accept(token)
    with pytest.raises(InvalidToken):
        decode_unverified_header(token)


def test_no_other_spelling_of_a_token_is_the_token() -> None:
    """Base64url must be canonical, or one token has several spellings and a replay check one too few."""
    token = signed()
    head, body, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = signature[:-1] + last[last.index(signature[-1]) ^ 1]
    others = [f"{head}.{body}.{signature}=", f"{head}.{body}.{spare}", f" {token}", f"{token}\n", f"{head}=.{body}.{signature}"]
    assert accept(token) == CLAIMS
    for other in others:
        with pytest.raises(InvalidToken):
            accept(other)


@given(st.integers(0, 10_000), st.integers(1, 63))
def test_a_token_altered_anywhere_is_refused(at: int, by: int) -> None:
    token = ALTERABLE
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at %= len(token)
    if token[at] == ".":
        return
    changed = token[:at] + letters[(letters.index(token[at]) + by) % 64] + token[at + 1 :]
    with pytest.raises(InvalidToken):
        accept(changed)


ALTERABLE = signed()


@pytest.mark.parametrize("length", [0, 63, 65, 70, 72, 128])
def test_an_ecdsa_signature_has_exactly_its_length(length: int) -> None:
    """RFC 7518 §3.4; the DER form is not accepted."""
    head, body, _ = signed().split(".")
    with pytest.raises(InvalidToken):
        accept(f"{head}.{body}.{encode(bytes(length))}")


def test_a_zero_signature_is_refused() -> None:
    """CVE-2022-21449."""
    head, body, _ = signed().split(".")
    with pytest.raises(InvalidToken):
        accept(f"{head}.{body}.{encode(bytes(64))}")


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_the_halves_of_an_ecdsa_signature_keep_their_width(r: int, s: int) -> None:
    assert raw_ecdsa(encode_dss_signature(r, s), Alg.ES256) == r.to_bytes(32) + s.to_bytes(32)


@given(st.binary(max_size=80))
def test_what_is_no_ecdsa_signature_is_refused_and_nothing_worse(der: bytes) -> None:
    with suppress(ValueError):
        assert len(raw_ecdsa(der, Alg.ES256)) == 64


def test_keys_survive_being_written_as_pem() -> None:
    for alg, key in KEYS.items():
        again = Signer("k1", alg, private_key_from_pem(private_key_to_pem(key))).sign(CLAIMS, "at+jwt")
        assert verify(again, keys={"k1": verification_key(key, alg)}, algs={alg.value}, typ="at+jwt") == CLAIMS


def times(**claims: Any) -> dict[str, Any]:
    moment = int(NOW.timestamp())
    return {name: moment + value if isinstance(value, int) and not isinstance(value, bool) else value for name, value in claims.items()}


@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": -29}, {"exp": 60, "nbf": 30, "iat": 30}, {"exp": 60, "iat": -9999}])
def test_times_within_the_skew_are_accepted(claims: dict[str, Any]) -> None:
    require_times(times(**claims), NOW, SKEW)


@pytest.mark.parametrize(
    "claims",
    [{}, {"exp": -30}, {"exp": 60, "nbf": 31}, {"exp": 60, "iat": 31}, {"exp": "9999999999"}, {"exp": None}, {"exp": True}, {"exp": [1]}],
)
def test_times_outside_the_skew_or_of_no_number_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        require_times(times(**claims), NOW, SKEW)
