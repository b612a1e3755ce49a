"""Sealing at rest (V2): known answers worked out from the standards' primitives, and everything an intruder could rearrange."""

import hashlib
import hmac
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.credentials import SealBroken
from services.vault.sealing import Keyring, Owner, Place, Purpose

KEY = bytes(range(32))
OWNER = Owner(Purpose.UPSTREAM_CREDENTIAL, "provider-1", "user-1")
PLACE = Place("upstream_grants", "grant-1", 3)
RING = Keyring("k1", {"k1": KEY})
SECRET = b'{"refresh_token": "r"}'
NONCE = b"\x07" * 12
HEADER = b"\x01\x02k1"


def owner_key(info: bytes) -> bytes:
    """HKDF-SHA256 by hand (RFC 5869 §2): no salt, one block."""
    extracted = hmac.new(bytes(32), KEY, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def test_a_value_sealed_by_hand_opens() -> None:
    """Known answer: the derivation, the additional data and the envelope, each written out."""
    key = owner_key(b"authplane:5:vault19:upstream credential10:provider-16:user-1")
    context = b"5:vault15:upstream_grants7:grant-11:3"
    sealed = HEADER + NONCE + AESGCM(key).encrypt(NONCE, SECRET, HEADER + context)
    assert RING.open(sealed, OWNER, PLACE) == SECRET
    assert sealed.hex() == ("01026b310707070707070707070707075ee2404b658671fed843d8bf93deacda3ea9e500a6fb58bce948beb477a79bbfb386989f73ac")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_what_is_sealed_opens_and_shows_nothing(secret: bytes) -> None:
    sealed = RING.seal(secret, OWNER, PLACE)
    assert RING.open(sealed, OWNER, PLACE) == secret
    assert len(sealed) == len(HEADER) + 12 + len(secret) + 16
    if len(secret) > 3:
        assert secret not in sealed


def test_the_same_secret_never_looks_the_same() -> None:
    assert len({RING.seal(SECRET, OWNER, PLACE) for _ in range(100)}) == 100


def test_no_bit_of_an_envelope_can_change() -> None:
    sealed = RING.seal(SECRET, OWNER, PLACE)
    for index in range(len(sealed)):
        for bit in (0x01, 0x80):
            altered = bytearray(sealed)
            altered[index] ^= bit
            with pytest.raises(SealBroken):
                RING.open(bytes(altered), OWNER, PLACE)


def test_no_envelope_opens_cut_short_or_lengthened() -> None:
    sealed = RING.seal(SECRET, OWNER, PLACE)
    for altered in (*(sealed[:length] for length in range(len(sealed))), sealed + b"\x00"):
        with pytest.raises(SealBroken):
            RING.open(altered, OWNER, PLACE)


@pytest.mark.parametrize(
    "owner",
    [
        replace(OWNER, user_id="user-2"),
        replace(OWNER, provider_id="provider-2"),
        replace(OWNER, purpose=Purpose.PROVIDER_SECRET),
        Owner(Purpose.UPSTREAM_CREDENTIAL, "user-1", "provider-1"),
        Owner(Purpose.UPSTREAM_CREDENTIAL, "provider-1u", "ser-1"),
        Owner(Purpose.UPSTREAM_CREDENTIAL, "provider-16:user-1", ""),
    ],
)
def test_nobody_elses_key_opens_it(owner: Owner) -> None:
    with pytest.raises(SealBroken):
        RING.open(RING.seal(SECRET, OWNER, PLACE), owner, PLACE)


@pytest.mark.parametrize(
    "place",
    [replace(PLACE, version=2), replace(PLACE, row="grant-2"), replace(PLACE, table="providers"), Place("upstream_grants", "grant-11", 3)],
)
def test_a_value_moved_to_another_row_or_put_back_after_an_update_does_not_open(place: Place) -> None:
    with pytest.raises(SealBroken):
        RING.open(RING.seal(SECRET, OWNER, PLACE), OWNER, place)


def test_old_keys_open_and_only_the_active_one_seals() -> None:
    old = RING.seal(SECRET, OWNER, PLACE)
    both = Keyring("k2", {"k1": KEY, "k2": bytes(32)})
    anew = both.seal(both.open(old, OWNER, PLACE), OWNER, PLACE)
    assert (both.is_current(old), both.is_current(anew)) == (False, True)
    assert both.open(anew, OWNER, PLACE) == SECRET
    with pytest.raises(SealBroken):
        Keyring("k2", {"k2": bytes(32)}).open(old, OWNER, PLACE)


def test_a_key_with_the_right_name_and_the_wrong_bytes_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        Keyring("k1", {"k1": bytes(32)}).open(RING.seal(SECRET, OWNER, PLACE), OWNER, PLACE)


def test_a_failure_says_the_same_whatever_is_wrong() -> None:
    """A reader of errors learns nothing about which of key, owner, place or bytes was wrong."""
    sealed = RING.seal(SECRET, OWNER, PLACE)
    attempts = [
        (sealed[:-1], OWNER, PLACE),
        (sealed, replace(OWNER, user_id="x"), PLACE),
        (b"", OWNER, PLACE),
        (b"\x02" + sealed, OWNER, PLACE),
    ]
    said = set()
    for value, owner, place in attempts:
        with pytest.raises(SealBroken) as raised:
            RING.open(value, owner, place)
        said.add(raised.value.detail)
    assert len(said) == 1


@pytest.mark.parametrize("keys", [{}, {"k2": KEY}, {"k1": KEY[:16]}, {"k1": KEY, "k2": b""}])
def test_a_keyring_without_its_key_cannot_be_made(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="keyring"):
        Keyring("k1", keys)
