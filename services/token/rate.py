"""How much one address may ask (C9): paid for in a budget that all replicas share, in slices, so that the busy do not pay per request.

A worker takes a slice of an address's budget and spends it by itself within LEASE. What is taken and not spent is lost, so no address
ever gets more than its budget: over any time T it is `burst + rate * (T + LEASE)` at most. A slice is as large as the address was busy
in the last one, beginning with a single request, so whoever asks rarely loses nothing.
"""

import asyncio
from datetime import datetime, timedelta

from kit.clock import Clock
from kit.errors import SlowDown
from services.token.ports import Budget

LEASE = timedelta(seconds=1)
# A slice never holds more than this part of the burst: several workers serve one address.
_SHARE = 8
MOST_ADDRESSES = 20_000


class _Lease:
    """An address's slice: `left` of `size` until `until`; no use in asking for more before `refused_until`."""

    __slots__ = ("left", "refused_until", "size", "taking", "until", "waiting")

    def __init__(self, now: datetime) -> None:
        self.size = self.left = 0
        self.until = self.refused_until = now
        self.waiting = 0
        self.taking = asyncio.Lock()


class AddressRate:
    """`burst` is what an address may ask at once; the budget knows the rate."""

    def __init__(self, *, budget: Budget, burst: int, clock: Clock) -> None:
        self._budget = budget
        self._largest = max(1, burst // _SHARE)
        self._clock = clock
        self._leases: dict[str, _Lease] = {}

    def admitted(self, address: str) -> bool:
        """Whether the slice at hand pays for one more request."""
        lease = self._leases.get(address)
        if lease is None or lease.left <= 0 or lease.until <= self._clock.now():
            return False
        lease.left -= 1
        return True

    async def admit(self, address: str) -> None:
        """Pay for one request with a new slice. Raises SlowDown with the seconds to wait, Unavailable when nobody can count."""
        lease = self._lease(address)
        lease.waiting += 1
        try:
            async with lease.taking:
                while not self._spent(lease):
                    await self._take(address, lease)
        finally:
            lease.waiting -= 1

    def _spent(self, lease: _Lease) -> bool:
        now = self._clock.now()
        if lease.left > 0 and lease.until > now:
            lease.left -= 1
            return True
        if lease.refused_until > now:
            raise SlowDown("too many requests from this address", retry_after=_seconds(lease.refused_until - now))
        return False

    async def _take(self, address: str, lease: _Lease) -> None:
        wanted = min(self._largest, max(self._next_size(lease), lease.waiting))
        taken = await self._budget.take(address, wanted)
        now = self._clock.now()
        lease.size = lease.left = taken.granted
        lease.until = now + LEASE
        lease.refused_until = now + taken.wait

    def _next_size(self, lease: _Lease) -> int:
        spent = lease.size - lease.left
        return 2 * lease.size if lease.left == 0 and lease.until > self._clock.now() else max(1, spent)

    def _lease(self, address: str) -> _Lease:
        lease = self._leases.get(address)
        if lease is None:
            if len(self._leases) >= MOST_ADDRESSES:
                # The oldest loses at most the rest of its slice.
                self._leases.pop(next(iter(self._leases)))
            lease = self._leases[address] = _Lease(self._clock.now())
        return lease


def _seconds(wait: timedelta) -> int:
    return max(1, -(-wait // timedelta(seconds=1)))
