"""Reading the chain forwards in steps: flat memory whatever the length, and no transaction kept open while a slow reader reads.

A database cursor would hold its snapshot for the whole export and keep the outbox from being vacuumed. The chain is append-only, so
stepping along `seq` up to a fixed end gives the same answer.
"""

from collections.abc import AsyncIterator
from typing import Final

from services.audit.model import Entry, Filter
from services.audit.ports import Entries
from services.audit.weight import first_message

BATCH: Final = 100
# How many positions one statement looks at, so that a filter matching nothing still answers in bounded time.
SPAN: Final = 20_000


async def walk(entries: Entries, wanted: Filter, *, after: int, upto: int) -> AsyncIterator[tuple[Entry, ...]]:
    """Matching entries with after < seq ≤ upto, oldest first, in batches of at most BATCH that fit one message. Raises Unavailable."""
    while after < upto:
        end = min(after + SPAN, upto)
        found = await entries.between(wanted, after=after, upto=end, limit=BATCH)
        left = found
        while left:
            fitting = first_message(left)
            yield fitting
            left = left[len(fitting) :]
        after = found[-1].seq if len(found) == BATCH else end


async def export(entries: Entries, wanted: Filter) -> AsyncIterator[tuple[Entry, ...]]:
    """Everything that matches, oldest first, up to where the chain stood when the export began. Raises Unavailable."""
    head = await entries.head()
    oldest = await entries.oldest()
    async for batch in walk(entries, wanted, after=max(oldest - 1, 0), upto=head.seq):
        yield batch
