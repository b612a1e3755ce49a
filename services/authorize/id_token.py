"""The ID token of a sign-in elsewhere: every check of OpenID Connect Core §3.1.3.7, each a function of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kit.credentials import equal
from kit.errors import InvalidToken
from kit.jose import VerificationKey, decode_unverified_header, require_times, verify
from services.authorize.refusals import IdTokenRefused

# Asymmetric ones alone: nobody but the provider can have made the signature. `none` and HS256 to HS512 do not exist here.
ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519"})
# Core names no type; an access token (RFC 9068), a logout token or a proof has one, and is none of these.
_TYPES: Final = ("", "JWT")
# Core §2.
_LONGEST_SUBJECT: Final = 255

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What this very sign-in was begun with. `lifetime` is how long a sign-in may take: an older token is not an answer to it."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    now: datetime
    skew: timedelta
    lifetime: timedelta


def key_id(token: str) -> str:
    """The `kid` a token claims to be signed with. Raises IdTokenRefused for an algorithm no key will be fetched for."""
    try:
        header = decode_unverified_header(token)
    except InvalidToken as error:
        raise _refused(error.detail) from error
    if header.alg not in ALGORITHMS:
        raise _refused("its algorithm is not accepted")
    return header.kid


def require_valid(token: str, keys: Mapping[str, VerificationKey], expected: Expected) -> Claims:
    """The claims of a token that passed everything. Raises IdTokenRefused."""
    try:
        claims = verify(token, keys=keys, algs=ALGORITHMS, typ=_TYPES, allow_missing_kid=True)
        require_times(claims, expected.now, expected.skew)
    except InvalidToken as error:
        raise _refused(error.detail) from error
    for check in CHECKS:
        check(claims, expected)
    return claims


def signed_in_at(claims: Claims, now: datetime, skew: timedelta) -> datetime:
    """When the person proved who they are: `auth_time` where the provider tells, in its own favour by `skew`, never later than now."""
    at = claims.get("auth_time")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 < at < now.timestamp():
        return now
    return min(now, datetime.fromtimestamp(at, UTC) + skew)


def issuer_is_the_one_asked(claims: Claims, expected: Expected) -> None:
    """Check 2: exactly."""
    if claims.get("iss") != expected.issuer:
        raise _refused("iss is another")


def audience_is_this_service(claims: Claims, expected: Expected) -> None:
    """Check 3."""
    if expected.client_id not in _audience(claims):
        raise _refused("aud does not name this service")


def authorized_party_is_this_service(claims: Claims, expected: Expected) -> None:
    """Checks 4 and 5: a token for several says whose it is, and whenever it says so it says us."""
    party = claims.get("azp")
    if party != expected.client_id and (party is not None or len(_audience(claims)) > 1):
        raise _refused("azp is another, or missing beside several audiences")


def nonce_is_the_one_sent(claims: Claims, expected: Expected) -> None:
    """Check 11."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not nonce.isascii() or not equal(nonce, expected.nonce):
        raise _refused("nonce is missing or another")


def age_is_that_of_an_answer(claims: Claims, expected: Expected) -> None:
    """Check 10: issued since the sign-in could have begun. That `iat` is not ahead is checked with the other times."""
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise _refused("iat is missing")
    if issued < (expected.now - expected.lifetime - expected.skew).timestamp():
        raise _refused("iat is too long ago")


def subject_is_usable(claims: Claims, expected: Expected) -> None:
    """Core §2: what the person is known by from now on."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.strip() or len(subject) > _LONGEST_SUBJECT:
        raise _refused("sub is missing or too long")


CHECKS: Final[tuple[Callable[[Claims, Expected], None], ...]] = (
    issuer_is_the_one_asked,
    audience_is_this_service,
    authorized_party_is_this_service,
    nonce_is_the_one_sent,
    age_is_that_of_an_answer,
    subject_is_usable,
)


def _audience(claims: Claims) -> list[Any]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _refused(why: str) -> IdTokenRefused:
    return IdTokenRefused("what the identity provider said about you could not be verified", debug=f"ID token: {why}")
