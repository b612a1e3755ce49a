"""Operators' reads in Postgres."""

from datetime import UTC, datetime
from uuid import UUID

from kit.pg import Pool, Record
from services.token.inventory import GrantRecord, IssuanceFilter, LiveCount, bounded
from services.token.model import IssuedToken, issuance_id_of

LIST_GRANTS = """
SELECT id, user_id, client_id, resource, scopes, created_at, updated_at, revoked_at
  FROM token.grants
 WHERE ($1 = '' OR user_id = $1) AND ($2 = '' OR client_id = $2)
 ORDER BY created_at DESC, id DESC
 LIMIT $3 OFFSET $4
"""

_ISSUANCE = """
SELECT i.id, i.grant_type, i.subject, i.client_id, i.resource, i.scope, i.grant_id, i.family_id, i.parent_id, i.ancestors, i.dpop_jkt,
       i.agent_id, i.agent_chain, i.issued_at, i.expires_at, coalesce(i.revoked_at, g.revoked_at, f.ended_at) AS revoked_at
  FROM token.issuances i
  LEFT JOIN token.grants g ON g.id = i.grant_id
  LEFT JOIN token.refresh_families f ON f.id = i.family_id
"""

GET_ISSUANCE = _ISSUANCE + " WHERE i.id = $1"

# The id is a UUIDv7, so its order is the order of issue.
LIST_ISSUANCES = (
    _ISSUANCE
    + """
 WHERE ($1 = '' OR i.subject = $1) AND ($2 = '' OR i.client_id = $2) AND ($3 = '' OR i.resource = $3)
   AND ($4::uuid IS NULL OR i.id = $4) AND ($5::timestamptz IS NULL OR i.issued_at >= $5)
 ORDER BY i.id DESC
 LIMIT $6
"""
)

COUNT = """
SELECT (SELECT count(*) FROM token.refresh_families
         WHERE ended_at IS NULL AND expires_at > $3 AND ($1 = '' OR user_id = $1) AND ($2 = '' OR client_id = $2)) AS families,
       count(*) FILTER (WHERE revoked_at IS NULL AND expires_at > $3) AS issuances,
       count(*) FILTER (WHERE issued_at >= $4) AS issued_today,
       count(*) FILTER (WHERE revoked_at >= $4) AS revoked_today
  FROM token.issuances
 WHERE (expires_at > $3 OR issued_at >= $4 OR revoked_at >= $4) AND ($1 = '' OR subject = $1) AND ($2 = '' OR client_id = $2)
"""


class PostgresInventory:
    """Implements the port Inventory."""

    def __init__(self, *, pool: Pool) -> None:
        self._pool = pool

    async def grants(self, user_id: str, client_id: str, limit: int, offset: int) -> list[GrantRecord]:
        """See inventory.Inventory."""
        rows = await self._pool.fetch(LIST_GRANTS, user_id, client_id, bounded(limit), max(offset, 0))
        return [GrantRecord(**{**dict(row), "scopes": tuple(row["scopes"])}) for row in rows]

    async def issuances(self, wanted: IssuanceFilter) -> list[IssuedToken]:
        """See inventory.Inventory. A `jti` that cannot be one of ours finds nothing."""
        named = issuance_id_of(wanted.jti) if wanted.jti else None
        if wanted.jti and named is None:
            return []
        rows = await self._pool.fetch(
            LIST_ISSUANCES, wanted.user_id, wanted.client_id, wanted.resource, named, wanted.since, bounded(wanted.limit)
        )
        return [_issuance(row) for row in rows]

    async def issuance(self, issuance_id: UUID) -> IssuedToken | None:
        """See inventory.Inventory."""
        row = await self._pool.fetchrow(GET_ISSUANCE, issuance_id)
        return _issuance(row) if row is not None else None

    async def count(self, user_id: str, client_id: str, now: datetime) -> LiveCount:
        """See inventory.Inventory."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        row = await self._pool.fetchrow(COUNT, user_id, client_id, now, midnight)
        assert row is not None, "an aggregate always answers one row"
        return LiveCount(row["families"], row["issuances"], row["issued_today"], row["revoked_today"])


def _issuance(row: Record) -> IssuedToken:
    members = dict(row)
    members["ancestors"] = tuple(members["ancestors"] or ())
    members["agent_chain"] = tuple(members["agent_chain"] or ())
    return IssuedToken(**members)
