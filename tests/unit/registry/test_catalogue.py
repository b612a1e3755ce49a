"""Resources: vault, exchange and topologies §1.2 and §1.3; target A3; wire contract §2.4."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Conflict, InvalidRequest, Missing, Stale
from services.registry import protected_resource, resources
from services.registry.catalogue import POLICY_ACTIONS, NewResource, ResourcePatch
from services.registry.model import BackendKind, Policy, Scope
from tests.unit.registry.world import MCP, OPERATOR, World


async def world_with(*wishes: NewResource) -> World:
    world = World()
    for wish in wishes:
        await world.catalogue.create(wish, OPERATOR)
    return world


ALIASES = ["notes", "https://mcp.example/mcp", "HTTPS://MCP.example/mcp", "https://MCP.EXAMPLE/mcp"]


@pytest.mark.parametrize("reference", ALIASES)
async def test_a_resource_is_found_by_slug_uri_or_alias_in_its_registered_form(reference: str) -> None:
    """A3."""
    assert (await (await world_with(MCP)).catalogue.resolve(reference)).uri == "https://mcp.example/mcp"


async def test_a_root_slash_makes_no_difference() -> None:
    """A3."""
    world = await world_with(replace(MCP, uri="https://mcp.example"), replace(MCP, slug="two", uri="https://two.example/"))
    assert (await world.catalogue.resolve("https://mcp.example/")).uri == "https://mcp.example"
    assert (await world.catalogue.resolve("https://two.example")).uri == "https://two.example/"


NOT_ALIASES = [
    "https://mcp.example/mcp/",
    "https://mcp.example/MCP",
    "http://mcp.example/mcp",
    "https://mcp.example:443/mcp",
    "https://mcp.example/mcp?x",
    "https://mcp.example/mcp?",
    "https://mcp.example/\nmcp",
    "\thttps://mcp.example/mcp",
    "https://mcp.example/mcp#f",
    "https://user@mcp.example/mcp",
    "https://mcp.example/x/../mcp",
    "https://mcp.example",
    "Notes",
    "",
    "\x00",
    "x" * 5000,
    "https://[",
]


@pytest.mark.parametrize("reference", NOT_ALIASES)
async def test_anything_else_is_another_resource(reference: str) -> None:
    with pytest.raises(Missing):
        await (await world_with(MCP)).catalogue.resolve(reference)


async def test_an_unknown_reference_names_the_closest_registered_one() -> None:
    """A3."""
    world = await world_with(MCP, replace(MCP, slug="files", uri="https://files.example/api"))
    with pytest.raises(Missing) as missing:
        await world.catalogue.resolve("https://mcp.example/mcp/")
    assert missing.value.members == {"closest": "https://mcp.example/mcp"}
    with pytest.raises(Missing) as missing:
        await world.catalogue.resolve("urn:something:else:entirely")
    assert missing.value.members == {}


async def test_two_resources_with_one_uri_are_ambiguous_by_it_and_not_by_slug() -> None:
    """RES-2."""
    world = await world_with(MCP, replace(MCP, slug="canary"))
    with pytest.raises(Conflict, match="slug"):
        await world.catalogue.resolve(MCP.uri)
    assert (await world.catalogue.resolve("canary")).slug == "canary"


async def test_an_exact_match_goes_before_an_alias() -> None:
    world = await world_with(replace(MCP, uri="https://mcp.example"), replace(MCP, slug="slash", uri="https://mcp.example/"))
    assert (await world.catalogue.resolve("https://mcp.example/")).slug == "slash"
    with pytest.raises(Conflict):
        await world.catalogue.resolve("HTTPS://mcp.example")


@given(st.text(max_size=80))
def test_any_text_has_an_alias_or_none_and_an_alias_is_its_own(text: str) -> None:
    once = resources.alias(text)
    assert resources.alias(once) == once


BROKER = replace(
    MCP, slug="github", uri="", backend_kind=BackendKind.BROKER, broker_provider_id="p1", scopes=(Scope("read", upstream="repo"),)
)


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": ""},
        {"slug": "-a"},
        {"slug": "a_b"},
        {"slug": "a" * 65},
        {"slug": "ä"},
        {"uri": "mcp.example/mcp"},
        {"uri": "ftp://mcp.example"},
        {"uri": "https://"},
        {"uri": "https://mcp.example/#f"},
        {"uri": "https://user@mcp.example/"},
        {"uri": "https://mcp.example/ "},
        {"uri": "https://mcp.example\\x"},
        {"uri": "https://mcp.example:99999/"},
        {"uri": "https://mcp.example/" + "a" * 2048},
        {"display_name": " "},
        {"display_name": "a\x00"},
        {"description": "x" * 3000},
        {"scopes": (Scope(""),)},
        {"scopes": (Scope("two words"),)},
        {"scopes": (Scope('quo"te'),)},
        {"scopes": (Scope("a"), Scope("a"))},
        {"scopes": tuple(Scope(f"s{number}") for number in range(257))},
        {"scopes": (Scope("a", "x\x00"),)},
        {"policy": Policy(runtime_client_ids=("",))},
        {"policy": Policy(runtime_client_ids=tuple(map(str, range(257))))},
        {"policy": Policy(connect_allowed_return_urls=("https://*.example/",))},
        {"policy": Policy(connect_allowed_return_urls=("javascript:x",))},
        {"access_token_lifetime": -1},
        {"access_token_lifetime": 10**12},
        {"broker_provider_id": "p1"},
        {"backend_kind": BackendKind.BROKER},
        {"backend_kind": BackendKind.BROKER, "broker_provider_id": "p1", "scopes": (Scope("read"),)},
    ],
)
async def test_a_malformed_resource_is_refused(changes: dict[str, Any]) -> None:
    """§1.2."""
    with pytest.raises(InvalidRequest):
        await world_with(replace(MCP, **changes))


async def test_a_broker_resource_and_loopback_wildcards_are_accepted() -> None:
    """RES-6."""
    policy = Policy(connect_allowed_return_urls=("http://localhost:*", "https://app.example/back"))
    world = await world_with(replace(BROKER, policy=policy))
    assert (await world.catalogue.resolve("github")).policy == policy


async def test_slugs_are_lowered_and_unique() -> None:
    world = await world_with(replace(MCP, slug="Notes"))
    assert (await world.catalogue.all())[0].slug == "notes"
    with pytest.raises(Conflict, match="slug"):
        await world.catalogue.create(MCP, OPERATOR)


async def test_a_patch_changes_only_what_it_names_and_says_so() -> None:
    world = await world_with(MCP)
    before = await world.catalogue.resolve("notes")
    after = await world.catalogue.update(before.id, ResourcePatch(display_name="New", scopes=()), OPERATOR)
    assert after == replace(before, display_name="New", scopes=(), version=2)
    assert world.memory.actions == ["resource.created", "resource.patched"]
    assert world.memory.events[-1].detail == {"id": before.id, "slug": "notes", "fields": ["display_name", "scopes"]}
    with pytest.raises(Stale):
        await world.catalogue.update(before.id, ResourcePatch(display_name="Old", expected_version=1), OPERATOR)
    with pytest.raises(InvalidRequest):
        await world.catalogue.update(before.id, ResourcePatch(uri="x"), OPERATOR)


async def test_a_patch_that_changes_nothing_writes_nothing() -> None:
    world = await world_with(MCP)
    before = await world.catalogue.resolve("notes")
    assert await world.catalogue.update(before.id, ResourcePatch(display_name="Notes"), OPERATOR) == before
    assert len(world.memory.changes) == 1


async def test_every_entry_added_to_or_removed_from_a_policy_is_audited() -> None:
    """§1.4."""
    world = await world_with(replace(MCP, policy=Policy(runtime_client_ids=("a", "b"))))
    resource = await world.catalogue.resolve("notes")
    policy = Policy(("x",), ("b", "c"), ("https://app.example/",))
    await world.catalogue.update(resource.id, ResourcePatch(policy=policy), OPERATOR)
    assert sorted(
        (event.action.value, str(event.detail.get("client_id") or event.detail.get("url"))) for event in world.memory.events[1:]
    ) == [
        ("resource.policy.connect.allowed_return_url.added", "https://app.example/"),
        ("resource.policy.exchange.allowed_client.added", "x"),
        ("resource.policy.runtime.client.added", "c"),
        ("resource.policy.runtime.client.removed", "a"),
    ]


def test_every_policy_list_has_its_actions() -> None:
    assert set(POLICY_ACTIONS) == set(Policy.__dataclass_fields__)


async def test_a_deleted_resource_is_gone_and_its_slug_free() -> None:
    world = await world_with(MCP)
    await world.catalogue.delete((await world.catalogue.resolve("notes")).id, OPERATOR, cascade=True)
    assert world.memory.events[-1].detail["cascade"] is True
    await world.catalogue.create(MCP, OPERATOR)


async def test_metadata_is_selected_by_slug_path_or_host() -> None:
    """RFC 9728 §3.1; wire contract §2.4."""
    world = await world_with(
        MCP,
        replace(MCP, slug="twin", uri="https://twin.example/mcp"),
        replace(MCP, slug="root", uri="https://root.example"),
        replace(MCP, slug="deep", uri="https://deep.example/a/b"),
        replace(MCP, slug="nowhere", uri=""),
        BROKER,
    )
    known = await world.catalogue.all()
    assert protected_resource.select("twin", "", known).slug == "twin"
    assert protected_resource.select("mcp", "twin.example", known).slug == "twin"
    assert protected_resource.select("", "", known).slug == "root"
    assert protected_resource.select("a/b", "issuer.example", known).slug == "deep"
    for reference in ("mcp", "nowhere", "github", "a", "a/b/c"):
        with pytest.raises(Missing):
            protected_resource.select(reference, "issuer.example", known)


async def test_metadata_repeats_the_registered_uri_byte_for_byte() -> None:
    """RFC 9728 §2."""
    resource = await (await world_with(MCP)).catalogue.resolve("notes")
    members = protected_resource.document(resource, "https://as.example", ("ES256",))
    assert members == {
        "resource": "https://mcp.example/mcp",
        "authorization_servers": ["https://as.example"],
        "scopes_supported": ["notes:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Notes",
        "dpop_signing_alg_values_supported": ["ES256"],
    }
