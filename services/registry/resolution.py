"""From a client id at /oauth/authorize to a client: stored, or read from its metadata document (target C5).

A URL is fetched by one caller at a time however many ask, by at most sixteen callers at once over all URLs, and not again for thirty
seconds after it failed. A document that cannot be fetched leaves its last reading in use for a day; one that is no longer acceptable
does not.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from kit.audit import Action
from kit.clock import Clock
from kit.errors import AuthPlaneError, InvalidClient, InvalidRedirectUri, Unavailable
from services.registry import documents, history
from services.registry.admission import Admission, require_approved
from services.registry.metadata import Rules, may_have_default_scope
from services.registry.model import AgentAssurance, Client, ClientId, ClientStatus, Metadata, Mode, Origin, Source
from services.registry.ports import Clients, DocumentSource, DocumentStore, Known, Registrations

FETCHES_AT_ONCE: Final = 16
FAILURE_KEPT: Final = timedelta(seconds=30)
_FAILURES_KEPT: Final = 4096
_TURN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class DocumentPolicy:
    """How documents are treated. `ceiling` is the longest a reading is used unasked (`cimd.cache_ttl`)."""

    enabled: bool
    require_https: bool
    ceiling: timedelta
    rules: Rules
    default_scope: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A client, and whether this very call made it known."""

    client: Client
    first_seen: bool = False


@dataclass(frozen=True, slots=True)
class _Failure:
    error: AuthPlaneError
    until: datetime


class Resolution:
    """One per process: it holds the fetches under way and the recent failures.

    `on_suppressed` hears why a fetch was not made: `single_flight`, `negative_cache` or `capacity`.
    """

    def __init__(
        self,
        *,
        clients: Clients,
        registrations: Registrations,
        documents: DocumentStore,
        source: DocumentSource,
        admission: Admission,
        policy: DocumentPolicy,
        clock: Clock,
        on_suppressed: Callable[[str], None],
    ) -> None:
        self._clients = clients
        self._registrations = registrations
        self._documents = documents
        self._source = source
        self._admission = admission
        self._policy = policy
        self._clock = clock
        self._on_suppressed = on_suppressed
        self._turns = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[Resolved]] = {}
        self._failures: OrderedDict[str, _Failure] = OrderedDict()

    async def stored(self, client_id: ClientId) -> Client:
        """A client by id, from the store alone. Raises Missing, Unavailable."""
        client = await self._clients.find(client_id)
        if client.source is Source.DCR:
            await self._registrations.mark_used(client_id, self._clock.now())
        return client

    async def resolve(self, client_id: ClientId, origin: Origin) -> Resolved:
        """A client for an authorization request.

        Raises Missing for an unknown id, InvalidClient for a document that is not acceptable (the detail names the cause),
        Unavailable for one that cannot be fetched.
        """
        if not documents.is_document_url(client_id):
            return Resolved(await self.stored(client_id))
        if not self._policy.enabled:
            raise InvalidClient("client ids that are URLs are not enabled here")
        documents.require_document_url(client_id, require_https=self._policy.require_https)
        known = await self._documents.known(client_id)
        now = self._clock.now()
        # Nobody reads the document of a client that an operator has ended: what it says could not change the answer.
        if known is not None and (known.fresh_until > now or known.client.status is not ClientStatus.ACTIVE):
            return Resolved(known.client)
        try:
            return await self._read_once(client_id, origin)
        except Unavailable:
            if known is not None and known.stale_until > now:
                return Resolved(known.client)
            raise

    async def _read_once(self, url: ClientId, origin: Origin) -> Resolved:
        self._raise_recent_failure(url)
        task = self._under_way.get(url)
        if task is not None:
            self._on_suppressed("single_flight")
            return Resolved((await asyncio.shield(task)).client)
        task = self._under_way[url] = asyncio.create_task(self._read(url, origin))
        task.add_done_callback(lambda done: self._finished(url, done))
        # Shielded: the person who asked first may leave while others wait for the same document.
        return await asyncio.shield(task)

    async def _read(self, url: ClientId, origin: Origin) -> Resolved:
        mode = await self._admission.mode()
        known = await self._documents.known(url)
        if mode is Mode.ADMIN_ONLY and known is None:
            raise InvalidClient("clients are registered by the operator only")
        async with _Turn(self._turns, self._on_suppressed):
            response = await self._source.fetch(url)
        now = self._clock.now()
        metadata = documents.read(url, response, self._rules_for(url))
        try:
            require_approved(mode, metadata.redirect_uris, self._admission.approved)
        except InvalidRedirectUri as error:
            raise InvalidClient(error.detail) from error
        life = documents.freshness(response.headers, now, self._policy.ceiling)
        client = self._client(url, metadata, now)
        registered = history.by_client(Action.CLIENT_REGISTERED, client, origin, source="cimd")
        stored, first_seen = await self._documents.remember(
            Known(client, life.fresh_until, life.stale_until),
            (registered,),
            lambda changed: (history.by_client(Action.CLIENT_UPDATED, changed, origin, source="cimd"),),
        )
        return Resolved(stored, first_seen)

    def _client(self, url: ClientId, metadata: Metadata, now: datetime) -> Client:
        return Client(
            id=url,
            metadata=metadata,
            status=ClientStatus.ACTIVE,
            source=Source.CIMD,
            issued_at=now,
            updated_at=now,
            scope=self._policy.default_scope if may_have_default_scope(metadata) else "",
            agent_assurance=AgentAssurance.SELF_DECLARED if metadata.agent else AgentAssurance.NONE,
        )

    def _rules_for(self, url: str) -> Rules:
        rules = self._policy.rules
        return Rules(rules.grants, documents.AUTH_METHODS & rules.auth_methods, unnamed=urlsplit(url).hostname or "")

    def _raise_recent_failure(self, url: str) -> None:
        failure = self._failures.get(url)
        if failure is None:
            return
        if failure.until <= self._clock.now():
            del self._failures[url]
            return
        self._on_suppressed("negative_cache")
        # A new object each time: an exception gathers a traceback with every raise.
        raise type(failure.error)(failure.error.detail, debug=failure.error.debug)

    def _finished(self, url: str, task: "asyncio.Task[Resolved]") -> None:
        self._under_way.pop(url, None)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, InvalidClient | Unavailable) and not isinstance(error, _NoTurn):
            self._failures[url] = _Failure(error, self._clock.now() + FAILURE_KEPT)
            self._failures.move_to_end(url)
            if len(self._failures) > _FAILURES_KEPT:
                self._failures.popitem(last=False)


class _NoTurn(Unavailable):
    """Sixteen other documents are being fetched; says nothing about this one."""


class _Turn:
    """`async with` one of the sixteen turns, waiting for it only briefly."""

    def __init__(self, turns: asyncio.Semaphore, on_suppressed: Callable[[str], None]) -> None:
        self._turns = turns
        self._on_suppressed = on_suppressed

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            self._on_suppressed("capacity")
            raise _NoTurn("too many client metadata documents are being fetched; try again") from None

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()
