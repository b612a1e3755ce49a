"""What an operator can look at: grants, issuances and counts, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.token.model import IssuedToken

DEFAULT_LIMIT = 50
MOST = 500


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A stored consent, live or ended."""

    id: str
    user_id: str
    client_id: str
    resource: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuanceFilter:
    """Empty members do not filter."""

    user_id: str = ""
    client_id: str = ""
    resource: str = ""
    jti: str = ""
    since: datetime | None = None
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class LiveCount:
    """How much is in force, and what happened since midnight UTC."""

    families: int
    issuances: int
    issued_today: int
    revoked_today: int


class Inventory(Protocol):
    """Reads for operators, newest first."""

    async def grants(self, user_id: str, client_id: str, limit: int, offset: int) -> list[GrantRecord]:
        """Of a person, a client, or both."""

    async def issuances(self, wanted: IssuanceFilter) -> list[IssuedToken]:
        """Those that fit every member of the filter."""

    async def issuance(self, issuance_id: UUID) -> IssuedToken | None:
        """One, or None."""

    async def count(self, user_id: str, client_id: str, now: datetime) -> LiveCount:
        """Of a person, a client, or the whole plane."""


def bounded(limit: int) -> int:
    """A page's length: the default for anything not positive, never more than MOST."""
    return min(limit, MOST) if limit > 0 else DEFAULT_LIMIT
