"""Grants, issuances and signing keys as operators see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

GrantId = NewType("GrantId", str)
IssuanceId = NewType("IssuanceId", str)


@dataclass(frozen=True, slots=True)
class ConsentGrant:
    """A person's lasting permission for a client on a resource. `resource` is the URI, `resource_id` the registry's id when known."""

    id: GrantId
    user_id: str
    client_id: str
    resource_id: str
    resource: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Issuance:
    """One issued token's record."""

    id: IssuanceId
    jti: str
    subject_user_id: str
    client_id: str
    resource_id: str
    resource: str
    scopes: tuple[str, ...]
    backend_kind: str
    revocable: bool
    grant_type: str
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    dpop_jkt: str | None = None
    agent_id: str | None = None
    agent_chain: tuple[str, ...] = ()
    consent_client_id: str | None = None
    parent_jti: str | None = None


@dataclass(frozen=True, slots=True)
class IssuanceFilter:
    """At least one of the first four. With `jti`, `since` does not apply."""

    user: str = ""
    client: str = ""
    resource: str = ""
    jti: str = ""
    since: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Issuances:
    """An answer to a filter, with the window that was searched."""

    issuances: tuple[Issuance, ...]
    since: datetime
    count: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The public facts of a key. `status` is `current` or `previous`."""

    kid: str
    alg: str
    use: str
    status: str


@dataclass(frozen=True, slots=True)
class Live:
    """How much is alive, and today's figures since midnight UTC."""

    families: int = 0
    issuances: int = 0
    issued_today: int = 0
    revoked_today: int = 0

    @property
    def any(self) -> bool:
        """Whether a credential still works."""
        return self.families > 0 or self.issuances > 0


@dataclass(frozen=True, slots=True)
class EndedTokens:
    """What a call to end somebody's tokens ended."""

    families: int
    issuances: int
