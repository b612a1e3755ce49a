"""How much of an answer fits one message between services (1 MiB, with room to spare)."""

from typing import Final

from services.audit.chain import canonical
from services.audit.model import Entry

LARGEST: Final = 900_000
# The hash in hexadecimal, and what frames a message in a message.
_BESIDES = 100


def first_message(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """As many of the first entries as fit together, and at least one: a single entry always fits."""
    size = 0
    for count, entry in enumerate(entries):
        size += _BESIDES + len(canonical(entry.seq, entry.recorded_at, entry.event))
        if size > LARGEST and count:
            return entries[:count]
    return entries
