"""The registry's stores in memory, kept honest by tests/contract/test_registry_stores.py, and a document host that answers from a table."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from kit.audit import Event
from kit.clock import Clock
from kit.errors import Conflict, Missing
from services.registry.model import ChangeKind, Client, ClientId, ClientStatus, Counts, Mode, Resource, ResourceId, Source
from services.registry.ports import ClientEdit, Known, Registration, ResourceEdit, Response
from services.registry.resources import alias as alias_of


@dataclass
class Memory:
    """What all fakes share: the rows, and what was committed with them."""

    clock: Clock
    rows: dict[ClientId, Client] = field(default_factory=dict)
    registrations: dict[ClientId, tuple[Registration, datetime]] = field(default_factory=dict)
    used: dict[ClientId, datetime] = field(default_factory=dict)
    readings: dict[ClientId, Known] = field(default_factory=dict)
    resources: dict[ResourceId, Resource] = field(default_factory=dict)
    current_mode: Mode | None = None
    events: list[Event] = field(default_factory=list)
    changes: list[tuple[ChangeKind, str]] = field(default_factory=list)

    def commit(self, kind: ChangeKind, key: str, events: Sequence[Event]) -> None:
        self.events.extend(events)
        self.changes.append((kind, key))

    @property
    def actions(self) -> list[str]:
        return [event.action.value for event in self.events]


class FakeClients:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def find(self, client_id: ClientId) -> Client:
        if client_id not in self._memory.rows:
            raise Missing("no such client")
        return self._memory.rows[client_id]

    async def add(self, client: Client, events: Sequence[Event]) -> None:
        if client.id in self._memory.rows:
            raise Conflict("this already exists")
        self._memory.rows[client.id] = client
        self._memory.commit(ChangeKind.CLIENT, client.id, events)

    async def edit(self, client_id: ClientId, decide: Callable[[Client], ClientEdit]) -> Client:
        current = await self.find(client_id)
        edit = decide(current)
        if edit.client == current:
            return current
        written = replace(edit.client, id=client_id, version=current.version + 1, updated_at=self._memory.clock.now())
        self._memory.rows[client_id] = written
        self._memory.commit(ChangeKind.CLIENT, client_id, edit.events)
        return written

    async def remove(self, client_id: ClientId, events: Sequence[Event]) -> None:
        await self.find(client_id)
        for table in (self._memory.rows, self._memory.registrations, self._memory.readings, self._memory.used):
            table.pop(client_id, None)
        self._memory.commit(ChangeKind.CLIENT, client_id, events)

    async def page(self, status: ClientStatus | None, source: Source | None, limit: int, offset: int) -> Sequence[Client]:
        found = [client for client in self._memory.rows.values() if status in (None, client.status) and source in (None, client.source)]
        found.sort(key=lambda client: (client.issued_at, client.id), reverse=True)
        return found[offset : offset + limit]

    async def count(self) -> Counts:
        rows = self._memory.rows.values()
        return Counts(len(rows), sum(client.status is ClientStatus.ACTIVE for client in rows), len(self._memory.resources))


class FakeRegistrations:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def register(self, client: Client, registration: Registration, since: datetime, events: Sequence[Event]) -> Client:
        if registration.fingerprint is not None and (same := self._same(client, registration.fingerprint, since)):
            return same
        self._memory.rows[client.id] = client
        self._memory.registrations[client.id] = (registration, client.issued_at)
        self._memory.commit(ChangeKind.CLIENT, client.id, events)
        return client

    async def access_token_digest(self, client_id: ClientId) -> bytes:
        if client_id not in self._memory.registrations:
            raise Missing("no such registration")
        return self._memory.registrations[client_id][0].access_token_digest

    async def mark_used(self, client_id: ClientId, now: datetime) -> None:
        self._memory.used.setdefault(client_id, now)

    async def expire(self, registered_before: datetime, limit: int, event_for: Callable[[ClientId], Event]) -> int:
        entries = self._memory.registrations.items()
        gone = [client_id for client_id, (_, at) in entries if at < registered_before and client_id not in self._memory.used][:limit]
        for client_id in gone:
            del self._memory.registrations[client_id], self._memory.rows[client_id]
            self._memory.commit(ChangeKind.CLIENT, client_id, (event_for(client_id),))
        return len(gone)

    def _same(self, client: Client, fingerprint: bytes, since: datetime) -> Client | None:
        for client_id, (registration, registered_at) in reversed(self._memory.registrations.items()):
            if registration.fingerprint == fingerprint and registered_at > since:
                found = self._memory.rows[client_id]
                return found if found.metadata == client.metadata and found.status is ClientStatus.ACTIVE else None
        return None


class FakeDocuments:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def known(self, client_id: ClientId) -> Known | None:
        reading = self._memory.readings.get(client_id)
        return None if reading is None else replace(reading, client=self._memory.rows[client_id])

    async def remember(
        self, known: Known, on_first_sight: Sequence[Event], on_change: Callable[[Client], Sequence[Event]]
    ) -> tuple[Client, bool]:
        stored = self._memory.rows.get(known.client.id)
        first = stored is None
        if stored is None:
            stored = known.client
            self._memory.commit(ChangeKind.CLIENT, stored.id, on_first_sight)
        elif stored.metadata != known.client.metadata:
            assurance = known.client.agent_assurance
            version = stored.version + 1
            stored = replace(
                stored, metadata=known.client.metadata, agent_assurance=assurance, version=version, updated_at=self._memory.clock.now()
            )
            self._memory.commit(ChangeKind.CLIENT, stored.id, on_change(stored))
        self._memory.rows[stored.id] = stored
        self._memory.readings[stored.id] = replace(known, client=stored)
        return stored, first


class FakeResources:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def all(self) -> Sequence[Resource]:
        return list(self._memory.resources.values())

    async def named(self, reference: str, alias: str) -> Sequence[Resource]:
        def matches(resource: Resource) -> bool:
            return reference in (resource.slug, resource.uri) or (alias != "" and alias == alias_of(resource.uri))

        return [resource for resource in self._memory.resources.values() if matches(resource)]

    async def add(self, resource: Resource, events: Sequence[Event]) -> None:
        self._require_free(resource)
        self._memory.resources[resource.id] = resource
        self._memory.commit(ChangeKind.RESOURCE, resource.id, events)

    async def edit(self, resource_id: ResourceId, decide: Callable[[Resource], ResourceEdit]) -> Resource:
        if resource_id not in self._memory.resources:
            raise Missing("no such resource")
        current = self._memory.resources[resource_id]
        edit = decide(current)
        if edit.resource == current:
            return current
        self._require_free(edit.resource)
        written = replace(edit.resource, version=current.version + 1, updated_at=self._memory.clock.now())
        self._memory.resources[resource_id] = written
        self._memory.commit(ChangeKind.RESOURCE, resource_id, edit.events)
        return written

    async def remove(self, resource_id: ResourceId, event_for: Callable[[Resource], Event]) -> None:
        if resource_id not in self._memory.resources:
            raise Missing("no such resource")
        gone = self._memory.resources.pop(resource_id)
        self._memory.commit(ChangeKind.RESOURCE, resource_id, (event_for(gone),))

    def _require_free(self, resource: Resource) -> None:
        if any(other.slug == resource.slug and other.id != resource.id for other in self._memory.resources.values()):
            raise Conflict("this slug is taken")


class FakeSettings:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def mode(self) -> Mode | None:
        return self._memory.current_mode

    async def set_mode(self, mode: Mode, event: Event) -> None:
        self._memory.current_mode = mode
        self._memory.commit(ChangeKind.SETTINGS, "dcr_mode", (event,))


class FakeDocumentHost:
    """Answers what `answers` holds for a URL, a response or an error, after `delay` seconds; counts the fetches."""

    def __init__(self) -> None:
        self.answers: dict[str, Response | Exception] = {}
        self.fetched: list[str] = []
        self.delay = 0.0
        self.at_once = 0
        self.most_at_once = 0

    async def fetch(self, url: str) -> Response:
        self.fetched.append(url)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.at_once -= 1
        answer = self.answers[url]
        if isinstance(answer, Exception):
            raise answer
        return answer
