"""The published vocabulary of OAuth: the spellings of the RFCs, as closed sets, and the syntax of `scope`."""

import re
from collections.abc import Iterable
from enum import StrEnum

from kit.errors import InvalidScope


class GrantType(StrEnum):
    """Values of `grant_type`."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    CLIENT_CREDENTIALS = "client_credentials"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class AuthMethod(StrEnum):
    """Values of `token_endpoint_auth_method` (RFC 7591 §2, OpenID Connect Core §9)."""

    NONE = "none"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"


class ResponseType(StrEnum):
    """Values of `response_type`: OAuth 2.1 leaves one."""

    CODE = "code"


class TokenType(StrEnum):
    """Values of `token_type` in a token response."""

    BEARER = "Bearer"
    DPOP = "DPoP"


class TokenTypeUri(StrEnum):
    """Token type identifiers (RFC 8693 §3, identity assertion grant draft)."""

    ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
    REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105
    ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
    JWT = "urn:ietf:params:oauth:token-type:jwt"
    ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_SCOPE = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]*")
# RFC 6749 §5.2: error_description excludes quote, backslash and everything outside printable ASCII.
_UNDESCRIBABLE = re.compile(r"[^\x20\x21\x23-\x5B\x5D-\x7E]")


def parse_scope(scope: str) -> tuple[str, ...]:
    """The scope tokens in the order given, each once (RFC 6749 §3.3). Surplus spaces are forgiven, nothing else is.

    Raises InvalidScope for a character the grammar does not allow.
    """
    if _SCOPE.fullmatch(scope) is None:
        raise InvalidScope("scope contains a character that RFC 6749 does not allow")
    return tuple(dict.fromkeys(token for token in scope.split(" ") if token))


def join_scope(tokens: Iterable[str]) -> str:
    """The wire form of scope tokens."""
    return " ".join(tokens)


def describable(text: str) -> str:
    """`text` within the characters an `error_description` may have (RFC 6749 §5.2)."""
    return _UNDESCRIBABLE.sub(lambda match: "'" if match[0] == '"' else "?", text)
