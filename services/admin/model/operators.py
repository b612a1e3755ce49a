"""Who acts: API keys, their roles, and the operator an accepted key stands for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

KeyId = NewType("KeyId", str)

BOOTSTRAP = "bootstrap"


class Role(StrEnum):
    """What a key may do. Each role includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, least: "Role") -> bool:
        """Whether this role may do what `least` may."""
        return _RANK[self] >= _RANK[least]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from, for the audit row: the client's address and the two ids that find its log line and spans."""

    ip: str = ""
    request_id: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Operator:
    """The holder of an accepted key, acting from `origin`."""

    key_name: str
    role: Role
    origin: Origin


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A named key as stored. The secret itself is never kept, only its SHA-256."""

    id: KeyId
    name: str
    role: Role
    created_at: datetime
    created_by: str = ""
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def usable_at(self, now: datetime) -> bool:
        """Whether the key opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made, with its secret, which is shown this once."""

    key: ApiKey
    secret: str
