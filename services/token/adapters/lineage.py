"""Endings in Postgres: the parent first, which waits for redemptions that hold it, then all descendants in one statement, then audit."""

from collections.abc import Callable, Sequence
from datetime import datetime

from kit import telemetry
from kit.audit import APPEND, Event, Recorder
from kit.pg import Pool, Transaction
from services.token.model import Ended
from services.token.ports import REASONS, REPLAY, OneIssuance, Target, WholeClient, WholeFamily, WholeGrant, WholeSubject

# The first statement of each ending takes locks that REDEEM_CODE, ROTATE and REPEAT hold while they write; each later statement then sees
# everything they wrote, because in read committed every statement has a snapshot of its own.

FIND_GRANT = "SELECT id FROM token.grants WHERE id = $1 AND ($2::text IS NULL OR user_id = $2) FOR UPDATE"
END_GRANT = "UPDATE token.grants SET revoked_at = $2, updated_at = $2 WHERE id = $1 AND revoked_at IS NULL"
LOCK_FAMILY = "SELECT id FROM token.refresh_families WHERE id = $1 FOR UPDATE"
FIND_ISSUANCE = "SELECT id FROM token.issuances WHERE id = $1"
END_GRANTS_OF_CLIENT = "UPDATE token.grants SET revoked_at = $2, updated_at = $2 WHERE client_id = $1 AND revoked_at IS NULL RETURNING id"
LOCK_GRANTS_OF_USER = "SELECT id FROM token.grants WHERE user_id = $1 ORDER BY id FOR UPDATE"
END_DEVICE_CODES_OF_CLIENT = (
    "UPDATE token.device_codes SET expires_at = $2 WHERE client_id = $1 AND consumed_at IS NULL AND expires_at > $2"
)
END_DEVICE_CODES_OF_USER = "UPDATE token.device_codes SET expires_at = $2 WHERE user_id = $1 AND consumed_at IS NULL AND expires_at > $2"
END_CODES_OF_USER = "UPDATE token.authorization_codes SET expires_at = $2 WHERE user_id = $1 AND consumed_at IS NULL AND expires_at > $2"

_END_DESCENDANTS = """
WITH families AS (
    UPDATE token.refresh_families f SET ended_at = $2, end_reason = $3 WHERE {families} AND ended_at IS NULL RETURNING 1
), issuances AS (
    UPDATE token.issuances i SET revoked_at = $2 WHERE ({issuances}) AND revoked_at IS NULL AND expires_at > $2 RETURNING 1
)
SELECT (SELECT count(*) FROM families) AS families, (SELECT count(*) FROM issuances) AS issuances
"""
# A token exchanged from another carries all its ancestors, so a token in the middle takes its descendants along (T4).
_DESCENDED = "i.ancestors && ARRAY(SELECT a.id FROM token.issuances a WHERE {ancestor})"

END_DESCENDANTS_OF_GRANT = _END_DESCENDANTS.format(families="f.grant_id = $1", issuances="i.grant_id = $1")
END_DESCENDANTS_OF_FAMILY = _END_DESCENDANTS.format(families="f.id = $1", issuances="i.family_id = $1")
END_DESCENDANTS_OF_ISSUANCE = _END_DESCENDANTS.format(families="false", issuances="i.id = $1 OR i.ancestors @> ARRAY[$1]")
END_DESCENDANTS_OF_CLIENT = _END_DESCENDANTS.format(
    families="f.client_id = $1", issuances=f"i.client_id = $1 OR {_DESCENDED.format(ancestor='a.client_id = $1')}"
)
END_DESCENDANTS_OF_SUBJECT = _END_DESCENDANTS.format(
    families="f.user_id = $1", issuances=f"i.subject = $1 OR {_DESCENDED.format(ancestor='a.subject = $1')}"
)

REFUSE = """
INSERT INTO token.refused_subjects (user_id, reason, refused_at) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET reason = EXCLUDED.reason RETURNING 1
"""
ALLOW = "DELETE FROM token.refused_subjects WHERE user_id = $1"


_REVOKED = telemetry.Count("authserver_tokens_revoked_total", "Access tokens ended early.", {"reason": REASONS})
_REUSED = telemetry.Count("authserver_refresh_token_reuse_total", "Codes and refresh tokens presented again, whatever it ended.")


class PostgresLineages:
    """Implements the port Lineages."""

    def __init__(self, *, pool: Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def end(self, target: Target, *, reason: str, now: datetime, events: Callable[[Ended], Sequence[Event]]) -> Ended:
        """See ports.Lineages. Nothing found: nothing written and no audit row."""
        async with self._pool.transaction() as tx:
            ended = await _end(tx, target, reason, now)
            if ended.found:
                await self._append(tx, events(ended))
        _REVOKED.add(reason, amount=ended.issuances)
        if reason == REPLAY:
            _REUSED.add()
        return ended

    async def refuse(self, user_id: str, reason: str, now: datetime, event: Event) -> None:
        """See ports.Lineages."""
        async with self._pool.transaction() as tx:
            await tx.execute(REFUSE, user_id, reason, now)
            await self._append(tx, [event])

    async def allow(self, user_id: str, event: Event) -> None:
        """See ports.Lineages. Audited only when there was something to lift."""
        async with self._pool.transaction() as tx:
            if await tx.execute(ALLOW, user_id) != "DELETE 0":
                await self._append(tx, [event])

    async def _append(self, tx: Transaction, events: Sequence[Event]) -> None:
        if events:
            await tx.execute(APPEND, [self._recorder.encode(event) for event in events])


async def _end(tx: Transaction, target: Target, reason: str, now: datetime) -> Ended:
    match target:
        case WholeGrant(grant_id, user_id):
            if await tx.fetchval(FIND_GRANT, grant_id, user_id) is None:
                return Ended(found=False)
            await tx.execute(END_GRANT, grant_id, now)
            return await _descendants(tx, END_DESCENDANTS_OF_GRANT, grant_id, now, reason, grants=1)
        case WholeFamily(family_id):
            if await tx.fetchval(LOCK_FAMILY, family_id) is None:
                return Ended(found=False)
            return await _descendants(tx, END_DESCENDANTS_OF_FAMILY, family_id, now, reason)
        case OneIssuance(issuance_id):
            if await tx.fetchval(FIND_ISSUANCE, issuance_id) is None:
                return Ended(found=False)
            return await _descendants(tx, END_DESCENDANTS_OF_ISSUANCE, issuance_id, now, reason)
        case WholeClient(client_id):
            grants = await tx.fetch(END_GRANTS_OF_CLIENT, client_id, now)
            await tx.execute(END_DEVICE_CODES_OF_CLIENT, client_id, now)
            return await _descendants(tx, END_DESCENDANTS_OF_CLIENT, client_id, now, reason, grants=len(grants))
        case WholeSubject(user_id):
            await tx.fetch(LOCK_GRANTS_OF_USER, user_id)
            await tx.execute(END_CODES_OF_USER, user_id, now)
            await tx.execute(END_DEVICE_CODES_OF_USER, user_id, now)
            return await _descendants(tx, END_DESCENDANTS_OF_SUBJECT, user_id, now, reason)


async def _descendants(tx: Transaction, statement: str, key: object, now: datetime, reason: str, *, grants: int = 0) -> Ended:
    row = await tx.fetchrow(statement, key, now, reason)
    assert row is not None, "an aggregate always answers one row"
    return Ended(grants=grants, families=row["families"], issuances=row["issuances"])
