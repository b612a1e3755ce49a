"""What an operator does to clients (operator contract §3.2), and what the configuration plants (§2.11)."""

from dataclasses import replace
from typing import Any

import pytest

from config.schema import Configuration
from kit.audit import ActorKind
from kit.credentials import matches_secret
from kit.errors import Conflict, InvalidClientMetadata, InvalidRequest, Missing, Stale
from kit.oauth import GrantType
from services.registry import app, settings
from services.registry.clients import ClientPatch
from services.registry.model import ClientId, ClientStatus, Source
from services.registry.seeds import SeedMode, SeedRefused, Seeds
from tests.unit.registry.world import MCP, OPERATOR, PEPPER, STRANGER, URL, World, document, wish


async def test_a_created_client_is_the_operators_and_its_secret_is_told_once() -> None:
    world = World()
    created = await world.administration.create(
        wish(
            grant_types=["client_credentials"],
            token_endpoint_auth_method="client_secret_post",
            scope="b  a b",
            redirect_uris=[],
            agent=True,
        ),
        OPERATOR,
    )
    client = created.client
    assert matches_secret(created.secret, client.secret_digest, PEPPER)
    assert (client.source, client.scope, client.agent_assurance) == (Source.ADMIN, "b a", "vouched")
    event = world.memory.events[0]
    assert (event.action, event.actor_kind, event.actor_id) == ("client.created_admin", ActorKind.OPERATOR, "ci")
    assert (event.ip, event.request_id, event.trace_id) == ("192.0.2.9", "r-1", "t-1")


@pytest.mark.parametrize(
    "members",
    [
        {"client_name": ""},
        {"grant_types": ["authorization_code", "implicit"]},
        {"scope": 'a"b'},
        {"scope": "x" * 9000},
        {"access_token_lifetime": -1},
        {"access_token_lifetime": 10**10},
        {"tokens_per_minute": -1},
        {"tokens_per_day": 10**10},
        {"client_id": "é"},
        {"client_id": "a\nb"},
        {"client_id": "a" * 257},
        {"redirect_uris": ["http://app.example/"]},
    ],
)
async def test_a_mistake_of_the_operator_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata):
        await World().administration.create(wish(**members), OPERATOR)


async def test_a_patch_changes_what_it_names_clears_what_it_empties_and_keeps_the_rest() -> None:
    world = World()
    client = (await world.administration.create(wish(scope="a b"), OPERATOR)).client
    patch = ClientPatch(scope="", redirect_uris=["http://127.0.0.1/cb"], access_token_lifetime=300)
    changed = await world.administration.update(client.id, patch, OPERATOR)
    assert (changed.scope, changed.metadata.redirect_uris, changed.access_token_lifetime) == ("", ("http://127.0.0.1/cb",), 300)
    assert changed.metadata.application_type == "native"
    assert changed.metadata.name == "App"
    assert world.memory.events[-1].detail == {"fields": ["redirect_uris", "scope", "access_token_lifetime"]}


@pytest.mark.parametrize(
    "patch",
    [
        ClientPatch(name=" "),
        ClientPatch(redirect_uris=()),
        ClientPatch(redirect_uris=("x",)),
        ClientPatch(grant_types=()),
        ClientPatch(grant_types=("magic",)),
        ClientPatch(scope="é"),
        ClientPatch(tokens_per_minute=-1),
        ClientPatch(tokens_per_day=10**10),
    ],
)
async def test_a_patch_that_leaves_the_client_unusable_is_refused(patch: ClientPatch) -> None:
    world = World()
    client = (await world.administration.create(wish(), OPERATOR)).client
    with pytest.raises(InvalidClientMetadata):
        await world.administration.update(client.id, patch, OPERATOR)
    assert await world.clients.find(client.id) == client


async def test_a_clients_quotas_are_the_operators_to_set_and_to_lift() -> None:
    """T12."""
    world = World()
    client = (await world.administration.create(wish(tokens_per_minute=60, tokens_per_day=1000), OPERATOR)).client
    assert (client.tokens_per_minute, client.tokens_per_day) == (60, 1000)
    changed = await world.administration.update(client.id, ClientPatch(tokens_per_minute=0), OPERATOR)
    assert (changed.tokens_per_minute, changed.tokens_per_day) == (0, 1000)
    assert world.memory.events[-1].detail == {"fields": ["tokens_per_minute"]}


async def test_a_declared_application_type_stays_enforced() -> None:
    """C8."""
    world = World()
    client = (
        await world.administration.create(wish(application_type="native", redirect_uris=["cursor://x/y", "https://a.example/"]), OPERATOR)
    ).client
    assert (await world.administration.update(client.id, ClientPatch(name="B"), OPERATOR)).metadata.application_type == "native"


async def test_a_stale_patch_is_refused() -> None:
    world = World()
    client = (await world.administration.create(wish(), OPERATOR)).client
    await world.administration.update(client.id, ClientPatch(name="B", expected_version=1), OPERATOR)
    with pytest.raises(Stale):
        await world.administration.update(client.id, ClientPatch(name="C", expected_version=1), OPERATOR)


async def test_what_a_document_says_is_not_the_operators_to_change() -> None:
    world = World()
    world.host.answers[URL] = document()
    await world.resolution.resolve(ClientId(URL), STRANGER)
    with pytest.raises(InvalidClientMetadata, match="document"):
        await world.administration.update(ClientId(URL), ClientPatch(name="B"), OPERATOR)
    await world.administration.update(ClientId(URL), ClientPatch(scope="a"), OPERATOR)
    world.host.answers[URL] = document(client_name="New")
    world.clock.advance(601)
    read_again = (await world.resolution.resolve(ClientId(URL), STRANGER)).client
    assert (read_again.scope, read_again.metadata.name) == ("a", "New")


async def test_every_status_has_its_action_and_a_repeat_writes_nothing() -> None:
    world = World()
    client = (await world.administration.create(wish(), OPERATOR)).client
    for status in (ClientStatus.SUSPENDED, ClientStatus.SUSPENDED, ClientStatus.REVOKED, ClientStatus.ACTIVE):
        assert (await world.administration.set_status(client.id, status, OPERATOR)).status is status
    assert world.memory.actions[1:] == ["client.suspended", "client.revoked", "client.reactivated"]


async def test_a_rotated_secret_replaces_the_old_one() -> None:
    world = World()
    created = await world.administration.create(wish(token_endpoint_auth_method="client_secret_basic"), OPERATOR)
    secret = await world.administration.rotate_secret(created.client.id, OPERATOR)
    stored = (await world.clients.find(created.client.id)).secret_digest
    assert matches_secret(secret, stored, PEPPER)
    assert not matches_secret(created.secret, stored, PEPPER)
    public = (await world.administration.create(wish(), OPERATOR)).client
    with pytest.raises(Conflict):
        await world.administration.rotate_secret(public.id, OPERATOR)


async def test_what_is_not_there_is_missing() -> None:
    administration = World().administration
    nobody = ClientId("nobody")
    for attempt in (
        administration.update(nobody, ClientPatch(), OPERATOR),
        administration.set_status(nobody, ClientStatus.ACTIVE, OPERATOR),
        administration.rotate_secret(nobody, OPERATOR),
        administration.delete(nobody, OPERATOR, force=True),
    ):
        with pytest.raises(Missing):
            await attempt


async def test_pages_are_bounded() -> None:
    world = World()
    for _ in range(60):
        await world.administration.create(wish(), OPERATOR)
    assert len(await world.administration.page(None, None, 0, 0)) == 50
    assert len(await world.administration.page(None, Source.ADMIN, 1000, 50)) == 10
    with pytest.raises(InvalidRequest):
        await world.administration.page(None, None, 10, -1)


SEED_CLIENT = wish(client_id="demo", secret="chosen", token_endpoint_auth_method="client_secret_basic", scope="a")


async def test_seeds_are_created_once_and_then_left_alone() -> None:
    """RES-4."""
    world = World()
    await world.sower.plant(Seeds((MCP,), (SEED_CLIENT,)))
    planted = len(world.memory.changes)
    await world.sower.plant(Seeds((replace(MCP, display_name="Other"),), (replace(SEED_CLIENT, scope="b"),)))
    assert len(world.memory.changes) == planted == 2
    client = await world.clients.find(ClientId("demo"))
    assert matches_secret("chosen", client.secret_digest, PEPPER)
    assert world.memory.events[0].actor_kind is ActorKind.SYSTEM


async def test_synchronised_seeds_follow_the_configuration_and_write_only_differences() -> None:
    world = World()
    await world.sower.plant(Seeds((MCP,), (SEED_CLIENT,)))
    await world.sower.plant(Seeds((MCP,), (SEED_CLIENT,), SeedMode.SYNC))
    assert len(world.memory.changes) == 2
    changed = replace(SEED_CLIENT, scope="b", secret="another")
    await world.sower.plant(Seeds((replace(MCP, display_name="Other"),), (changed,), SeedMode.SYNC))
    client = await world.clients.find(ClientId("demo"))
    assert (client.scope, (await world.catalogue.resolve("notes")).display_name) == ("b", "Other")
    assert matches_secret("another", client.secret_digest, PEPPER)


async def test_a_seed_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(SeedRefused, match=r"resources\[notes\]"):
        await World().sower.plant(Seeds((replace(MCP, uri="x"),)))
    with pytest.raises(SeedRefused, match=r"clients\[demo\]"):
        await World().sower.plant(Seeds((), (replace(SEED_CLIENT, scope="é"),)))


def test_settings_pick_what_the_registry_reads() -> None:
    configuration = Configuration.model_validate(
        {
            "client_secret_pepper": "p",
            "xaa": {"enabled": False},
            "resources": ({"slug": "notes", "uri": "https://mcp.example/mcp", "scopes": ({"name": "a", "default": True},)},),
            "clients": ({"client_name": "Demo", "redirect_uris": ("http://127.0.0.1/cb",)},),
        }
    )
    read = settings.of(configuration)
    assert read.pepper == b"p"
    assert "pepper" not in repr(read)
    assert read.grants == frozenset(GrantType) - {GrantType.JWT_BEARER}
    assert read.seeds.resources[0].display_name == "notes"
    assert read.seeds.resources[0].scopes[0].is_default
    assert read.seeds.clients[0].client_id == settings.of(configuration).seeds.clients[0].client_id != ""


def test_a_seeded_client_with_a_method_needs_its_secret() -> None:
    seed = {"client_name": "Demo", "redirect_uris": ("http://127.0.0.1/cb",), "token_endpoint_auth_method": "client_secret_basic"}
    with pytest.raises(SeedRefused, match="Demo"):
        settings.of(Configuration.model_validate({"clients": (seed,)}))


def test_every_service_has_a_row_of_callers() -> None:
    """Architecture law 12."""
    assert {app.READS: {"authorize", "token", "admin"}, app.WRITES: {"admin"}} == app.CALLERS
