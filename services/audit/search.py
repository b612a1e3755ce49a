"""Finding entries: which filters make sense, and a cursor that stays where it is while the log grows."""

import base64
import binascii
from dataclasses import fields
from typing import Final

from kit.errors import InvalidRequest
from services.audit.model import Filter, Outcome, Page
from services.audit.ports import Entries
from services.audit.weight import first_message

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 1000
LARGEST_OFFSET: Final = 100_000
LONGEST_SEARCH_TEXT: Final = 200
MOST_ACTIONS: Final = 100
_LONGEST_VALUE = 2048
_INT64 = 2**63
_CURSOR = "1:"


async def search(entries: Entries, wanted: Filter, *, limit: int = 0, cursor: str = "", offset: int = 0) -> Page:
    """One page, newest first; `limit` 0 means 50.

    A page may hold fewer entries than asked for and still name a cursor: rare things are looked for in bounded steps.
    Raises InvalidRequest for a limit, offset, cursor or filter out of bounds, Unavailable.
    """
    if not 0 <= limit <= LARGEST_LIMIT:
        raise InvalidRequest(f"limit must be between 1 and {LARGEST_LIMIT}")
    if not 0 <= offset <= LARGEST_OFFSET:
        raise InvalidRequest(f"offset must be between 0 and {LARGEST_OFFSET}")
    if cursor and offset:
        raise InvalidRequest("cursor and offset exclude each other")
    require_sensible(wanted)
    before = position(cursor) if cursor else None
    found = await entries.newest(wanted, before=before, limit=limit or DEFAULT_LIMIT, offset=offset)
    fitting = first_message(found.entries)
    resume = fitting[-1].seq if len(fitting) < len(found.entries) else found.resume_before
    return Page(fitting, cursor_before(resume) if resume is not None else "")


def require_sensible(wanted: Filter) -> None:
    """Raises InvalidRequest for a filter that can match nothing or asks for too much."""
    if wanted.outcome not in set(Outcome):
        raise InvalidRequest("outcome must be success or denied")
    if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
        raise InvalidRequest("since must not be later than until")
    if len(wanted.text) > LONGEST_SEARCH_TEXT:
        raise InvalidRequest(f"text must not be longer than {LONGEST_SEARCH_TEXT} characters")
    if len(wanted.actions) > MOST_ACTIONS:
        raise InvalidRequest(f"at most {MOST_ACTIONS} actions can be asked for at once")
    texts = [value for field in fields(wanted) if isinstance(value := getattr(wanted, field.name), str)]
    for value in (*texts, *wanted.actions):
        if len(value) > _LONGEST_VALUE or "\x00" in value:
            raise InvalidRequest("a filter is too long or contains characters that cannot occur")


def cursor_before(seq: int) -> str:
    """An opaque cursor for what lies before `seq`."""
    return base64.urlsafe_b64encode(f"{_CURSOR}{seq}".encode()).decode().rstrip("=")


def position(cursor: str) -> int:
    """The seq a cursor stands for. Raises InvalidRequest for anything `cursor_before` did not make."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    number = text.removeprefix(_CURSOR)
    seq = int(number) if number.isdecimal() and len(number) < 20 else 0
    if not 0 < seq < _INT64 or cursor_before(seq) != cursor:
        raise InvalidRequest("cursor is not one from a previous answer")
    return seq
