"""Which operator a call comes from: the bootstrap key of the configuration, or a named key of our table."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.credentials import digest, equal
from kit.errors import AuthPlaneError, Forbidden, Unauthorized
from kit.log import get
from services.admin.access import Operation, require
from services.admin.model.operators import BOOTSTRAP, ApiKey, Operator, Origin, Role
from services.admin.ports import ApiKeys, Journal

SCHEME = "Bearer "
LONGEST_KEY = 512
TOUCH_EVERY = timedelta(minutes=1)
REFUSAL_WINDOW = timedelta(minutes=1)
REFUSALS_PER_WINDOW = 20

log = get("admin.authentication")


class RefusalRecord:
    """Records refused calls in the audit log, at most twenty rows a minute, so that a guesser cannot fill the log.

    The first row after a quiet-down says how many were left out.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._window_ends: datetime | None = None
        self._written = 0
        self._left_out = 0

    async def write(self, action: Action, origin: Origin, reason: str, key_name: str = "") -> None:
        """Write the row if the window has room. A journal that is down costs the row, never the refusal."""
        if not self._has_room():
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        try:
            await self._journal.write(refusal(action, origin, reason, key_name, left_out))
        except AuthPlaneError as error:
            log.warning("admin.refusal.unrecorded", reason=reason, ip=origin.ip, cause=error.code)

    def _has_room(self) -> bool:
        now = self._clock.now()
        if self._window_ends is None or now >= self._window_ends:
            self._window_ends, self._written = now + REFUSAL_WINDOW, 0
        self._written += 1
        return self._written <= REFUSALS_PER_WINDOW


def refusal(action: Action, origin: Origin, reason: str, key_name: str, left_out: int) -> Event:
    """The audit row of a call that was not let in."""
    return Event(
        action=action,
        actor_kind=ActorKind.OPERATOR,
        actor_id=key_name,
        outcome="denied",
        reason=reason,
        ip=origin.ip,
        request_id=origin.request_id,
        trace_id=origin.trace_id,
        detail={"reason": reason, "left_out": left_out} if left_out else {"reason": reason},
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets an operator in, or raises. `bootstrap_key` may be empty, and then opens nothing."""

    keys: ApiKeys
    bootstrap_key: str
    refusals: RefusalRecord
    clock: Clock

    async def admit(self, operation: Operation, authorization: str | None, origin: Origin) -> Operator:
        """The operator behind `authorization` (RFC 6750 §2.1), allowed to do `operation`. Raises Unauthorized, Forbidden, Unavailable."""
        operator = await self._authenticate(authorization, origin)
        try:
            require(operation, operator)
        except Forbidden:
            await self.refusals.write(Action.ADMIN_ACCESS_DENIED, origin, f"{operation} as {operator.role}", operator.key_name)
            raise
        return operator

    async def _authenticate(self, authorization: str | None, origin: Origin) -> Operator:
        if not authorization:
            await self.refusals.write(Action.ADMIN_AUTH_FAILED, origin, "missing")
            raise Unauthorized("missing API key")
        if not authorization.startswith(SCHEME) or not 0 < len(authorization) - len(SCHEME) <= LONGEST_KEY:
            raise await self._refusal(origin, "malformed")
        presented = authorization.removeprefix(SCHEME)
        if self.bootstrap_key and equal(presented, self.bootstrap_key):
            return Operator(key_name=BOOTSTRAP, role=Role.ADMIN, origin=origin)
        return await self._named(presented, origin)

    async def _named(self, presented: str, origin: Origin) -> Operator:
        key = await self.keys.find(digest(presented))
        if key is None:
            raise await self._refusal(origin, "unknown")
        now = self.clock.now()
        if not key.usable_at(now):
            raise await self._refusal(origin, "revoked" if key.revoked_at else "expired")
        await self._touch(key, now)
        return Operator(key_name=key.name, role=key.role, origin=origin)

    async def _touch(self, key: ApiKey, now: datetime) -> None:
        # Once a minute is enough to tell a used key from a forgotten one, and spares a write per call.
        if key.last_used_at is None or now - key.last_used_at >= TOUCH_EVERY:
            await self.keys.touch(key.id, now)

    async def _refusal(self, origin: Origin, reason: str) -> Unauthorized:
        await self.refusals.write(Action.ADMIN_AUTH_FAILED, origin, reason)
        if reason == "unknown" and not self.bootstrap_key and not await self.keys.all():
            return Unauthorized("admin API key not configured", debug=reason)
        # Expired, revoked and unknown read the same to whoever presents the key; the audit row tells them apart.
        return Unauthorized("invalid API key", debug=reason)
