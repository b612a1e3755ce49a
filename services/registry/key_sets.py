"""A client's own keys, as given inline with its metadata (RFC 7591 §2 `jwks`, RFC 7517 §5)."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from kit.errors import InvalidClientMetadata

MOST_KEYS: Final = 16
_LONGEST: Final = 64 * 1024
# Every member that makes a JWK private or symmetric (RFC 7518 §6).
_SECRET: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def canonical(jwks: Mapping[str, Any]) -> str:
    """The set as JSON with only its `keys`. Raises InvalidClientMetadata for anything but a set of 1 to 16 public keys.

    Keys of a kind we do not know stay (RFC 7517 §5); whether one can verify a signature is decided where it is used.
    """
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        raise InvalidClientMetadata(f"jwks: must have a member keys with 1 to {MOST_KEYS} keys")
    for key in keys:
        if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
            raise InvalidClientMetadata("jwks: every key must be an object with a kty")
        if _SECRET.intersection(key) or key["kty"] == "oct":
            raise InvalidClientMetadata("jwks: contains a private or symmetric key; publish public keys only")
    try:
        text = orjson.dumps({"keys": keys}, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise InvalidClientMetadata("jwks: contains a value that JSON cannot carry") from None
    if len(text) > _LONGEST:
        raise InvalidClientMetadata(f"jwks: is longer than {_LONGEST} bytes")
    return text.decode()
