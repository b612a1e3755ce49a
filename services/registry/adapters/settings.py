"""Settings an operator changes at run time, in Postgres."""

from datetime import datetime
from typing import Final

from kit.audit import Event
from kit.clock import Clock
from kit.errors import Unavailable
from kit.pg import Pool
from services.registry.adapters.commit import Commit
from services.registry.model import ChangeKind, Mode

MODE: Final = "dcr_mode"
READ: Final = "SELECT value FROM registry.settings WHERE key = $1"
WRITE: Final = """
INSERT INTO registry.settings (key, value, updated_at)
VALUES ($1, $2, $3)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""


class PostgresSettings:
    """See ports.RegistrationSettings."""

    def __init__(self, pool: Pool, commit: Commit, clock: Clock) -> None:
        self._pool = pool
        self._commit = commit
        self._clock = clock

    async def mode(self) -> Mode | None:
        """Raises Unavailable for a value written by a release that knows more modes than this one."""
        value: str | None = await self._pool.fetchval(READ, MODE)
        if value is None:
            return None
        if value not in frozenset(Mode):
            raise Unavailable("the registration mode is not known to this release", debug=f"dcr_mode={value!r}")
        return Mode(value)

    async def set_mode(self, mode: Mode, event: Event) -> None:
        """In force with the commit."""
        now: datetime = self._clock.now()
        async with self._pool.transaction() as transaction:
            await transaction.execute(WRITE, MODE, mode.value, now)
            await self._commit.record(transaction, ChangeKind.SETTINGS, MODE, (event,))
