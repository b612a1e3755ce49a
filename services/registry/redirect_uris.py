"""Which redirect URIs a client may register, decided by parsing and never by prefix (target C7).

The grammar accepted here is narrower than RFC 3986 on purpose: whatever two parsers could read differently (userinfo, backslashes,
encoded separators, odd IPv4 spellings, non-ASCII hosts) is refused, so that every later reader agrees with this one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

from kit.errors import InvalidRedirectUri

MOST: Final = 10
LONGEST: Final = 2048

# Run, read or routed by the user agent itself, so never the address of an application (target C7, K10; RFC 8252 §8.4 for the rest).
NEVER: Final = frozenset(
    [
        "about",
        "blob",
        "chrome",
        "chrome-extension",
        "content",
        "data",
        "edge",
        "file",
        "filesystem",
        "ftp",
        "ftps",
        "intent",
        "jar",
        "javascript",
        "livescript",
        "mailto",
        "mhtml",
        "moz-extension",
        "ms-its",
        "opera",
        "resource",
        "sms",
        "ssh",
        "tel",
        "urn",
        "vbscript",
        "view-source",
        "ws",
        "wss",
        "wyciwyg",
    ]
)

_SHAPE: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?P<slashes>//)?(?P<authority>(?<=//)[^/?]*)?(?P<path>/[^?]*)?(?:\?(?P<query>.*))?"
)
# RFC 3986 §2: unreserved, reserved without "#", and percent-encoded octets.
_CHARACTERS: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DEEPEST_ENCODING: Final = 3


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """A usable redirect URI; `scheme` and `host` are in lower case, `host` without brackets and possibly empty for private-use schemes."""

    text: str
    scheme: str
    host: str

    @property
    def is_https(self) -> bool:
        """Whether the scheme is https, whatever the host."""
        return self.scheme == "https"

    @property
    def is_private_use(self) -> bool:
        """RFC 8252 §7.1."""
        return self.scheme not in {"http", "https"}

    @property
    def is_loopback(self) -> bool:
        """RFC 8252 §7.3, with `localhost` beside the two addresses."""
        return not self.is_private_use and self.host in _LOOPBACK


def parse(text: str) -> RedirectUri:
    """Read one redirect URI. Raises InvalidRedirectUri saying which rule it breaks; the text itself is not repeated."""
    if not text or len(text) > LONGEST:
        raise InvalidRedirectUri(f"must have between 1 and {LONGEST} characters")
    # OAuth 2.1 §2.3.1: no fragment.
    if "#" in text:
        raise InvalidRedirectUri("must not contain a fragment")
    if _CHARACTERS.fullmatch(text) is None:
        raise InvalidRedirectUri("contains a character that a URI cannot contain, such as a space, a backslash or a non-ASCII letter")
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise InvalidRedirectUri("must be an absolute URI")
    scheme = shape["scheme"].lower()
    if scheme in NEVER:
        raise InvalidRedirectUri(f"the scheme {scheme} cannot lead back to a client")
    host = _host(scheme, shape["slashes"] is not None, shape["authority"] or "", shape["path"])
    _require_plain(shape["path"] or "", shape["query"] or "")
    found = RedirectUri(text, scheme, host)
    if scheme == "http" and not found.is_loopback:
        raise InvalidRedirectUri("http is allowed for localhost, 127.0.0.1 and [::1] only; use https")
    return found


def _host(scheme: str, has_authority: bool, authority: str, path: str | None) -> str:
    if "@" in authority:
        raise InvalidRedirectUri("must not contain user information")
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match["port"] or 0) > 65535:
        raise InvalidRedirectUri("host or port is malformed")
    host = match["host"].lower()
    if scheme in {"http", "https"}:
        if not host:
            raise InvalidRedirectUri("must name a host")
        return _unambiguous(host)
    # A private-use URI has a path or an authority: `com.example.app:/callback`, `cursor://anysphere.mcp/callback`.
    if not has_authority and path is None:
        raise InvalidRedirectUri("a private-use scheme must be followed by a slash")
    if has_authority and not host and path in (None, "/"):
        raise InvalidRedirectUri("leads nowhere: neither host nor path after the scheme")
    return _unambiguous(host) if host else ""


def _unambiguous(host: str) -> str:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except AddressValueError:
            raise InvalidRedirectUri("the IPv6 address is malformed") from None
    labels = host.split(".")
    if len(host) > 253 or any(_LABEL.fullmatch(label) is None for label in labels):
        raise InvalidRedirectUri("host is malformed")
    # The URL standard reads a host whose last label is a number as IPv4, in octal, hexadecimal or one piece; we take one spelling.
    if _NUMBER.fullmatch(labels[-1]) is not None:
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise InvalidRedirectUri("write an IPv4 address as four decimal numbers") from None
    return host


def _require_plain(path: str, query: str) -> None:
    """K9: no path that a proxy or a browser would rewrite, however often it is encoded; no encoded control character anywhere."""
    for segment in path.split("/"):
        decoded = segment.encode()
        for _ in range(_DEEPEST_ENCODING):
            decoded = unquote_to_bytes(decoded)
            if b"/" in decoded or b"\\" in decoded:
                raise InvalidRedirectUri("the path contains an encoded separator")
            if decoded.split(b";", 1)[0] in {b".", b".."}:
                raise InvalidRedirectUri("the path contains a dot segment")
    if any(octet < 0x20 or octet == 0x7F for octet in unquote_to_bytes(path + query)):
        raise InvalidRedirectUri("contains an encoded control character")


def parse_all(texts: Sequence[str]) -> tuple[tuple[RedirectUri, ...], tuple[str, ...]]:
    """The usable URIs without repeats, and one sentence for each problem found (also for too many of them)."""
    problems: list[str] = []
    found: dict[str, RedirectUri] = {}
    if len(texts) > MOST:
        return (), (f"redirect_uris: at most {MOST} are allowed",)
    for position, text in enumerate(texts):
        try:
            found[text] = parse(text)
        except InvalidRedirectUri as error:
            problems.append(f"redirect_uris[{position}]: {error.detail}")
    return tuple(found.values()), tuple(problems)
