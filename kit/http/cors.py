"""Cross-origin reads by scripts (Fetch standard, CORS protocol): never with credentials, so no cookie can be borrowed."""

from collections.abc import Sequence
from typing import Final

from kit.http.reply import Reply
from kit.http.request import Request

_REQUEST_HEADERS: Final = "Authorization, Content-Type, DPoP, MCP-Protocol-Version, MCP-Method, MCP-Name"
_EXPOSED: Final = (b"access-control-expose-headers", b"WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id")
_ANYONE: Final = [(b"access-control-allow-origin", b"*"), _EXPOSED]
_BY_ORIGIN: Final = (b"vary", b"Origin")


class Cors:
    """Which origins may call, and how they are told. `*` among them admits all; none at all admits nobody."""

    __slots__ = ("_anyone", "_origins")

    def __init__(self, allowed_origins: Sequence[str]) -> None:
        self._anyone = "*" in allowed_origins
        self._origins = frozenset(origin.encode() for origin in allowed_origins)

    def headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        """The headers every reply of an open path carries, errors and preflights included."""
        if self._anyone:
            return _ANYONE
        origins = [origin.encode("latin-1") for origin in request.headers_all("origin")]
        if len(origins) != 1 or origins[0] not in self._origins:
            return [_BY_ORIGIN]
        return [(b"access-control-allow-origin", origins[0]), _EXPOSED, _BY_ORIGIN]

    def preflight(self, methods: str) -> Reply:
        """The answer to OPTIONS: it asks for no authentication, since a browser sends none."""
        return Reply(
            204,
            b"",
            (
                ("access-control-allow-methods", methods),
                ("access-control-allow-headers", _REQUEST_HEADERS),
                ("access-control-max-age", "86400"),
            ),
        )
