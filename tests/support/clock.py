"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

MIDSUMMER = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


class FrozenClock:
    """Satisfies kit.clock.Clock."""

    def __init__(self, now: datetime = MIDSUMMER) -> None:
        self._now = now

    def now(self) -> datetime:
        """The moment last set."""
        return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Move on by a timedelta, or by seconds; returns the new moment."""
        self._now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self._now
