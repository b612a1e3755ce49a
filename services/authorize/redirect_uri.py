"""Redirect URIs: is this one registered, and what should a person be told about it?

Nothing is normalised or repaired before comparing: two strings match as they are, or differ in a loopback port only.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

# RFC 8252 §7.3 through C7. The whole authority is spelled out, so userinfo, suffixes (localhost.evil.test) and encodings cannot match.
_LOOPBACK = re.compile(r"(?P<origin>https?://(?:127\.0\.0\.1|\[::1\]|localhost))(?::(?P<port>[0-9]{1,5}))?(?P<rest>(?:[/?][\x21-\x7e]*)?)")
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_LARGEST_PORT = 65535


def is_registered(requested: str, registered: tuple[str, ...]) -> bool:
    """Exact comparison (RFC 9700 §4.1.3); for a loopback address the port alone may differ (RFC 8252 §7.3, C7)."""
    return requested in registered or any(_differs_in_port_only(requested, known) for known in registered)


def _differs_in_port_only(requested: str, known: str) -> bool:
    asked, stored = _LOOPBACK.fullmatch(requested), _LOOPBACK.fullmatch(known)
    if asked is None or stored is None or "\\" in requested or "#" in requested:
        return False
    if asked["port"] is not None and not 0 < int(asked["port"]) <= _LARGEST_PORT:
        return False
    return (asked["origin"], asked["rest"]) == (stored["origin"], stored["rest"])


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a code will be sent, in a person's words: the true host, or the private-use scheme of an installed application."""

    host: str
    scheme: str
    loopback: bool

    @property
    def application(self) -> bool:
        """True for a private-use scheme (RFC 8252 §7.1): an application on this device, not a site."""
        return self.scheme not in {"http", "https"}


def describe(uri: str) -> Destination:
    """The destination as a browser would see it; the host comes from parsing, so userinfo never poses as one."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    return Destination(host=host, scheme=parts.scheme, loopback=host in _LOOPBACK_HOSTS)


def origin(uri: str) -> str:
    """Scheme and authority without a loopback port, which changes with every start of a native client (A6)."""
    loopback = _LOOPBACK.fullmatch(uri)
    if loopback is not None:
        return loopback["origin"]
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
