"""Signed tokens: JWS in compact form (RFC 7515) with the practices of RFC 8725.

A token never says how to verify itself: the caller names the keys, the algorithms and the type, and the token has to fit.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from kit import strict_json
from kit.errors import InvalidToken
from kit.jwk import (
    PKCS1,
    PSS,
    Alg,
    PrivateKey,
    PublicKey,
    VerificationKey,
    decode,
    ecdsa_width,
    encode,
    generate_key,
    jwk_to_key,
    jwks_to_keys,
    private_key_from_pem,
    private_key_to_pem,
    public_jwk,
    public_key_from_pem,
    public_key_to_pem,
    thumbprint,
    verification_key,
)

__all__ = [
    "LONGEST_TOKEN",
    "Alg",
    "Header",
    "PrivateKey",
    "PublicKey",
    "Signer",
    "VerificationKey",
    "compact",
    "decode_unverified_header",
    "generate_key",
    "jwk_to_key",
    "jwks_to_keys",
    "private_key_from_pem",
    "private_key_to_pem",
    "public_jwk",
    "public_key_from_pem",
    "public_key_to_pem",
    "raw_ecdsa",
    "require_times",
    "signing_input",
    "thumbprint",
    "verification_key",
    "verify",
]

LONGEST_TOKEN: Final = 16 * 1024
_SHA256: Final = ec.ECDSA(SHA256())
_SHA384: Final = ec.ECDSA(SHA384())
# Each would let the token bring its own key (RFC 8725 §3.10). A thumbprint such as x5t brings none.
_KEY_BEARING: Final = frozenset({"jku", "x5u", "x5c"})


@dataclass(frozen=True, slots=True)
class Header:
    """A JOSE header, not yet verified. `typ` is in lower case without `application/` (RFC 7515 §4.1.9); absent members are empty."""

    alg: str
    typ: str
    kid: str
    jwk: Mapping[str, Any] | None


class Signer:
    """Signs with one key. What does not change between tokens is encoded once."""

    __slots__ = ("_heads", "_sign", "alg", "kid")

    def __init__(self, kid: str, alg: Alg, private_key: PrivateKey) -> None:
        self.kid = kid
        self.alg = alg
        self._sign = _raw_signer(alg, private_key)
        self._heads: dict[str, bytes] = {}

    def sign(self, payload: bytes | Mapping[str, Any], typ: str) -> str:
        """The compact token over `payload`, which is JSON already or anything orjson encodes."""
        head = self._heads.get(typ)
        if head is None:
            head = self._heads[typ] = _head(self.alg, self.kid, typ)
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        message = head + encode(body).encode("ascii")
        return compact(message, self._sign(message))


def signing_input(alg: Alg, kid: str, typ: str, payload: bytes) -> bytes:
    """What has to be signed, for keys that live elsewhere."""
    return _head(alg, kid, typ) + encode(payload).encode("ascii")


def compact(message: bytes, signature: bytes) -> str:
    """The token of a signing input and its raw signature."""
    return f"{message.decode('ascii')}.{encode(signature)}"


def raw_ecdsa(der: bytes, alg: Alg) -> bytes:
    """An ECDSA signature as JWS wants it, the two halves side by side (RFC 7518 §3.4). Raises ValueError if it is not DER."""
    # SEQUENCE, length, then twice INTEGER, length, value; every length is below 128 for the curves spoken here, so one byte each.
    # Read by hand because going through Python integers costs a tenth of the signature itself.
    width = ecdsa_width(alg)
    middle = 4 + der[3]
    r, s = der[4:middle].lstrip(b"\0"), der[middle + 2 :].lstrip(b"\0")
    if der[1] != len(der) - 2 or der[middle + 1] != len(der) - middle - 2 or len(r) > width or len(s) > width:
        raise ValueError("not an ECDSA signature of this algorithm")
    return r.rjust(width, b"\0") + s.rjust(width, b"\0")


def decode_unverified_header(token: str) -> Header:
    """The header of a token nobody has verified: good for choosing a key, never for trusting one. Raises InvalidToken."""
    return _read_header(_split(token)[0])


def verify(
    token: str,
    *,
    keys: Mapping[str, VerificationKey],
    algs: Collection[str],
    typ: str | Collection[str],
    allow_missing_kid: bool = False,
    allow_jwk: bool = False,
) -> dict[str, Any]:
    """The claims of a token signed by one of `keys` (by kid). Says nothing about time, issuer or audience. Raises InvalidToken.

    `typ`: the type or types accepted, compared without case and `application/`; an empty string accepts a token without type.
    `allow_missing_kid`: a token without kid is tried with the only key there is. `allow_jwk`: the header may repeat the key, as a
    DPoP proof does; it is not looked at here.
    """
    first, second, third = _split(token)
    header = _read_header(first)
    types = (typ,) if isinstance(typ, str) else typ
    if header.alg not in algs or header.alg not in _ALGS:
        raise InvalidToken("the token is signed with an algorithm that is not accepted")
    if header.typ not in {accepted.lower().removeprefix("application/") for accepted in types}:
        raise InvalidToken("the token is of another type")
    if header.jwk is not None and not allow_jwk:
        raise InvalidToken("the token brings its own key")
    key = _choose(keys, header.kid, allow_missing_kid=allow_missing_kid)
    try:
        signature = decode(third)
    except ValueError:
        raise InvalidToken("the token is malformed") from None
    key.require(_ALGS[header.alg], signature, f"{first}.{second}".encode("ascii"))
    return _read_object(second)


def require_times(claims: Mapping[str, Any], now: datetime, skew: timedelta) -> None:
    """Raise InvalidToken unless `exp` is there and ahead, and `nbf` and `iat` where present are not, each within `skew` (RFC 7519 §4.1)."""
    moment, tolerance = now.timestamp(), skew.total_seconds()
    if "exp" not in claims:
        raise InvalidToken("the token has no exp")
    if _number(claims, "exp") <= moment - tolerance:
        raise InvalidToken("the token has expired")
    for name in ("nbf", "iat"):
        if name in claims and _number(claims, name) > moment + tolerance:
            raise InvalidToken(f"the token's {name} is in the future")


_ALGS: Final = {alg.value: alg for alg in Alg}


def _head(alg: Alg, kid: str, typ: str) -> bytes:
    return encode(orjson.dumps({"alg": alg.value, "kid": kid, "typ": typ})).encode("ascii") + b"."


def _raw_signer(alg: Alg, key: PrivateKey) -> Callable[[bytes], bytes]:
    """A function from message to raw signature. Raises ValueError if the key is not for `alg`."""
    if alg not in verification_algs(key):
        raise ValueError(f"the key is not for {alg.value}")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        sign_der, algorithm = key.sign, _SHA256 if alg is Alg.ES256 else _SHA384
        return lambda message: raw_ecdsa(sign_der(message, algorithm), alg)
    if isinstance(key, rsa.RSAPrivateKey):
        sign_rsa, scheme = key.sign, PSS if alg is Alg.PS256 else PKCS1
        return lambda message: sign_rsa(message, scheme, SHA256())
    return key.sign


def verification_algs(key: PrivateKey) -> frozenset[Alg]:
    """The algorithms a key of ours can be used with."""
    return jwk_to_key(public_jwk(key)).algs


def _split(token: str) -> tuple[str, str, str]:
    if len(token) > LONGEST_TOKEN:
        raise InvalidToken("the token is too long")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise InvalidToken("the token is malformed")
    return parts[0], parts[1], parts[2]


def _read_header(part: str) -> Header:
    members = _read_object(part)
    alg, typ, kid, jwk = members.get("alg"), members.get("typ", ""), members.get("kid", ""), members.get("jwk")
    if not (isinstance(alg, str) and isinstance(typ, str) and isinstance(kid, str)):
        raise InvalidToken("the token's header is malformed")
    if jwk is not None and not isinstance(jwk, dict):
        raise InvalidToken("the token's header is malformed")
    # RFC 7515 §4.1.11: an extension marked critical must be understood, and none is.
    if "crit" in members or not _KEY_BEARING.isdisjoint(members):
        raise InvalidToken("the token's header asks for something that is not supported")
    return Header(alg, typ.lower().removeprefix("application/"), kid, jwk)


def _read_object(part: str) -> dict[str, Any]:
    try:
        value = strict_json.parse(decode(part))
    except (ValueError, RecursionError):
        raise InvalidToken("the token is malformed") from None
    if not isinstance(value, dict):
        raise InvalidToken("the token is malformed")
    return value


def _choose(keys: Mapping[str, VerificationKey], kid: str, *, allow_missing_kid: bool) -> VerificationKey:
    key = keys.get(kid)
    if not kid and allow_missing_kid and len(keys) == 1:
        key = next(iter(keys.values()))
    if key is None:
        raise InvalidToken("the token is signed with a key that is not known here")
    return key


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"the token's {name} is not a number")
    return value
