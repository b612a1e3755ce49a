"""Authorization codes: what redeeming one requires."""

import re

from kit import credentials
from kit.errors import InvalidGrant
from services.token.model import CodeHash, StoredCode

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
# One text for every way a code can be wrong, so that an answer tells a guesser nothing.
NOT_VALID = "the authorization code is not valid"


def require_redirect_uri(code: StoredCode, redirect_uri: str | None) -> None:
    """The value of the authorization request, character for character (RFC 6749 §4.1.3). Raises InvalidGrant."""
    if redirect_uri is None:
        raise InvalidGrant("redirect_uri is required: it must repeat the authorization request's")
    if redirect_uri != code.redirect_uri:
        raise InvalidGrant("redirect_uri is not the one of the authorization request")


def require_matching_verifier(code: StoredCode, verifier: str | None) -> None:
    """RFC 7636 §4.1 and §4.6. Raises InvalidGrant."""
    if verifier is None:
        raise InvalidGrant("code_verifier is required")
    if not verifier_matches(code, verifier):
        raise InvalidGrant("code_verifier does not match", debug=f"grant={code.grant_id}")


def verifier_matches(code: StoredCode, verifier: str | None) -> bool:
    """Whether `verifier` is well formed and hashes to the code's challenge; compared in constant time."""
    if verifier is None or _VERIFIER.fullmatch(verifier) is None:
        return False
    return credentials.equal(credentials.s256(verifier), code.code_challenge)


def hash_of(code: str) -> CodeHash:
    """Under which name a code is stored."""
    return CodeHash(credentials.digest(code))
