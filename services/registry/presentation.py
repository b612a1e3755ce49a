"""What a client may have shown to people: its name, a description, links. Text that could deceive is refused, decoration is dropped."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from kit.errors import InvalidClientMetadata
from services.registry.redirect_uris import LONGEST, RedirectUri

LONGEST_TEXT: Final = 255  # bytes
UNNAMED: Final = "Unnamed client"

# Controls, line separators, and direction overrides, which could make one name look like another on the consent page.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NOT_IN_A_LINK: Final = frozenset(' "<>\\^`{|}')


def text(member: str, value: str | None) -> str:
    """`value` without surrounding space. Raises InvalidClientMetadata naming `member`."""
    plain = (value or "").strip()
    if len(plain.encode()) > LONGEST_TEXT:
        raise InvalidClientMetadata(f"{member}: at most {LONGEST_TEXT} bytes")
    if _CONTROL.search(plain) is not None:
        raise InvalidClientMetadata(f"{member}: contains a control character")
    return plain


def name_from(uris: Iterable[RedirectUri]) -> str:
    """A name for a client that gave none: the host people will be sent to (target C4)."""
    return next((uri.host for uri in uris if uri.is_https and not uri.is_loopback), UNNAMED)


def link(value: str | None) -> str:
    """An http or https URL as given; empty for anything else, because a page or picture beside the name is only decoration."""
    if not value or len(value) > LONGEST or not value.isascii() or not value.isprintable() or _NOT_IN_A_LINK.intersection(value):
        return ""
    try:
        parts = urlsplit(value)
        plain = parts.scheme in {"https", "http"} and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return ""
    return value if plain else ""
