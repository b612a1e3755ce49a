"""People as operators see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

UserId = NewType("UserId", str)


class UserStatus(StrEnum):
    """A disabled user has no session and gets no token."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class User:
    """A person. `email` may be empty for a federated one; `provider` is `local` or the identity provider's name."""

    id: UserId
    email: str
    name: str
    role: str
    status: UserStatus
    provider: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewUser:
    """What an operator asks for when adding a person with a password."""

    email: str
    password: str = ""
    name: str = ""
    role: str = "user"

    def __repr__(self) -> str:
        """Never shows the password, not even in a traceback."""
        return f"NewUser(email={self.email!r}, name={self.name!r}, role={self.role!r})"


@dataclass(frozen=True, slots=True)
class UserChange:
    """None leaves a member alone."""

    email: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How much of a person's access a forced logout ended: refresh families and issued tokens, and browser sessions."""

    user_id: UserId
    tokens_revoked: int
    sessions_ended: int
