"""Named API keys: who may operate the plane."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.credentials import digest, random_id, random_secret
from kit.errors import Conflict, InvalidRequest
from services.admin.model.operators import BOOTSTRAP, ApiKey, KeyId, NewApiKey, Operator, Role
from services.admin.ports import ApiKeys

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
PREFIX = "apk_"


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """The secret of a key leaves once, in the answer that made it."""

    keys: ApiKeys
    clock: Clock

    async def list(self) -> Sequence[ApiKey]:
        """Every key, newest first, revoked ones included."""
        return await self.keys.all()

    async def create(self, operator: Operator, name: str, role: Role, expires_at: datetime | None) -> NewApiKey:
        """Raises InvalidRequest (name, expiry), Conflict (name taken)."""
        now = self.clock.now()
        if NAME.fullmatch(name) is None:
            raise InvalidRequest("name must be 1 to 63 of a-z, 0-9, dot, dash and underscore, starting with a letter or digit")
        if name == BOOTSTRAP:
            raise Conflict("bootstrap is the name of the key in the configuration")
        if expires_at is not None and expires_at <= now:
            raise InvalidRequest("expires_at must be in the future")
        # The prefix lets a scanner of leaked secrets recognise one.
        secret = PREFIX + random_secret()
        key = ApiKey(id=KeyId(random_id()), name=name, role=role, created_at=now, created_by=operator.key_name, expires_at=expires_at)
        await self.keys.add(
            key, digest(secret), _event(operator, Action.ADMIN_KEY_CREATED, {"id": key.id, "name": name, "role": role.value})
        )
        return NewApiKey(key=key, secret=secret)

    async def revoke(self, operator: Operator, key_id: KeyId) -> ApiKey:
        """The key opens nothing from now on; revoking twice changes nothing. Raises Missing."""
        return await self.keys.revoke(key_id, self.clock.now(), _event(operator, Action.ADMIN_KEY_REVOKED, {"id": key_id}))


def _event(operator: Operator, action: Action, detail: dict[str, str]) -> Event:
    return Event(
        action=action,
        actor_kind=ActorKind.OPERATOR,
        actor_id=operator.key_name,
        outcome="success",
        ip=operator.origin.ip,
        request_id=operator.origin.request_id,
        trace_id=operator.origin.trace_id,
        detail=detail,
    )
