"""Query and form parameters, read strictly: a value that two parsers could read differently is refused."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from kit.errors import InvalidRequest

MOST_PARAMETERS: Final = 512

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SAFE_NAME = re.compile(r"[a-z_]{1,40}")


class Parameters:
    """What a query or form said. A parameter without a value counts as omitted (RFC 6749 §3.1)."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        values: dict[str, tuple[str, ...]] = {}
        for name, value in pairs:
            values[name] = (*values[name], value) if name in values else (value,)
        self._values = values

    @classmethod
    def parse(cls, raw: bytes) -> "Parameters":
        """Read application/x-www-form-urlencoded. Raises InvalidRequest for bad escapes, bad UTF-8, NUL, or too many parameters."""
        if raw.count(b"&") >= MOST_PARAMETERS:
            raise InvalidRequest("too many parameters")
        if b"\0" in raw or b"%00" in raw:
            raise InvalidRequest("a parameter contains NUL")
        if b"%" in raw and _BAD_ESCAPE.search(raw):
            raise InvalidRequest("a parameter is not percent-encoded correctly")
        try:
            return cls(_pairs(raw.replace(b"+", b" ").decode()))
        except UnicodeDecodeError:
            raise InvalidRequest("a parameter is not UTF-8") from None

    def one(self, name: str) -> str | None:
        """The value, or None if omitted or empty. Raises InvalidRequest if it is given more than once."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise InvalidRequest(f"{name} is given more than once")
        return values[0] or None

    def required(self, name: str) -> str:
        """The value. Raises InvalidRequest if it is omitted, empty, or given more than once."""
        value = self.one(name)
        if value is None:
            raise InvalidRequest(f"{name} is required")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """Every value that is not empty, in order: for parameters that may be repeated, such as `resource` (RFC 8707 §2)."""
        return tuple(value for value in self._values.get(name, ()) if value)

    def names(self) -> tuple[str, ...]:
        """The parameters given, each once, also those without value."""
        return tuple(self._values)

    def refuse_repeats(self, except_: frozenset[str] = frozenset()) -> None:
        """Raise InvalidRequest if any parameter, known or not, is given more than once (RFC 6749 §3.1, §3.2)."""
        for name, values in self._values.items():
            if len(values) > 1 and name not in except_:
                raise InvalidRequest(f"{name if _SAFE_NAME.fullmatch(name) else 'a parameter'} is given more than once")


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            if "%" in pair:
                name, value = unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
            yield name, value
