"""One suite for the registry's stores: in memory and in Postgres."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from kit.audit import Action, Event, Recorder
from kit.errors import Conflict, Missing
from kit.oauth import AuthMethod
from kit.pg import open_pool
from services.registry.adapters.client_documents import PostgresDocuments
from services.registry.adapters.clients import PostgresClients
from services.registry.adapters.commit import Commit
from services.registry.adapters.registrations import PostgresRegistrations
from services.registry.adapters.resources import PostgresResources
from services.registry.adapters.settings import PostgresSettings
from services.registry.model import (
    AgentAssurance,
    ApplicationType,
    BackendKind,
    Client,
    ClientId,
    ClientStatus,
    Counts,
    Metadata,
    Mode,
    Policy,
    Resource,
    ResourceId,
    Scope,
    Slug,
    Source,
)
from services.registry.ports import (
    ClientEdit,
    Clients,
    DocumentStore,
    Known,
    Registration,
    Registrations,
    RegistrationSettings,
    ResourceEdit,
    Resources,
)
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_registry import FakeClients, FakeDocuments, FakeRegistrations, FakeResources, FakeSettings, Memory
from tests.support.servers import Database, PostgresServer, fresh_database

DAY = timedelta(days=1)
TOLD = (Event(action=Action.CLIENT_UPDATED),)


@dataclass
class Stores:
    clients: Clients
    registrations: Registrations
    documents: DocumentStore
    resources: Resources
    settings: RegistrationSettings
    counting: Any
    clock: FrozenClock
    database: Database | None = None
    memory: Memory | None = None

    async def committed(self) -> tuple[list[str], int]:
        """The audit actions written so far, and the number of changes."""
        if self.memory is not None:
            return self.memory.actions, len(self.memory.changes)
        assert self.database is not None
        connection = await asyncpg.connect(self.database.superuser_dsn)
        try:
            rows = await connection.fetch("SELECT event->>'action' AS action FROM audit.outbox ORDER BY 1")
            return [row["action"] for row in rows], await connection.fetchval("SELECT revision FROM registry.changes")
        finally:
            await connection.close()


@pytest.fixture(params=["memory", "postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer | None:
    return None if request.param == "memory" else request.getfixturevalue("postgres_server")


@pytest.fixture
async def stores(server: PostgresServer | None) -> AsyncIterator[Stores]:
    clock = FrozenClock()
    if server is None:
        memory = Memory(clock)
        clients = FakeClients(memory)
        yield Stores(
            clients,
            FakeRegistrations(memory),
            FakeDocuments(memory),
            FakeResources(memory),
            FakeSettings(memory),
            clients,
            clock,
            memory=memory,
        )
        return
    database = await fresh_database(server, "registry")
    pool = await open_pool(database.dsn_for("registry"), application_name="test")
    commit = Commit(Recorder("registry", clock))
    real = PostgresClients(pool, commit, clock)
    yield Stores(
        real,
        PostgresRegistrations(pool, commit),
        PostgresDocuments(pool, commit, clock),
        PostgresResources(pool, commit, clock),
        PostgresSettings(pool, commit, clock),
        real,
        clock,
        database=database,
    )
    await pool.close()
    await server.administer(f'DROP DATABASE "{database.name}" WITH (FORCE)')


def client(name: str = "one", **changes: Any) -> Client:
    metadata = Metadata(
        name="Ünïcode 名",
        redirect_uris=("https://a.example/cb", "http://127.0.0.1/cb"),
        grant_types=("authorization_code", "refresh_token"),
        response_types=("code",),
        auth_method=AuthMethod.NONE,
        application_type=ApplicationType.NATIVE,
        client_uri="https://a.example/",
        logo_uri="https://a.example/logo.png",
        tos_uri="https://a.example/tos",
        policy_uri="https://a.example/policy",
        jwks='{"keys":[{"kty":"EC"}]}',
        agent=True,
        agent_description="writes",
        require_pushed_authorization_requests=True,
        dpop_bound_access_tokens=True,
    )
    made = Client(
        id=ClientId(name),
        metadata=metadata,
        status=ClientStatus.ACTIVE,
        source=Source.DCR,
        issued_at=MIDSUMMER,
        updated_at=MIDSUMMER,
        scope="a b",
        agent_assurance=AgentAssurance.SELF_DECLARED,
        access_token_lifetime=300,
        tokens_per_minute=60,
        tokens_per_day=1000,
    )
    return replace(made, **changes)


def resource(slug: str = "notes", **changes: Any) -> Resource:
    made = Resource(
        id=ResourceId(f"id-{slug}"),
        slug=Slug(slug),
        uri=f"https://{slug}.example/mcp",
        display_name="Notes",
        description="Dürer",
        backend_kind=BackendKind.MINT,
        broker_provider_id="",
        scopes=(Scope("a", "A", "up", is_default=True), Scope("b")),
        policy=Policy(("x",), ("y", "z"), ("http://localhost:*",)),
        created_at=MIDSUMMER,
        updated_at=MIDSUMMER,
        access_token_lifetime=60,
    )
    return replace(made, **changes)


def event(about: object) -> Event:
    return TOLD[0]


async def test_a_client_comes_back_as_it_was_stored(stores: Stores) -> None:
    secret = replace(client("two").metadata, auth_method=AuthMethod.CLIENT_SECRET_BASIC, application_type=None)
    for stored in (client(), client("two", metadata=secret, secret_digest="digest", source=Source.ADMIN)):
        await stores.clients.add(stored, TOLD)
        assert await stores.clients.find(stored.id) == stored
    assert await stores.committed() == (["client.updated"] * 2, 2)


async def test_an_id_is_given_once(stores: Stores) -> None:
    await stores.clients.add(client(), TOLD)
    with pytest.raises(Conflict):
        await stores.clients.add(client(), TOLD)
    assert await stores.committed() == (["client.updated"], 1)


async def test_an_edit_is_the_next_version_and_a_void_one_is_none(stores: Stores) -> None:
    await stores.clients.add(client(), ())
    stores.clock.advance(5)
    edited = await stores.clients.edit(ClientId("one"), lambda current: ClientEdit(replace(current, scope="c"), TOLD))
    assert edited == client(scope="c", version=2, updated_at=stores.clock.now())
    assert await stores.clients.edit(ClientId("one"), lambda current: ClientEdit(current, TOLD)) == edited
    assert await stores.clients.find(ClientId("one")) == edited
    assert await stores.committed() == (["client.updated"], 2)


async def test_a_refused_edit_writes_nothing(stores: Stores) -> None:
    await stores.clients.add(client(), ())

    def refuse(current: Client) -> ClientEdit:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await stores.clients.edit(ClientId("one"), refuse)
    assert (await stores.committed())[1] == 1


@pytest.mark.parametrize("nobody", ["nobody", "", "a\x00b", "x" * 5000])
async def test_what_is_not_there_is_missing(stores: Stores, nobody: str) -> None:
    for attempt in (
        stores.clients.find(ClientId(nobody)),
        stores.clients.edit(ClientId(nobody), lambda current: ClientEdit(current, ())),
        stores.clients.remove(ClientId(nobody), TOLD),
        stores.registrations.access_token_digest(ClientId(nobody)),
        stores.resources.edit(ResourceId(nobody), lambda current: ResourceEdit(current, ())),
        stores.resources.remove(ResourceId(nobody), event),
    ):
        with pytest.raises(Missing):
            await attempt
    assert await stores.committed() == ([], 0)


async def test_pages_are_newest_first_and_filtered(stores: Stores) -> None:
    for number in range(5):
        source = Source.ADMIN if number % 2 else Source.DCR
        status = ClientStatus.SUSPENDED if number == 4 else ClientStatus.ACTIVE
        await stores.clients.add(client(f"c{number}", issued_at=MIDSUMMER + timedelta(seconds=number), source=source, status=status), ())

    async def ids(status: ClientStatus | None, source: Source | None, limit: int, offset: int) -> list[str]:
        return [found.id for found in await stores.clients.page(status, source, limit, offset)]

    assert await ids(None, None, 2, 1) == ["c3", "c2"]
    assert await ids(ClientStatus.ACTIVE, Source.DCR, 10, 0) == ["c2", "c0"]
    assert await stores.counting.count() == Counts(5, 4, 0)


async def test_a_removed_client_takes_its_registration_along(stores: Stores) -> None:
    await stores.registrations.register(client(), Registration(b"digest"), MIDSUMMER, ())
    await stores.clients.remove(ClientId("one"), TOLD)
    with pytest.raises(Missing):
        await stores.registrations.access_token_digest(ClientId("one"))


async def test_a_repeated_registration_is_the_first_client(stores: Stores) -> None:
    """C6."""

    async def register(name: str, fingerprint: bytes | None = b"same", since: timedelta = DAY, **changes: Any) -> str:
        made = client(name, issued_at=stores.clock.now(), **changes)
        return (await stores.registrations.register(made, Registration(b"d", fingerprint), stores.clock.now() - since, TOLD)).id

    assert await register("one") == "one"
    assert await register("two") == "one"
    assert await register("three", b"other") == "three"
    assert await register("four", None) == "four"
    assert await register("five", metadata=replace(client().metadata, name="B")) == "five"
    stores.clock.advance(2 * DAY)
    assert await register("six") == "six"
    await stores.clients.edit(ClientId("six"), lambda current: ClientEdit(replace(current, status=ClientStatus.REVOKED), ()))
    assert await register("seven") == "seven"
    assert await stores.registrations.access_token_digest(ClientId("one")) == b"d"
    assert (await stores.committed())[0] == ["client.updated"] * 6


async def test_only_what_was_never_used_expires(stores: Stores) -> None:
    """C6."""
    for name in ("one", "two", "three"):
        await stores.registrations.register(client(name), Registration(b"d"), MIDSUMMER, ())
    await stores.registrations.mark_used(ClientId("two"), MIDSUMMER)
    await stores.registrations.mark_used(ClientId("two"), MIDSUMMER + DAY)
    assert await stores.registrations.expire(MIDSUMMER, 10, event) == 0
    assert await stores.registrations.expire(MIDSUMMER + DAY, 1, event) == 1
    assert await stores.registrations.expire(MIDSUMMER + DAY, 10, event) == 1
    assert (await stores.clients.find(ClientId("two"))).id == "two"
    assert await stores.committed() == (["client.updated"] * 2, 5)


def reading(seconds: int, **changes: Any) -> Known:
    made = client("https://a.example/c.json", source=Source.CIMD, **changes)
    return Known(made, MIDSUMMER + timedelta(seconds=seconds), MIDSUMMER + timedelta(seconds=seconds) + DAY)


def on_change(changed: Client) -> Sequence[Event]:
    return (Event(action=Action.CLIENT_UPDATED, client_id=changed.id),)


FIRST = (Event(action=Action.CLIENT_REGISTERED),)


async def test_a_document_is_first_seen_once_and_its_reading_renewed(stores: Stores) -> None:
    """C5."""
    url = ClientId("https://a.example/c.json")
    assert await stores.documents.known(url) is None
    assert await stores.documents.remember(reading(60), FIRST, on_change) == (reading(60).client, True)
    assert await stores.documents.remember(reading(120), FIRST, on_change) == (reading(60).client, False)
    assert await stores.documents.known(url) == reading(120)
    assert await stores.committed() == (["client.registered"], 1)


async def test_a_changed_document_changes_the_metadata_and_nothing_an_operator_decided(stores: Stores) -> None:
    """C5."""
    url = ClientId("https://a.example/c.json")
    await stores.documents.remember(reading(60), FIRST, on_change)
    decided = {"status": ClientStatus.SUSPENDED, "scope": "only", "access_token_lifetime": 5}
    await stores.clients.edit(url, lambda current: ClientEdit(replace(current, **decided), ()))  # type: ignore[arg-type]
    metadata = replace(client().metadata, redirect_uris=("https://a.example/new",))
    changed, first = await stores.documents.remember(reading(60, metadata=metadata), FIRST, on_change)
    assert not first
    assert changed == replace(reading(0, metadata=metadata).client, version=3, updated_at=stores.clock.now(), **decided)  # type: ignore[arg-type]
    assert (await stores.documents.known(url)) == replace(reading(60), client=changed)
    assert await stores.committed() == (["client.registered", "client.updated"], 3)


async def test_a_resource_comes_back_as_it_was_stored_in_order_of_registration(stores: Stores) -> None:
    broker = resource("broker", uri="", backend_kind=BackendKind.BROKER, broker_provider_id="p")
    for stored in (resource("z"), resource("a"), broker):
        await stores.resources.add(stored, TOLD)
    assert await stores.resources.all() == [resource("z"), resource("a"), broker]
    assert (await stores.counting.count()).resources == 3
    assert (await stores.committed())[1] == 3


async def test_resources_are_named_by_slug_uri_and_alias(stores: Stores) -> None:
    """A3."""
    await stores.resources.add(resource("notes", uri="https://Notes.example/"), ())
    await stores.resources.add(resource("empty", uri="", backend_kind=BackendKind.MINT), ())

    async def named(reference: str, alias: str) -> list[str]:
        return [found.slug for found in await stores.resources.named(reference, alias)]

    assert await named("notes", "") == ["notes"]
    assert await named("https://Notes.example/", "") == ["notes"]
    assert await named("HTTPS://notes.example", "https://notes.example") == ["notes"]
    assert await named("https://notes.example/x", "https://notes.example/x") == []


async def test_a_slug_is_taken_once(stores: Stores) -> None:
    await stores.resources.add(resource(), ())
    await stores.resources.add(resource("files"), ())
    with pytest.raises(Conflict, match="slug"):
        await stores.resources.add(resource(id=ResourceId("x")), ())
    with pytest.raises(Conflict, match="slug"):
        await stores.resources.edit(ResourceId("id-files"), lambda current: ResourceEdit(replace(current, slug=Slug("notes")), ()))
    assert (await stores.committed())[1] == 2


async def test_a_resource_is_edited_and_removed(stores: Stores) -> None:
    await stores.resources.add(resource(), ())
    edited = await stores.resources.edit(ResourceId("id-notes"), lambda current: ResourceEdit(replace(current, uri=""), TOLD))
    assert edited == resource(uri="", version=2, updated_at=stores.clock.now())
    seen: list[Resource] = []

    def told(gone: Resource) -> Event:
        seen.append(gone)
        return TOLD[0]

    await stores.resources.remove(ResourceId("id-notes"), told)
    assert seen == [edited]
    assert await stores.resources.all() == []
    assert await stores.committed() == (["client.updated"] * 2, 3)


async def test_the_mode_is_unset_until_somebody_sets_it(stores: Stores) -> None:
    assert await stores.settings.mode() is None
    for mode in (Mode.ADMIN_ONLY, Mode.OPEN):
        await stores.settings.set_mode(mode, TOLD[0])
        assert await stores.settings.mode() is mode
    assert await stores.committed() == (["client.updated"] * 2, 2)
