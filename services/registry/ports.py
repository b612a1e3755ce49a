"""What the rules need from the outside, in the registry's words.

Every method that writes commits the row, the change and the audit events together or not at all, and raises Unavailable otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kit.audit import Event
from services.registry.model import Client, ClientId, ClientStatus, Counts, Mode, Resource, ResourceId, Source


@dataclass(frozen=True, slots=True)
class ClientEdit:
    """What a decision made of a client; equal to what was there means: write nothing."""

    client: Client
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class ResourceEdit:
    """What a decision made of a resource; equal to what was there means: write nothing."""

    resource: Resource
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """What dynamic registration keeps beside a client. `fingerprint` is None where a repeat is to become a client of its own."""

    access_token_digest: bytes
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A client read from its metadata document, and until when that reading is fresh, or usable when the document cannot be fetched."""

    client: Client
    fresh_until: datetime
    stale_until: datetime


class Clients(Protocol):
    """Stored clients."""

    async def find(self, client_id: ClientId) -> Client:
        """Raises Missing."""

    async def add(self, client: Client, events: Sequence[Event]) -> None:
        """Raises Conflict if the id is taken."""

    async def edit(self, client_id: ClientId, decide: Callable[[Client], ClientEdit]) -> Client:
        """Let `decide` see the client while nobody else can change it, and store its answer. Raises Missing, and what `decide` raises."""

    async def remove(self, client_id: ClientId, events: Sequence[Event]) -> None:
        """Raises Missing."""

    async def page(self, status: ClientStatus | None, source: Source | None, limit: int, offset: int) -> Sequence[Client]:
        """Newest first."""


class Registrations(Protocol):
    """Dynamic registrations."""

    async def register(self, client: Client, registration: Registration, since: datetime, events: Sequence[Event]) -> Client:
        """Store `client`, or answer the active one that the same fingerprint made after `since`. However many race, one is made."""

    async def access_token_digest(self, client_id: ClientId) -> bytes:
        """Of the token that manages the client (RFC 7592). Raises Missing."""

    async def mark_used(self, client_id: ClientId, now: datetime) -> None:
        """Remember the first use; later calls change nothing."""

    async def expire(self, registered_before: datetime, limit: int, event_for: Callable[[ClientId], Event]) -> int:
        """Remove at most `limit` clients registered before then and never used; how many were removed."""


class DocumentStore(Protocol):
    """Clients known by the URL of their metadata document."""

    async def known(self, client_id: ClientId) -> Known | None:
        """The last reading, or None when the URL was never seen."""

    async def remember(
        self, known: Known, on_first_sight: Sequence[Event], on_change: Callable[[Client], Sequence[Event]]
    ) -> tuple[Client, bool]:
        """Store a reading. The stored client, and whether this call made it known; what an operator decided about it stays."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a document's host answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class DocumentSource(Protocol):
    """The network, as far as metadata documents are concerned."""

    async def fetch(self, url: str) -> Response:
        """Raises InvalidClient where the address is not one we may connect to, Unavailable when no answer came."""


class Resources(Protocol):
    """Stored resources."""

    async def all(self) -> Sequence[Resource]:
        """In the order of their registration."""

    async def named(self, reference: str, alias: str) -> Sequence[Resource]:
        """Those whose slug or URI is `reference`, or whose URI has the alias `alias`."""

    async def add(self, resource: Resource, events: Sequence[Event]) -> None:
        """Raises Conflict if the slug is taken."""

    async def edit(self, resource_id: ResourceId, decide: Callable[[Resource], ResourceEdit]) -> Resource:
        """As `Clients.edit`. Raises Missing, Conflict if the new slug is taken."""

    async def remove(self, resource_id: ResourceId, event_for: Callable[[Resource], Event]) -> None:
        """Raises Missing."""


class RegistrationSettings(Protocol):
    """What an operator may change while the service runs."""

    async def mode(self) -> Mode | None:
        """The mode set at run time, or None. Raises Unavailable for a value this release does not know."""

    async def set_mode(self, mode: Mode, event: Event) -> None:
        """Takes effect with the next registration on any replica."""


class Counting(Protocol):
    """Numbers for the operator's overview."""

    async def count(self) -> Counts:
        """As of now."""


class RegistrationRate(Protocol):
    """How often one address may register (target C9)."""

    async def admit(self, address: str) -> None:
        """Raises SlowDown, or Unavailable when nobody can say."""
