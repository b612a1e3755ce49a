"""Recomputing the chain and naming the first entry that does not fit."""

from typing import Final

from kit.errors import InvalidRequest
from services.audit import chain
from services.audit.model import Filter, Head, Verdict
from services.audit.ports import Entries

_SPAN: Final = 1000
_EVERYTHING = Filter()
_LAST_POSSIBLE = 2**63 - 1


async def verify(entries: Entries, *, from_seq: int = 0, to_seq: int = 0) -> Verdict:
    """Check the entries from `from_seq` to `to_seq`, both included; 0 means the oldest kept and the newest.

    Each is held against its predecessor, and the newest against the head, so taking entries off the end shows too. Memory stays flat.
    Raises InvalidRequest for a range that makes no sense, Unavailable.
    """
    if from_seq < 0 or to_seq < 0 or (to_seq and from_seq > to_seq):
        raise InvalidRequest("from_seq and to_seq must name a range of the log")
    head = await entries.head()
    if from_seq > max(head.seq, 1):
        raise InvalidRequest(f"the log ends at {head.seq}")
    first = from_seq or await _oldest(entries)
    after = await _before(entries, first)
    if after is None:
        return Verdict(0, first - 1, f"entry {first - 1} is missing")
    return await _check(entries, after, min(to_seq or head.seq, head.seq), head)


async def _oldest(entries: Entries) -> int:
    """The first entry there should be: 1, or the one after the last month that was taken away as a whole."""
    oldest = await entries.oldest()
    return oldest if oldest > 1 and await entries.checkpoint(oldest - 1) is not None else 1


async def _before(entries: Entries, first: int) -> Head | None:
    if first == 1:
        return Head(0, chain.GENESIS)
    for previous in await entries.between(_EVERYTHING, after=first - 2, upto=first - 1, limit=1):
        return Head(previous.seq, previous.hash)
    remembered = await entries.checkpoint(first - 1)
    return None if remembered is None else Head(first - 1, remembered)


async def _check(entries: Entries, after: Head, last: int, head: Head) -> Verdict:
    start = at = after
    while at.seq < last:
        upto = min(at.seq + _SPAN, last)
        # One more than can be: a second entry at the same position must not hide behind the limit.
        found = await entries.between(_EVERYTHING, after=at.seq, upto=upto, limit=_SPAN + 1)
        for entry in found:
            wrong = chain.flaw(entry, at)
            if wrong is not None:
                return Verdict(at.seq - start.seq, *wrong)
            at = Head(entry.seq, entry.hash)
        if at.seq < upto:
            return Verdict(at.seq - start.seq, at.seq + 1, f"entry {at.seq + 1} is missing")
    if at.seq == head.seq and at.hash != head.hash:
        return Verdict(at.seq - start.seq, at.seq, f"entry {at.seq} is not the one the log ended with")
    if at.seq == head.seq and (stray := await _stray(entries, head)):
        return Verdict(at.seq - start.seq, stray, f"entry {stray} was put in behind the end of the log")
    explanation = f"entries 1 to {start.seq} are not kept" if start.seq and await entries.oldest() > start.seq else ""
    return Verdict(at.seq - start.seq, 0, explanation)


async def _stray(entries: Entries, head: Head) -> int:
    # Entries first, head second: one that was chained in between has moved the head past itself by the time we ask.
    beyond = await entries.between(_EVERYTHING, after=head.seq, upto=_LAST_POSSIBLE, limit=1)
    now = await entries.head()
    return next((entry.seq for entry in beyond if entry.seq > now.seq), 0)
