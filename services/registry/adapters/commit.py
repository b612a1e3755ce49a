"""What every write ends with: its audit events, and its change, told to everyone who listens when the transaction commits."""

from collections.abc import Sequence
from typing import Final

from kit.audit import APPEND, Event, Recorder
from kit.pg import Transaction
from services.registry.model import ChangeKind

CHANNEL: Final = "registry_changes"

# The lock on the only row orders commits by revision, so it is taken last and held for the commit alone.
BUMP: Final = f"""
WITH bumped AS (
    UPDATE registry.changes
       SET revision = revision + 1, kind = $1, key = $2, changed_at = now()
 RETURNING revision, kind, key
)
SELECT pg_notify('{CHANNEL}', json_build_object('revision', revision, 'kind', kind, 'key', key)::text)
  FROM bumped
"""  # noqa: S608 - the channel is a constant


class Commit:
    """Finishes transactions; knows how events become rows."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def record(self, transaction: Transaction, kind: ChangeKind, key: str, events: Sequence[Event]) -> None:
        """The last statements of a write. Raises Unavailable, and then nothing of the transaction stands."""
        await transaction.execute(APPEND, [self._recorder.encode(event) for event in events])
        await transaction.execute(BUMP, kind.value, key)
