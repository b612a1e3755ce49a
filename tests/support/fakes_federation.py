"""Stand-ins for the stores of federation, kept in step with the real ones by tests/contract/test_authorize_federation.py."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from kit.audit import Event
from kit.errors import Conflict
from services.authorize.federation import Pending
from services.authorize.identities import Identity, Known
from services.authorize.identity_provider import Provider
from services.authorize.login import email_key
from services.authorize.model import User

ISSUER = "https://login.example"


def a_provider(name: str = "oidc", **changes: object) -> Provider:
    """An ordinary provider, the only one."""
    plain = Provider(name, ISSUER, "plane", "s3cret", "http://localhost:9000/oidc/callback", "Example")
    return replace(plain, **changes)  # type: ignore[arg-type]


@dataclass
class FakeIdentities:
    """Stands for IdentityStore."""

    users: dict[str, User] = field(default_factory=dict)
    identities: dict[tuple[str, str], tuple[str, Identity]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    async def find(self, provider: str, subject: str) -> Known | None:
        found = self.identities.get((provider, subject))
        return Known(self.users[found[0]], found[1].issuer, found[1].groups) if found is not None else None

    async def add(self, user: User, identity: Identity, event: Event) -> bool:
        key = (identity.provider, identity.subject)
        if key in self.identities:
            return False
        self._require_free(user)
        self.users[user.id] = user
        self.identities[key] = (user.id, identity)
        self.events.append(event)
        return True

    async def update(self, user: User, identity: Identity, event: Event) -> None:
        self._require_free(user)
        key = (identity.provider, identity.subject)
        self.users[user.id] = user
        self.identities[key] = (user.id, replace(self.identities[key][1], groups=identity.groups))
        self.events.append(event)

    def _require_free(self, user: User) -> None:
        for other in self.users.values():
            if other.id != user.id and user.email and email_key(other.email) == email_key(user.email):
                raise Conflict("this already exists")


@dataclass
class FakePendingSignIns:
    """Stands for PendingSignInStore."""

    rows: dict[bytes, Pending] = field(default_factory=dict)

    async def add(self, pending: Pending) -> None:
        self.rows[pending.state] = pending

    async def take(self, state: bytes, browser: bytes, now: datetime) -> Pending | None:
        found = self.rows.get(state)
        if found is None or found.browser != browser or found.expires_at <= now:
            return None
        return self.rows.pop(state)
