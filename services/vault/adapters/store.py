"""The vault's statements."""

from typing import Final

from kit.pg import Pool
from services.vault.model import Holdings, Protocol, Provider

PROVIDERS: Final = """
SELECT id, slug, display_name, protocol, created_at, updated_at
  FROM vault.providers
 WHERE $1 = '' OR slug = $1
 ORDER BY slug
"""

HOLDINGS: Final = """
SELECT (SELECT count(*) FROM vault.providers) AS providers,
       (SELECT count(*) FROM vault.upstream_grants WHERE revoked_at IS NULL) AS connections
"""


class PostgresInventory:
    """vault.providers and vault.upstream_grants, counted and listed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def providers(self, slug: str = "") -> tuple[Provider, ...]:
        """See ports.Inventory."""
        return tuple(
            Provider(
                id=row["id"],
                slug=row["slug"],
                display_name=row["display_name"],
                protocol=Protocol(row["protocol"]),
                created_at=row["created_at"],
                updated_at=row["updated_at"],
            )
            for row in await self._pool.fetch(PROVIDERS, slug)
        )

    async def holdings(self) -> Holdings:
        """See ports.Inventory."""
        row = await self._pool.fetchrow(HOLDINGS)
        assert row is not None, "a SELECT of two counts has one row"
        return Holdings(row["providers"], row["connections"])
