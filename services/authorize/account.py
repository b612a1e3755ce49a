"""What a person sees and ends of their own: agents with access, and browsers that are signed in (A9)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kit.audit import Action, Event
from kit.errors import AuthPlaneError, Missing
from services.authorize.consent import described, verified_domain
from services.authorize.model import Client, ClientId, Scope, Session, UserId, Visit
from services.authorize.ports import Clients, Resources
from services.authorize.sessions import SessionKeeper, event_of


@dataclass(frozen=True, slots=True)
class Grant:
    """A standing permission, as token keeps it. An empty `resource` means none was named."""

    id: str
    client_id: ClientId
    resource: str
    scopes: tuple[str, ...]
    since: datetime


class Grants(Protocol):
    """Standing permissions, owned by token."""

    async def of(self, user_id: UserId) -> tuple[Grant, ...]:
        """Those in force, newest first. Raises Unavailable."""
        ...

    async def revoke(self, user_id: UserId, grant_id: str, visit: Visit) -> None:
        """End one and everything that descends from it, audited by token. Raises Missing (also for another person's), Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One signed-in browser of a person."""

    id: str
    address: str
    user_agent: str
    authenticated_at: datetime
    last_seen_at: datetime
    current: bool


class OwnSessions(Protocol):
    """The sessions of one person. Every write commits its audit row."""

    async def of(self, user_id: UserId, current: bytes, now: datetime, idle_since: datetime) -> tuple[SignedIn, ...]:
        """Those within their limits, the one with digest `current` marked, last seen first."""
        ...

    async def end_one(self, user_id: UserId, session_id: str, event: Event) -> bool:
        """False, writing nothing, when it is gone or another person's."""
        ...

    async def end_all(self, user_id: UserId, event: Event) -> int:
        """How many ended; no audit row when none did."""
        ...


@dataclass(frozen=True, slots=True)
class Agent:
    """A grant in a person's words. `name` is the client's own choice; its id stands in while registry cannot say."""

    grant: Grant
    name: str
    verified_domain: str
    resource_name: str
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Everything the account page shows."""

    session: Session
    agents: tuple[Agent, ...]
    browsers: tuple[SignedIn, ...]


@dataclass(frozen=True, slots=True)
class AccountDesk:
    """Shows and ends what belongs to the person of a session, and nothing else."""

    grants: Grants
    sessions: OwnSessions
    keeper: SessionKeeper
    clients: Clients
    resources: Resources

    async def of(self, session: Session, visit: Visit) -> Account:
        """Raises Unavailable."""
        now = self.keeper.clock.now()
        grants, browsers = await asyncio.gather(
            self.grants.of(session.user_id),
            self.sessions.of(session.user_id, session.digest, now, now - self.keeper.limits.idle),
        )
        agents = await asyncio.gather(*(self._agent(grant, visit) for grant in grants))
        return Account(session, tuple(agents), browsers)

    async def revoke(self, session: Session, grant_id: str, visit: Visit) -> None:
        """End an agent's access. Raises Unavailable; what is gone already needs no ending."""
        try:
            await self.grants.revoke(session.user_id, grant_id, visit)
        except Missing:
            return

    async def end(self, session: Session, session_id: str, visit: Visit) -> None:
        """Sign one browser out. Raises Unavailable."""
        await self.sessions.end_one(session.user_id, session_id, event_of(Action.SESSION_ENDED, session, visit))

    async def end_all(self, session: Session, visit: Visit) -> None:
        """Sign every browser out, this one included. Raises Unavailable."""
        await self.sessions.end_all(session.user_id, event_of(Action.SESSION_ENDED, session, visit))

    async def _agent(self, grant: Grant, visit: Visit) -> Agent:
        client = await self._client(grant.client_id, visit)
        name, scopes = grant.resource, described(grant.scopes, {})
        if grant.resource:
            try:
                resource = await self.resources.resolve(grant.resource)
                name, scopes = resource.name, described(grant.scopes, {scope.name: scope for scope in resource.scopes})
            except AuthPlaneError:
                # A permission can be taken back whatever became of the resource.
                name = grant.resource
        if client is None:
            return Agent(grant, grant.client_id, "", name, scopes)
        return Agent(grant, client.name or client.id, verified_domain(client), name, scopes)

    async def _client(self, client_id: ClientId, visit: Visit) -> Client | None:
        try:
            return await self.clients.resolve(client_id, visit)
        except AuthPlaneError:
            return None
