"""What the vault needs from the database, in the vault's words."""

from typing import Protocol

from services.vault.model import Holdings, Provider


class Inventory(Protocol):
    """What the vault holds, without any secret."""

    async def providers(self, slug: str = "") -> tuple[Provider, ...]:
        """All providers by slug, or only the one called `slug`. Raises Unavailable."""

    async def holdings(self) -> Holdings:
        """Counts; revoked connections are not counted. Raises Unavailable."""
