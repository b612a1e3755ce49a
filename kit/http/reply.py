"""HTTP replies, and the only place that renders an error."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import orjson

from kit.errors import AuthPlaneError, InsufficientScope, InvalidClient, InvalidToken, SlowDown, Unauthorized, Unavailable
from kit.oauth import describable

Headers = Sequence[tuple[str, str]]

ERROR_TYPE: Final = "https://docs.authplane.ai/errors/"
_JSON = (("content-type", "application/json"),)
_PROBLEM = (("content-type", "application/problem+json"),)
_HTML = (("content-type", "text/html; charset=utf-8"),)
_TITLES = {status.value: status.phrase for status in HTTPStatus}
# Everything a URI may contain; what is left is percent-encoded, so that no value can end the header.
_URI_CHARACTERS = "%:/?#[]@!$&'()*+,;=-._~"
_CHALLENGES: Final[dict[type[AuthPlaneError], str]] = {
    InvalidClient: 'Basic realm="authserver"',
    Unauthorized: "Bearer",
    InvalidToken: 'Bearer error="invalid_token"',
    InsufficientScope: 'Bearer error="insufficient_scope"',
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. A header named here replaces the application's default of that name."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    def adding(self, *headers: tuple[str, str]) -> "Reply":
        """The same reply with more headers."""
        return replace(self, headers=(*self.headers, *headers))


def json_reply(value: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """A JSON body; `value` may be anything orjson encodes, or bytes that are JSON already."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Reply(status, body, (*_JSON, *headers))


def html_reply(text: str, status: int = 200, headers: Headers = ()) -> Reply:
    """An HTML page."""
    return Reply(status, text.encode(), (*_HTML, *headers))


def redirect(location: str, status: int = 303, headers: Headers = ()) -> Reply:
    """A redirect; 303 by default, because a browser then never repeats a form elsewhere (RFC 9700 §4.12)."""
    return Reply(status, b"", (("location", quote(location, safe=_URI_CHARACTERS)), *headers))


def problem(error: AuthPlaneError) -> Reply:
    """The error as JSON: the members of RFC 6749 §5.2 and those of RFC 9457 §3.1, then the error's own.

    The media type is RFC 9457's, and the one RFC 6749 §5.2 names for who asks for that: see `as_asked`.
    """
    detail = describable(error.detail)
    members = {
        "error": error.code,
        "error_description": detail,
        "type": ERROR_TYPE + error.code,
        "title": _TITLES[error.status],
        "detail": detail,
        "status": error.status,
    }
    for name, value in error.members.items():
        members.setdefault(name, value)
    return Reply(error.status, orjson.dumps(members), (*_PROBLEM, *_hints(error)))


def as_asked(reply: Reply, accept: Sequence[str]) -> Reply:
    """A problem in the media type its reader asked for: strict OAuth clients ask for application/json and read no error from another."""
    asked = ",".join(accept).lower()
    if reply.headers[:1] != _PROBLEM or "application/json" not in asked or "application/problem+json" in asked:
        return reply
    return replace(reply, headers=(*_JSON, *reply.headers[1:], ("vary", "Accept")))


def _hints(error: AuthPlaneError) -> Headers:
    for kind, challenge in _CHALLENGES.items():
        if isinstance(error, kind):
            return (("www-authenticate", challenge),)
    if isinstance(error, Unavailable | SlowDown):
        return (("retry-after", str(error.retry_after)),)
    return ()
