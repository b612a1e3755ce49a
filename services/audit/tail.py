"""Following the log: every entry after a position, in order, none left out, until the reader leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from services.audit.model import Entry, Filter
from services.audit.ports import Entries, Growth
from services.audit.walk import walk

# Word of growth travels by notification; should one be lost, this is the latest we look for ourselves.
PATIENCE_SECONDS: Final = 1.0


async def follow(
    entries: Entries, growth: Growth, wanted: Filter, *, after_seq: int, patience: float = PATIENCE_SECONDS
) -> AsyncIterator[Entry]:
    """Matching entries with seq > `after_seq` as they are chained; 0 means from now on. Never ends by itself. Raises Unavailable.

    Batches commit one after another, so whatever lies below the head is complete and a position once passed never fills up later.
    """
    after = after_seq or (await entries.head()).seq
    while True:
        grown = growth.next()  # taken before looking, or growth in between would go unheard
        head = await entries.head()
        async for batch in walk(entries, wanted, after=after, upto=head.seq):
            for entry in batch:
                yield entry
        after = max(after, head.seq)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await grown.wait()
