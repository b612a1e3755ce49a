"""Signed tokens: JWS in compact form (RFC 7515) with the practices of RFC 8725. Making them is kit.signing, their keys kit.jwk.

A token never says how to verify itself: the caller names the keys, the algorithms and the type, and the token has to fit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from kit import strict_json
from kit.errors import InvalidToken
from kit.jwk import (
    Alg,
    PrivateKey,
    PublicKey,
    VerificationKey,
    decode,
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
from kit.signing import Signer, compact, raw_ecdsa, signing_input

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
_LONGEST_KEPT_HEADER: Final = 256
# Each would let the token bring its own key (RFC 8725 §3.10). A thumbprint such as x5t brings none.
_KEY_BEARING: Final = frozenset({"jku", "x5u", "x5c"})


@dataclass(frozen=True, slots=True)
class Header:
    """A JOSE header, not yet verified. `typ` is in lower case without `application/` (RFC 7515 §4.1.9); absent members are empty."""

    alg: str
    typ: str
    kid: str
    jwk: Mapping[str, Any] | None


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
    if header.alg not in algs or header.alg not in _ALGS:
        raise InvalidToken("the token is signed with an algorithm that is not accepted")
    if header.typ != typ and header.typ not in _plain_types((typ,) if isinstance(typ, str) else typ):
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


def _split(token: str) -> tuple[str, str, str]:
    if len(token) > LONGEST_TOKEN:
        raise InvalidToken("the token is too long")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise InvalidToken("the token is malformed")
    return parts[0], parts[1], parts[2]


def _read_header(part: str) -> Header:
    # Tokens signed with one key share one header; a stranger's long one is not worth a place.
    return _read_short_header(part) if len(part) <= _LONGEST_KEPT_HEADER else _read_any_header(part)


def _read_any_header(part: str) -> Header:
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


_read_short_header = lru_cache(maxsize=256)(_read_any_header)


def _read_object(part: str) -> dict[str, Any]:
    try:
        value = strict_json.parse(decode(part))
    except (ValueError, RecursionError):
        raise InvalidToken("the token is malformed") from None
    if not isinstance(value, dict):
        raise InvalidToken("the token is malformed")
    return value


def _plain_types(types: Collection[str]) -> set[str]:
    return {typ.lower().removeprefix("application/") for typ in types}


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
