"""One HTTP request, over what ASGI hands us: parsed when asked, each part at most once."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from kit import strict_json
from kit.credentials import random_id
from kit.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from kit.http.parameters import Parameters

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

FORM_LIMIT: Final = 64 * 1024
JSON_LIMIT: Final = 1024 * 1024
FORM_TYPE: Final = "application/x-www-form-urlencoded"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_LONGEST_ADDRESS = 45  # an IPv6 address with an embedded IPv4 one


class ClientGone(Exception):
    """The client closed the connection before its request was complete: nobody to answer."""


class Request:
    """A request. `client_address`, `request_id` and `traceparent` are the gateway's word; only the gateway can reach this listener.

    `facts` are added to the canonical log line of the request; they must be harmless to read.
    """

    __slots__ = (
        "_body",
        "_headers",
        "_query",
        "_receive",
        "_repeated",
        "_scope",
        "client_address",
        "facts",
        "method",
        "path",
        "path_params",
        "request_id",
        "traceparent",
    )

    def __init__(self, scope: Scope, receive: Receive, path_params: dict[str, str] | None = None) -> None:
        self._scope = scope
        self._receive = receive
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers = headers = dict(raw)
        self._repeated = len(headers) != len(raw)
        self._query: Parameters | None = None
        self._body: bytes | None = None
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.path_params = path_params if path_params is not None else {}
        self.facts: dict[str, str | int | float | bool] = {}
        given = headers.get(b"x-request-id", b"")
        self.request_id = given.decode("ascii") if _REQUEST_ID.fullmatch(given) else random_id()
        parent = headers.get(b"traceparent")
        self.traceparent = parent.decode("latin-1") if parent is not None else None
        self.client_address = _address(headers.get(b"x-authplane-client-address"), scope.get("client"))

    @property
    def query(self) -> Parameters:
        """The query's parameters. Raises InvalidRequest."""
        if self._query is None:
            self._query = Parameters.parse(self._scope["query_string"])
        return self._query

    def header(self, name: str) -> str | None:
        """The value of a header that may occur once. Raises InvalidRequest if it occurs twice."""
        key = name.lower().encode()
        value = self._headers.get(key)
        if value is None:
            return None
        if self._repeated and sum(1 for other, _ in self._scope["headers"] if other == key) > 1:
            raise InvalidRequest(f"the header {name} is given more than once")
        return value.decode("latin-1")

    def headers_all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        key = name.lower().encode()
        if key not in self._headers:
            return ()
        return tuple(value.decode("latin-1") for other, value in self._scope["headers"] if other == key)

    def cookies(self) -> dict[str, str]:
        """Cookies by name; of two with one name the first, which is the more specific one (RFC 6265 §5.4)."""
        found: dict[str, str] = {}
        for line in self.headers_all("cookie"):
            for pair in line.split(";"):
                name, equals, value = pair.strip().partition("=")
                if equals and name not in found:
                    found[name] = value
        return found

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises PayloadTooLarge beyond `limit` bytes."""
        if self._body is None:
            self._body = await self._read(limit)
        return self._body

    async def form(self, limit: int = FORM_LIMIT) -> Parameters:
        """The body's parameters. Raises UnsupportedMediaType, PayloadTooLarge, InvalidRequest."""
        self._require_type(FORM_TYPE)
        return Parameters.parse(await self.body(limit))

    async def json(self, limit: int = JSON_LIMIT) -> Any:
        """The body's JSON value, strictly read. Raises UnsupportedMediaType, PayloadTooLarge, InvalidRequest."""
        self._require_type("application/json")
        try:
            return strict_json.parse(await self.body(limit))
        except (ValueError, RecursionError):
            raise InvalidRequest("the body is not valid JSON, or names a member twice") from None

    def _require_type(self, expected: str) -> None:
        given = (self.header("content-type") or "").partition(";")[0].strip().lower()
        if given != expected:
            raise UnsupportedMediaType(f"the body must be {expected}")

    async def _read(self, limit: int) -> bytes:
        declared = self._headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared[:20]) > limit:
            raise PayloadTooLarge(f"the body may have at most {limit} bytes")
        message = await self._receive()
        chunk: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body") and len(chunk) <= limit:
            return chunk
        return await self._read_rest(message, limit)

    async def _read_rest(self, message: Message, limit: int) -> bytes:
        received = bytearray()
        while message["type"] == "http.request":
            received += message.get("body", b"")
            if len(received) > limit:
                raise PayloadTooLarge(f"the body may have at most {limit} bytes")
            if not message.get("more_body"):
                return bytes(received)
            message = await self._receive()
        raise ClientGone


def _address(header: bytes | None, peer: tuple[str, int] | None) -> str:
    if header is not None and len(header) <= _LONGEST_ADDRESS:
        return header.decode("latin-1")
    return peer[0] if peer else ""
