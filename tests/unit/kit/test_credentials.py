"""Identifiers, digests, tags and seals."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.credentials import (
    Mac,
    SealBroken,
    Sealer,
    derive_key,
    matches_secret,
    random_id,
    random_secret,
    s256,
    sealing_key_id,
    secret_digest,
    uuid7,
)
from kit.errors import InvalidRequest

KEY = bytes(range(32))


def test_s256_agrees_with_rfc_7636_appendix_b() -> None:
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_identifiers_and_secrets_have_their_length_and_do_not_repeat() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", random_id())
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", random_secret())
    assert len({random_id() for _ in range(100)}) == 100


def test_uuids_are_version_7_and_in_order_of_time() -> None:
    """RFC 9562 §5.7."""
    made = [uuid7() for _ in range(1000)]
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    # Two made within the same fraction of a millisecond may swap; nothing further apart may.
    assert [one.int >> 76 for one in made] == sorted(one.int >> 76 for one in made)


@pytest.mark.parametrize("pepper", [None, b"pepper"])
def test_a_secret_matches_only_what_was_stored_for_it(pepper: bytes | None) -> None:
    stored = secret_digest("right", pepper)
    assert "right" not in stored
    assert matches_secret("right", stored, pepper)
    assert not matches_secret("wrong", stored, pepper)
    assert not matches_secret("right", stored, b"another") or pepper is None


def test_a_secret_stored_before_a_pepper_was_introduced_still_matches() -> None:
    assert matches_secret("right", secret_digest("right", None), b"pepper")
    assert not matches_secret("right", secret_digest("right", b"pepper"), None)


@pytest.mark.parametrize("stored", ["", "s1.", "h1.", "x", "s2.abc"])
def test_nothing_matches_a_stored_value_of_no_known_form(stored: str) -> None:
    assert not matches_secret("", stored, None)
    assert not matches_secret("", stored, b"pepper")


def test_keys_for_different_purposes_differ() -> None:
    assert derive_key(b"master", "a") != derive_key(b"master", "b")
    assert derive_key(b"master", "a") == derive_key(b"master", "a")
    assert len(derive_key(b"master", "a")) == 32


@given(st.lists(st.text(max_size=4), max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_a_tag_fits_only_the_parts_it_was_made_for(made: list[str], shown: list[str]) -> None:
    mac = Mac(KEY, "step")
    tag = mac.tag(*made)
    if made == shown:
        mac.require(tag, *shown)
    else:
        with pytest.raises(InvalidRequest):
            mac.require(tag, *shown)


@pytest.mark.parametrize("tag", ["", "é", "A" * 43])
def test_a_foreign_tag_is_refused(tag: str) -> None:
    with pytest.raises(InvalidRequest):
        Mac(KEY, "step").require(tag, "a")


def test_a_tag_of_one_purpose_is_no_tag_of_another() -> None:
    with pytest.raises(InvalidRequest):
        Mac(KEY, "consent").require(Mac(KEY, "login").tag("a"), "a")


@given(st.binary(), st.binary(max_size=20))
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, aad: bytes) -> None:
    sealer = Sealer("k1", KEY)
    sealed = sealer.seal(plaintext, aad)
    assert sealer.open(sealed, aad) == plaintext
    assert sealing_key_id(sealed) == "k1"
    assert sealer.seal(plaintext, aad) != sealed


def test_a_seal_breaks_when_anything_about_it_changes() -> None:
    sealer = Sealer("k1", KEY)
    sealed = sealer.seal(b"credential", b"row 1")
    altered = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for broken in [*altered, sealed[:-1], sealed[:10], b""]:
        with pytest.raises(SealBroken):
            sealer.open(broken, b"row 1")
    with pytest.raises(SealBroken):
        sealer.open(sealed, b"row 2")
    with pytest.raises(SealBroken):
        Sealer("k2", KEY).open(sealed, b"row 1")
    with pytest.raises(SealBroken):
        Sealer("k1", bytes(32)).open(sealed, b"row 1")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02\x02k1" + bytes(40), b"\x01\xffshort", b"\x01\x02\xff\xff" + bytes(12)])
def test_what_is_no_envelope_names_no_key(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        sealing_key_id(sealed)


def test_a_sealer_needs_a_whole_key() -> None:
    with pytest.raises(ValueError, match="32-byte"):
        Sealer("k1", b"short")
