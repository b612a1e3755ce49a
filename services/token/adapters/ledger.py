"""Where issued tokens become durable: one statement per redemption, one shared statement for everything that spends nothing.

Each statement writes the token and its audit row together; there is no moment at which one exists without the other.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from collections.abc import Sequence

from kit.audit import APPEND, Event, Recorder
from kit.group_commit import GroupCommit
from kit.pg import Pool
from services.token.families import hash_of
from services.token.model import Issuance, IssuedToken, NewFamily, RepeatRefresh, SpendCode, SpendDeviceCode, SpendRefresh

_COLUMNS = """id, grant_type, subject, client_id, resource, scope, grant_id, family_id, dpop_jkt, agent_id, issued_at, expires_at"""

RECORD_MANY = f"""
WITH issued AS (
    INSERT INTO token.issuances (id, grant_type, subject, client_id, resource, scope, dpop_jkt, agent_id, issued_at, expires_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::timestamptz[], $10::timestamptz[])
)
{APPEND.replace("$1", "$11")}
"""

# The grant is locked against being revoked meanwhile: whoever revokes it waits, and then finds what was written here.
REDEEM_CODE = f"""
WITH live AS (
    SELECT g.id FROM token.grants g
     WHERE g.id = $7 AND g.revoked_at IS NULL AND NOT EXISTS (SELECT FROM token.refused_subjects r WHERE r.user_id = g.user_id)
       FOR SHARE OF g
), spent AS (
    UPDATE token.authorization_codes c
       SET consumed_at = $13, family_id = $8, issuance_id = $1
      FROM live
     WHERE c.code_hash = $14 AND c.grant_id = live.id AND c.client_id = $4 AND c.consumed_at IS NULL AND c.expires_at > $13
    RETURNING c.scopes
), family AS (
    INSERT INTO token.refresh_families (id, grant_id, client_id, user_id, resource, scopes, dpop_jkt, created_at, expires_at)
    SELECT $8, $7, $4, $3, $5, spent.scopes, $15, $13, $16 FROM spent WHERE $8::text IS NOT NULL
    RETURNING id
), token AS (
    INSERT INTO token.refresh_tokens (token_hash, family_id, issued_at, expires_at)
    SELECT $17, family.id, $13, $18 FROM family
), issued AS (
    INSERT INTO token.issuances ({_COLUMNS})
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM spent
)
{APPEND.replace("$1", "$19")} FROM spent
"""

# A device code names its grant once it is approved, and dies with it like any other code.
REDEEM_DEVICE_CODE = REDEEM_CODE.replace("token.authorization_codes", "token.device_codes")

# Locks grant and family against ending meanwhile, in that order, which is the order in which endings lock them.
_LIVE_FAMILY = """granted AS (
    SELECT g.id FROM token.grants g WHERE g.id = $7 AND g.revoked_at IS NULL FOR SHARE OF g
), live AS (
    SELECT f.id FROM token.refresh_families f JOIN granted ON granted.id = f.grant_id
     WHERE f.id = $8 AND f.ended_at IS NULL AND f.expires_at > $13
       AND NOT EXISTS (SELECT FROM token.refused_subjects r WHERE r.user_id = f.user_id)
       FOR SHARE OF f
)"""

ROTATE = f"""
WITH {_LIVE_FAMILY}, spent AS (
    UPDATE token.refresh_tokens t
       SET consumed_at = $13, successor_hash = $15
      FROM live
     WHERE t.token_hash = $14 AND t.family_id = live.id AND t.consumed_at IS NULL AND t.expires_at > $13
    RETURNING t.family_id
), successor AS (
    INSERT INTO token.refresh_tokens (token_hash, family_id, issued_at, expires_at)
    SELECT $15, spent.family_id, $13, $16 FROM spent
), issued AS (
    INSERT INTO token.issuances ({_COLUMNS})
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM spent
)
{APPEND.replace("$1", "$17")} FROM spent
"""

# A race is answered only as long as nobody has used the successor.
REPEAT = f"""
WITH {_LIVE_FAMILY}, waiting AS (
    SELECT s.family_id FROM token.refresh_tokens t
      JOIN token.refresh_tokens s ON s.token_hash = t.successor_hash
      JOIN live ON live.id = t.family_id
     WHERE t.token_hash = $14 AND t.successor_hash = $15 AND s.consumed_at IS NULL AND s.expires_at > $13
       FOR SHARE OF s
), issued AS (
    INSERT INTO token.issuances ({_COLUMNS})
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM waiting
)
{APPEND.replace("$1", "$16")} FROM waiting
"""


class PostgresLedger:
    """Implements the port Ledger."""

    def __init__(self, *, pool: Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder
        self._tokens: GroupCommit[tuple[IssuedToken, str]] = GroupCommit(self._flush_tokens)
        self._notes: GroupCommit[str] = GroupCommit(self._flush_notes)

    async def record(self, token: IssuedToken, event: Event) -> None:
        """See ports.Ledger."""
        await self._tokens.write((token, self._recorder.encode(event)))

    async def note(self, *events: Event) -> None:
        """See ports.Ledger."""
        for event in events:
            await self._notes.write(self._recorder.encode(event))

    async def spend(self, issuance: Issuance, token: IssuedToken) -> bool:
        """See ports.Ledger."""
        event = [self._recorder.encode(issuance.event)]
        row = _row(token)
        match issuance.spend:
            case SpendCode(code_hash, family):
                return bool(await self._pool.fetch(REDEEM_CODE, *row, token.issued_at, code_hash, *_born(family), event))
            case SpendDeviceCode(device_hash, family):
                return bool(await self._pool.fetch(REDEEM_DEVICE_CODE, *row, token.issued_at, device_hash, *_born(family), event))
            case SpendRefresh(token_hash, successor, expires_at):
                return bool(await self._pool.fetch(ROTATE, *row, token.issued_at, token_hash, hash_of(successor), expires_at, event))
            case RepeatRefresh(token_hash, successor):
                return bool(await self._pool.fetch(REPEAT, *row, token.issued_at, token_hash, hash_of(successor), event))
            case None:
                raise ValueError("an issuance that spends nothing is recorded, not spent")

    async def close(self) -> None:
        """Commit what waits."""
        await self._tokens.close()
        await self._notes.close()

    async def _flush_tokens(self, rows: Sequence[tuple[IssuedToken, str]]) -> None:
        tokens = [token for token, _ in rows]
        await self._pool.execute(
            RECORD_MANY,
            [t.id for t in tokens],
            [t.grant_type for t in tokens],
            [t.subject for t in tokens],
            [t.client_id for t in tokens],
            [t.resource for t in tokens],
            [t.scope for t in tokens],
            [t.dpop_jkt for t in tokens],
            [t.agent_id for t in tokens],
            [t.issued_at for t in tokens],
            [t.expires_at for t in tokens],
            [event for _, event in rows],
        )

    async def _flush_notes(self, events: Sequence[str]) -> None:
        await self._pool.execute(APPEND, list(events))


def _born(family: NewFamily | None) -> tuple[object, ...]:
    if family is None:
        return (None, None, None, None)
    return (family.dpop_jkt, family.family_expires_at, hash_of(family.token), family.expires_at)


def _row(token: IssuedToken) -> tuple[object, ...]:
    return (
        token.id,
        token.grant_type,
        token.subject,
        token.client_id,
        token.resource,
        token.scope,
        token.grant_id,
        token.family_id,
        token.dpop_jkt,
        token.agent_id,
        token.issued_at,
        token.expires_at,
    )
