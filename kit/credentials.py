"""Identifiers, secrets and what is stored instead of them. Every comparison here takes the same time whatever the answer."""

import base64
import hashlib
import hmac
import os
import secrets
import time
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kit.errors import AuthPlaneError, InvalidRequest

# Stored secrets begin with how they were made, so the method can change without a flag day.
_PLAIN, _PEPPERED = "s1.", "h1."
_ENVELOPE_VERSION = 1
_NONCE_BYTES = 12


class SealBroken(AuthPlaneError):
    """A sealed value was altered, belongs elsewhere, or was sealed with a key this process does not hold."""


def random_id() -> str:
    """A new identifier: 128 random bits, 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def random_secret() -> str:
    """A new bearer secret: 256 random bits, 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def uuid7() -> UUID:
    """A new time-ordered UUID (RFC 9562 §5.7; sub-millisecond fraction in rand_a, §6.2 method 3)."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | ((nanoseconds << 12) // 1_000_000) << 64 | 0b10 << 62
    return UUID(int=value | int.from_bytes(os.urandom(8)) >> 2)


def digest(value: str) -> bytes:
    """SHA-256 of a random credential: what is stored and looked up instead of it. Not for anything a person chose."""
    return hashlib.sha256(value.encode()).digest()


def equal(a: str, b: str) -> bool:
    """Whether two strings are the same, in constant time."""
    return hmac.compare_digest(a.encode(), b.encode())


def s256(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636 §4.2)."""
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def secret_digest(secret: str, pepper: bytes | None) -> str:
    """What is stored for a generated secret: SHA-256, or HMAC-SHA256 when the operator configured a pepper."""
    if pepper:
        return _PEPPERED + _base64url(hmac.digest(pepper, secret.encode(), "sha256"))
    return _PLAIN + _base64url(hashlib.sha256(secret.encode()).digest())


def matches_secret(secret: str, stored: str, pepper: bytes | None) -> bool:
    """Whether `secret` is the one stored. Secrets stored before a pepper was introduced keep matching."""
    if stored.startswith(_PEPPERED):
        return pepper is not None and equal(secret_digest(secret, pepper), stored)
    return equal(secret_digest(secret, None), stored)


def derive_key(master: bytes, purpose: str) -> bytes:
    """A 256-bit key for one purpose, from one master secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"authplane:" + purpose.encode()).derive(master)


class Mac:
    """Tags that bind several values to one purpose; a tag made for one purpose or order of parts fits no other."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = derive_key(key, "mac:" + purpose)

    def tag(self, *parts: str) -> str:
        """A tag over the parts, 43 URL-safe characters."""
        # Each part is preceded by its length, so moving a boundary between two parts changes what is authenticated.
        message = b"".join(len(part).to_bytes(4) + part for part in map(str.encode, parts))
        return _base64url(hmac.digest(self._key, message, "sha256"))

    def require(self, tag: str, *parts: str) -> None:
        """Raise InvalidRequest unless `tag` was made here for exactly these parts."""
        if not equal(tag, self.tag(*parts)):
            raise InvalidRequest("this link or form was altered, or belongs to another step")


class Sealer:
    """Authenticated encryption at rest (AES-256-GCM). The envelope names its format and key, so keys can be replaced.

    Envelope: version (1 byte), length of key id (1 byte), key id, nonce (12 bytes), ciphertext and tag.
    `aad` should name the row and column, so that a sealed value moved elsewhere does not open.
    """

    __slots__ = ("_cipher", "_header", "key_id")

    def __init__(self, key_id: str, key: bytes) -> None:
        name = key_id.encode()
        if len(key) != 32 or not 0 < len(name) < 256:
            raise ValueError("a sealer needs a 32-byte key and a key id of 1 to 255 bytes")
        self.key_id = key_id
        self._header = bytes((_ENVELOPE_VERSION, len(name))) + name
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """The envelope around `plaintext`."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, self._header + aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The plaintext. Raises SealBroken."""
        start = len(self._header)
        if not sealed.startswith(self._header):
            raise SealBroken("a stored secret cannot be opened", debug="sealed with another key or format")
        nonce, ciphertext = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._header + aad)
        except (InvalidTag, ValueError):
            raise SealBroken("a stored secret cannot be opened", debug=f"key {self.key_id}: authentication failed") from None


def sealing_key_id(sealed: bytes) -> str:
    """The id of the key a value was sealed with. Raises SealBroken for anything that is not an envelope."""
    if len(sealed) < 2 or sealed[0] != _ENVELOPE_VERSION or len(sealed) < 2 + sealed[1] + _NONCE_BYTES:
        raise SealBroken("a stored secret cannot be opened", debug="not an envelope")
    try:
        return sealed[2 : 2 + sealed[1]].decode()
    except UnicodeDecodeError:
        raise SealBroken("a stored secret cannot be opened", debug="key id is not text") from None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
