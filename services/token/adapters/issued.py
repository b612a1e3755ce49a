"""Reads of refresh tokens and issuances in Postgres."""

from uuid import UUID

from kit.pg import Pool, Record
from services.token.model import ClientId, FamilyId, GrantId, Liveness, RefreshHash, StoredRefresh, UserId

FIND_MEMBER = """
SELECT t.family_id, f.grant_id, f.client_id, f.user_id, f.resource, f.scopes, f.dpop_jkt, t.issued_at, t.expires_at,
       f.expires_at AS family_expires_at, t.consumed_at, t.successor_hash,
       s.token_hash IS NOT NULL AND s.consumed_at IS NULL AS successor_waits,
       f.ended_at IS NULL AS family_live,
       g.revoked_at IS NULL AS grant_live,
       EXISTS (SELECT FROM token.refused_subjects r WHERE r.user_id = f.user_id) AS subject_refused
  FROM token.refresh_tokens t
  JOIN token.refresh_families f ON f.id = t.family_id
  JOIN token.grants g ON g.id = f.grant_id
  LEFT JOIN token.refresh_tokens s ON s.token_hash = t.successor_hash
 WHERE t.token_hash = $1
"""

LIVENESS = """
SELECT i.revoked_at IS NOT NULL AS revoked,
       (g.revoked_at IS NOT NULL OR f.ended_at IS NOT NULL) AS lineage_ended,
       EXISTS (SELECT FROM token.refused_subjects r WHERE r.user_id = i.subject) AS subject_refused
  FROM token.issuances i
  LEFT JOIN token.grants g ON g.id = i.grant_id
  LEFT JOIN token.refresh_families f ON f.id = i.family_id
 WHERE i.id = $1
"""


class PostgresIssued:
    """Implements the ports RefreshTokens and IssuedTokens."""

    def __init__(self, *, pool: Pool) -> None:
        self._pool = pool

    async def refresh_token(self, token_hash: RefreshHash) -> StoredRefresh | None:
        """The token under this name, consumed or not."""
        row = await self._pool.fetchrow(FIND_MEMBER, token_hash)
        return _refresh(token_hash, row) if row is not None else None

    async def liveness(self, issuance_id: UUID) -> Liveness | None:
        """What became of the issuance; None when there is none."""
        row = await self._pool.fetchrow(LIVENESS, issuance_id)
        return Liveness(row["revoked"], row["lineage_ended"], row["subject_refused"]) if row is not None else None


def _refresh(token_hash: RefreshHash, row: Record) -> StoredRefresh:
    return StoredRefresh(
        token_hash=token_hash,
        family_id=FamilyId(row["family_id"]),
        grant_id=GrantId(row["grant_id"]),
        client_id=ClientId(row["client_id"]),
        user_id=UserId(row["user_id"]),
        resource=row["resource"],
        scopes=tuple(row["scopes"]),
        dpop_jkt=row["dpop_jkt"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        family_expires_at=row["family_expires_at"],
        consumed_at=row["consumed_at"],
        successor_hash=RefreshHash(row["successor_hash"]) if row["successor_hash"] is not None else None,
        successor_waits=row["successor_waits"],
        family_live=row["family_live"],
        grant_live=row["grant_live"],
        subject_refused=row["subject_refused"],
    )
