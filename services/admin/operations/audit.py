"""Reading the audit log."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

from kit.clock import Clock
from kit.errors import InvalidRequest
from services.admin.model.audit import Entry, Filter, Page, Verdict, Window
from services.admin.ports import AuditLog

MOST = 1000
DEEPEST = 100_000
OUTCOMES = frozenset({"", "success", "denied"})


@dataclass(frozen=True, slots=True)
class Audit:
    """`default_lookback` is the window of a search that names none; asking for more than `max_lookback` is refused, never narrowed."""

    log: AuditLog
    clock: Clock
    default_lookback: timedelta
    max_lookback: timedelta

    async def search(self, wanted: Filter, window: Window) -> Page:
        """Newest first. Raises InvalidRequest for a limit over 1000, an offset over 100000 or a window too long or reversed."""
        if window.limit is not None and window.limit > MOST:
            raise InvalidRequest("limit must not exceed 1000")
        if not 0 <= window.offset <= DEEPEST:
            raise InvalidRequest("offset must be between 0 and 100000; use the cursor to go deeper")
        if window.offset and window.cursor:
            raise InvalidRequest("offset and cursor exclude each other")
        positive = window.limit if window.limit is not None and window.limit > 0 else None
        return await self.log.search(self._bounded(wanted), replace(window, limit=positive))

    def tail(self, wanted: Filter, after_seq: int = 0) -> AsyncIterator[Entry]:
        """Entries as they are chained, oldest first, until the reader leaves; with 0, only what comes from now on."""
        return self.log.tail(wanted, after_seq)

    async def verify(self, from_seq: int = 0, to_seq: int = 0) -> Verdict:
        """Recompute the chain, whole or in part. Raises InvalidRequest."""
        return await self.log.verify(from_seq, to_seq)

    def _bounded(self, wanted: Filter) -> Filter:
        if wanted.outcome not in OUTCOMES:
            raise InvalidRequest("outcome must be success or denied")
        now = self.clock.now()
        since = wanted.since or now - self.default_lookback
        if since < now - self.max_lookback:
            raise InvalidRequest(f"since must not be more than {self.max_lookback.days} days ago")
        if wanted.until is not None and wanted.until < since:
            raise InvalidRequest("until must not be before since")
        return replace(wanted, since=since)
