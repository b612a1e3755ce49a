"""Where a person may be sent after signing in: a path of ours, never a stranger's page (RFC 9700 §4.11)."""

import re
from typing import Final

HOME: Final = "/account"
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_LONGEST = 2048


def safe_path(requested: str | None) -> str:
    """`requested` if it can only mean a path here, else HOME.

    A second slash or a backslash would make a browser read a host; whitespace and control characters are dropped by browsers and could
    bring one about.
    """
    if requested is None or len(requested) > _LONGEST or "://" in requested or not _PATH.fullmatch(requested):
        return HOME
    return requested
