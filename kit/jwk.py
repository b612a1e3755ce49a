"""Keys: made, written down as JWK (RFC 7517, 7518, 8037) or PEM, named by thumbprint (RFC 7638), and read from strangers with suspicion.

Only asymmetric algorithms exist here, so a public key can never be taken for a shared secret (RFC 8725 §2.1).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from kit.errors import InvalidToken

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey


class Alg(StrEnum):
    """Signature algorithms spoken here (RFC 7518 §3.1, RFC 8037, RFC 9864)."""

    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    EDDSA = "EdDSA"
    ED25519 = "Ed25519"
    """The same signature under the name that leaves no curve open (RFC 9864 §2.2); newer clients send only this one."""


WEAKEST_RSA: Final = 2048
# A larger modulus makes verifying expensive for us and no safer for anybody.
LARGEST_RSA: Final = 8192
MOST_KEYS: Final = 100
_PKCS1: Final = padding.PKCS1v15()
# RFC 7518 §3.3 and §3.5: the salt of a PSS signature is as long as its hash.
RSA: Final[dict[Alg, tuple[padding.AsymmetricPadding, HashAlgorithm]]] = {
    Alg.RS256: (_PKCS1, SHA256()),
    Alg.RS384: (_PKCS1, SHA384()),
    Alg.RS512: (_PKCS1, SHA512()),
    Alg.PS256: (padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32), SHA256()),
    Alg.PS384: (padding.PSS(mgf=padding.MGF1(SHA384()), salt_length=48), SHA384()),
    Alg.PS512: (padding.PSS(mgf=padding.MGF1(SHA512()), salt_length=64), SHA512()),
}
ECDSA: Final = {Alg.ES256: ec.ECDSA(SHA256()), Alg.ES384: ec.ECDSA(SHA384()), Alg.ES512: ec.ECDSA(SHA512())}

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_EC: Final[dict[Alg, tuple[str, type[ec.EllipticCurve], int]]] = {
    Alg.ES256: ("P-256", ec.SECP256R1, 32),
    Alg.ES384: ("P-384", ec.SECP384R1, 48),
    Alg.ES512: ("P-521", ec.SECP521R1, 66),
}
_OKP: Final = frozenset({Alg.EDDSA, Alg.ED25519})
_CURVES: Final = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}
_REQUIRED: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the algorithms it may be used with; usually one, for RSA without a declared `alg` all of RSA's."""

    public: PublicKey
    algs: frozenset[Alg]

    def require(self, alg: Alg, signature: bytes, message: bytes) -> None:
        """Raise InvalidToken unless `signature` over `message` is this key's."""
        if alg not in self.algs:
            raise InvalidToken("the token is signed with an algorithm its key is not for")
        try:
            _verify(self.public, alg, signature, message)
        except InvalidSignature:
            raise InvalidToken("the token's signature is wrong") from None


def generate_key(alg: Alg) -> PrivateKey:
    """A new key for `alg`; RSA keys have 3072 bits."""
    if alg in _EC:
        return ec.generate_private_key(_EC[alg][1]())
    if alg in _OKP:
        return Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def public_jwk(key: PrivateKey | PublicKey) -> dict[str, Any]:
    """The public half as a JWK with exactly the members of its thumbprint; `kid`, `alg` and `use` are the caller's to add."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    if isinstance(public, ec.EllipticCurvePublicKey):
        crv, width = _CURVES[public.curve.name]
        numbers = public.public_numbers()
        return {"crv": crv, "kty": "EC", "x": encode(numbers.x.to_bytes(width)), "y": encode(numbers.y.to_bytes(width))}
    if isinstance(public, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": encode(public.public_bytes_raw())}
    rsa_numbers = public.public_numbers()
    return {"e": _encode_integer(rsa_numbers.e), "kty": "RSA", "n": _encode_integer(rsa_numbers.n)}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The SHA-256 thumbprint (RFC 7638 §3). Raises InvalidToken if a required member is missing."""
    names = _REQUIRED.get(str(jwk.get("kty")), ())
    required = {name: jwk[name] for name in names if isinstance(jwk.get(name), str)}
    if not names or len(required) != len(names):
        raise InvalidToken("the JWK is of an unknown type or incomplete")
    return encode(hashlib.sha256(orjson.dumps(required, option=orjson.OPT_SORT_KEYS)).digest())


def jwk_to_key(jwk: Mapping[str, Any]) -> VerificationKey:
    """A public signing key. Raises InvalidToken for private members, other uses, unknown types, RSA below 2048 bits, bad points."""
    if not _PRIVATE.isdisjoint(jwk):
        raise InvalidToken("the JWK contains private members")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise InvalidToken("the JWK is not for signatures")
    try:
        public, algs = _read_public(jwk)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise InvalidToken("the JWK is of an unknown type or malformed") from None
    declared = jwk.get("alg")
    if declared is not None:
        algs &= {alg for alg in Alg if alg.value == declared}
    if not algs:
        raise InvalidToken("the JWK declares an algorithm that is not supported for it")
    return VerificationKey(public, algs)


def jwks_to_keys(jwks: Any) -> dict[str, VerificationKey]:
    """The usable signing keys of a JWK set by `kid` (by thumbprint where there is none). Unusable ones are passed over (RFC 7517 §5).

    Raises InvalidToken if it is not a set, or holds more than 100 keys.
    """
    members = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(members, list) or len(members) > MOST_KEYS:
        raise InvalidToken("the JWK set is malformed or too large")
    keys: dict[str, VerificationKey] = {}
    for member in members:
        if isinstance(member, Mapping):
            try:
                key = jwk_to_key(member)
                kid = member.get("kid")
                keys.setdefault(kid if isinstance(kid, str) and kid else thumbprint(member), key)
            except InvalidToken:
                continue
    return keys


def verification_key(key: PrivateKey | PublicKey, alg: Alg) -> VerificationKey:
    """A key of our own for verifying what it signed."""
    return VerificationKey(key.public_key() if isinstance(key, PrivateKey) else key, frozenset({alg}))


def private_key_to_pem(key: PrivateKey) -> bytes:
    """PKCS#8, unencrypted: to be sealed, or written to a file only its owner can read."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def private_key_from_pem(pem: bytes) -> PrivateKey:
    """Raises ValueError for anything but an unencrypted EC, RSA or Ed25519 key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the private key is encrypted") from None
    if not isinstance(key, PrivateKey):
        raise ValueError("the private key is of a type that is not supported")  # noqa: TRY004 - one kind of failure for callers
    return key


def public_key_to_pem(key: PrivateKey | PublicKey) -> bytes:
    """SubjectPublicKeyInfo."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_key_from_pem(pem: bytes) -> PublicKey:
    """Raises ValueError for anything but an EC, RSA or Ed25519 key."""
    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, PublicKey):
        raise ValueError("the public key is of a type that is not supported")  # noqa: TRY004 - one kind of failure for callers
    return key


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return encode_bytes(data).decode("ascii")


def encode_bytes(data: bytes) -> bytes:
    """The same, as bytes."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=")


def decode(text: str | bytes) -> bytes:
    """The one byte string this text is the encoding of. Raises ValueError for padding, foreign characters, or spare bits that are set."""
    raw = text.encode("ascii") if isinstance(text, str) else text
    data = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    if encode_bytes(data) != raw:
        raise binascii.Error("not canonical base64url")
    return data


def ecdsa_width(alg: Alg) -> int:
    """Bytes of one half of an ECDSA signature; 0 for other algorithms."""
    return _EC[alg][2] if alg in _EC else 0


def _encode_integer(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


def _read_public(jwk: Mapping[str, Any]) -> tuple[PublicKey, frozenset[Alg]]:
    if jwk["kty"] == "EC":
        alg, curve, width = {crv: (alg, curve, width) for alg, (crv, curve, width) in _EC.items()}[jwk["crv"]]
        x, y = decode(jwk["x"]), decode(jwk["y"])
        if len(x) != width or len(y) != width:
            raise ValueError("coordinates have the wrong length")
        return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve()).public_key(), frozenset({alg})
    if jwk["kty"] == "OKP" and jwk.get("crv") == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(decode(jwk["x"])), _OKP
    if jwk["kty"] == "RSA":
        n, e = int.from_bytes(decode(jwk["n"])), int.from_bytes(decode(jwk["e"]))
        if not WEAKEST_RSA <= n.bit_length() <= LARGEST_RSA or e.bit_length() > 32:
            raise ValueError("the RSA key is too weak or too large")
        return rsa.RSAPublicNumbers(e, n).public_key(), frozenset(RSA)
    raise ValueError("unknown key type")


def _verify(public: PublicKey, alg: Alg, signature: bytes, message: bytes) -> None:
    if isinstance(public, ec.EllipticCurvePublicKey):
        width = ecdsa_width(alg)
        if len(signature) != 2 * width:
            raise InvalidSignature
        der = encode_dss_signature(int.from_bytes(signature[:width]), int.from_bytes(signature[width:]))
        public.verify(der, message, ECDSA[alg])
    elif isinstance(public, Ed25519PublicKey):
        public.verify(signature, message)
    else:
        scheme, algorithm = RSA[alg]
        public.verify(signature, message, scheme, algorithm)
