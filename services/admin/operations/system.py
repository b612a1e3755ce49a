"""The plane itself: is it well, how much is there, how is it configured."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.errors import AuthPlaneError
from services.admin.model.configuration import PublicConfiguration
from services.admin.model.operators import Operator
from services.admin.model.system import Stats, Status, Subsystem, duration_text
from services.admin.ports import Counts, Health, Journal, LiveTokens, SigningKeys

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
NOT_CONFIGURED = "not_configured"


@dataclass(frozen=True, slots=True)
class System:
    """Asks every part of the plane; none of them being down makes this fail."""

    health: Health
    counts: Counts
    tokens: LiveTokens
    signing: SigningKeys
    journal: Journal
    configured: PublicConfiguration
    clock: Clock
    started_at: datetime
    version: str

    async def status(self) -> Status:
        """Asks every part now; a part that does not answer in time is unhealthy."""
        storage, signing, encryption, peers = await asyncio.gather(
            self._storage(), self._signing(), self._encryption(), self.health.peers()
        )
        services = tuple(Subsystem(name=name, status=_word(answers)) for name, answers in peers.items())
        uptime = max(0, int((self.clock.now() - self.started_at).total_seconds()))
        return Status(
            version=self.version, uptime=duration_text(uptime), uptime_secs=uptime, subsystems=(storage, signing, encryption, *services)
        )

    async def stats(self) -> Stats:
        """Raises Unavailable when an owner does not answer: a wrong figure would be worse than none."""
        clients, users, live, vault = await asyncio.gather(
            self.counts.clients(), self.counts.users(), self.tokens.count_live(), self.counts.vault()
        )
        return Stats(
            clients=clients,
            users=users,
            active_tokens_24h=live.issued_today,
            revoked_tokens=live.revoked_today,
            connections=vault.connections,
        )

    async def configuration(self) -> Mapping[str, object]:
        """The settings that say how the plane behaves. Built from a closed list of harmless ones, so no secret can slip in."""
        return self.configured.view()

    async def verify_key(self, operator: Operator) -> str:
        """The version, for a key that got this far; recorded as the start of a session."""
        await self.journal.write(_session_started(operator))
        return self.version

    async def _storage(self) -> Subsystem:
        return Subsystem(name="storage", status=_word(await self.health.database()), driver="postgres")

    async def _signing(self) -> Subsystem:
        try:
            usable = any(key.status == "current" for key in await self.signing.list_keys())
        except AuthPlaneError:
            usable = False
        return Subsystem(name="signing", status=_word(usable), driver=self.configured.key_store)

    async def _encryption(self) -> Subsystem:
        if not self.configured.encryption_driver:
            return Subsystem(name="encryption", status=NOT_CONFIGURED)
        try:
            sealing = bool((await self.counts.vault()).driver)
        except AuthPlaneError:
            sealing = False
        return Subsystem(name="encryption", status=_word(sealing), driver=self.configured.encryption_driver)


def _word(healthy: bool) -> str:
    return HEALTHY if healthy else UNHEALTHY


def _session_started(operator: Operator) -> Event:
    return Event(
        action=Action.ADMIN_UI_LOGIN,
        actor_kind=ActorKind.OPERATOR,
        actor_id=operator.key_name,
        outcome="success",
        ip=operator.origin.ip,
        request_id=operator.origin.request_id,
        trace_id=operator.origin.trace_id,
        detail={"key": operator.key_name},
    )
