"""Dynamic registration (RFC 7591, wire contract §3.5) and its management (RFC 7592, target C6)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kit.credentials import matches_secret
from kit.errors import AccessDenied, Forbidden, InvalidClientMetadata, InvalidRedirectUri, InvalidRequest, InvalidToken, Missing
from services.registry.model import ClientId, ClientStatus, Mode, Source
from tests.unit.registry.world import OPERATOR, PEPPER, STRANGER, World, wish

APP: dict[str, Any] = {"client_name": "App", "redirect_uris": ["https://app.example/cb"]}
CONFIDENTIAL = APP | {"token_endpoint_auth_method": "client_secret_basic"}


async def test_a_public_client_has_no_secret_and_may_manage_itself() -> None:
    world = World()
    registered = await world.registration.register(APP, STRANGER)
    assert registered.client.source is Source.DCR
    assert not registered.secret
    assert (await world.registration.read(registered.client.id, registered.access_token)).client == registered.client
    assert world.memory.actions == ["client.registered"]
    assert world.memory.events[0].detail == {"source": "dcr"}
    assert world.memory.events[0].ip == STRANGER.ip


async def test_a_confidential_client_gets_a_secret_of_which_only_a_digest_stays() -> None:
    registered = await World().registration.register(CONFIDENTIAL, STRANGER)
    assert matches_secret(registered.secret, registered.client.secret_digest, PEPPER)
    assert registered.secret not in repr(registered)
    assert registered.access_token not in repr(registered)


async def test_members_that_are_not_the_clients_to_set_are_ignored() -> None:
    """K6: mass assignment."""
    hostile = APP | {"client_id": "admin", "status": "x", "scope": "everything", "secret_digest": "x", "registration_source": "admin"}
    client = (await World().registration.register(hostile, STRANGER)).client
    assert (client.scope, client.source, client.status) == ("", Source.DCR, ClientStatus.ACTIVE)
    assert client.id != "admin"


async def test_the_same_public_metadata_from_one_address_is_the_same_client_for_ten_minutes() -> None:
    """C6. Only who registered first may manage it."""
    world = World()
    first = await world.registration.register(APP, STRANGER)
    world.clock.advance(599)
    again = await world.registration.register(APP, STRANGER)
    assert again.client.id == first.client.id
    assert not again.access_token
    elsewhere = await world.registration.register(APP, replace(STRANGER, ip="192.0.2.2"))
    different = await world.registration.register(APP | {"client_name": "Other"}, STRANGER)
    world.clock.advance(2)
    later = await world.registration.register(APP, STRANGER)
    assert len({first.client.id, elsewhere.client.id, different.client.id, later.client.id}) == 4


async def test_a_repeat_never_shares_a_secret_a_suspended_or_a_changed_client() -> None:
    """C6."""
    world = World()
    one, two = [await world.registration.register(CONFIDENTIAL, STRANGER) for _ in range(2)]
    assert one.client.id != two.client.id
    suspended = await world.registration.register(APP, STRANGER)
    await world.administration.set_status(suspended.client.id, ClientStatus.SUSPENDED, OPERATOR)
    fresh = await world.registration.register(APP, STRANGER)
    assert fresh.client.id != suspended.client.id
    await world.registration.update(fresh.client.id, fresh.access_token, APP | {"client_id": fresh.client.id, "client_name": "B"}, STRANGER)
    assert (await world.registration.register(APP, STRANGER)).client.id != fresh.client.id


async def test_registration_obeys_the_mode_in_force() -> None:
    """Wire contract §3.5."""
    with pytest.raises(AccessDenied):
        await World(Mode.ADMIN_ONLY).registration.register(APP, STRANGER)
    picky = World(Mode.APPROVED_REDIRECTS, frozenset({"https://app.example/cb"}))
    assert await picky.registration.register(APP, STRANGER)
    with pytest.raises(InvalidRedirectUri):
        await picky.registration.register(APP | {"redirect_uris": ["https://app.example/cb", "https://app.example/cb/"]}, STRANGER)


async def test_the_mode_can_be_changed_while_running_and_is_audited() -> None:
    world = World()
    assert await world.admission.set_mode("admin_only", OPERATOR) is Mode.ADMIN_ONLY
    with pytest.raises(AccessDenied):
        await world.registration.register(APP, STRANGER)
    assert world.memory.events[-1].detail == {"old": "open", "new": "admin_only"}
    assert world.memory.events[-1].actor_id == "ci"
    for useless in ("disabled", "", "approved_redirects"):
        with pytest.raises(InvalidRequest):
            await world.admission.set_mode(useless, OPERATOR)


async def test_the_default_ceiling_is_for_clients_with_a_person_behind_every_grant() -> None:
    """Wire contract §3.7."""
    world = World(default_scope="notes:read")
    assert (await world.registration.register(APP, STRANGER)).client.scope == "notes:read"
    machine = CONFIDENTIAL | {"grant_types": ["authorization_code", "client_credentials"]}
    assert (await world.registration.register(machine, STRANGER)).client.scope == ""


async def test_a_self_declared_agent_is_marked_as_such() -> None:
    """T13."""
    client = (await World().registration.register(APP | {"agent": True, "agent_description": "writes notes"}, STRANGER)).client
    assert client.agent_assurance == "self_declared"


async def test_an_update_replaces_all_metadata() -> None:
    """RFC 7592 §2.2."""
    world = World()
    registered = await world.registration.register(APP | {"client_uri": "https://app.example/"}, STRANGER)
    body = {"client_id": registered.client.id, "client_name": "New", "redirect_uris": ["cursor://x/cb"]}
    changed = (await world.registration.update(registered.client.id, registered.access_token, body, STRANGER)).client
    assert (changed.metadata.name, changed.metadata.redirect_uris, changed.metadata.client_uri) == ("New", ("cursor://x/cb",), "")
    assert changed.version == 2
    assert world.memory.actions == ["client.registered", "client.updated"]


async def test_an_update_to_a_secret_method_makes_one_and_back_ends_it() -> None:
    world = World()
    registered = await world.registration.register(APP, STRANGER)
    own = {"client_id": registered.client.id}
    confidential = await world.registration.update(registered.client.id, registered.access_token, CONFIDENTIAL | own, STRANGER)
    assert matches_secret(confidential.secret, confidential.client.secret_digest, PEPPER)
    same = CONFIDENTIAL | own | {"client_secret": confidential.secret}
    assert not (await world.registration.update(registered.client.id, registered.access_token, same, STRANGER)).secret
    public = await world.registration.update(registered.client.id, registered.access_token, APP | own, STRANGER)
    assert public.client.secret_digest == ""


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": "other"},
        {"client_id": None},
        {"registration_access_token": "x"},
        {"registration_client_uri": "x"},
        {"client_id_issued_at": 1},
        {"client_secret_expires_at": 0},
        {"client_secret": "chosen"},
        {"client_secret": {"a": 1}},
        {"redirect_uris": ["javascript:alert(1)"]},
    ],
)
async def test_an_update_cannot_set_what_is_not_the_clients(members: dict[str, Any]) -> None:
    """RFC 7592 §2.2, K6."""
    world = World()
    registered = await world.registration.register(APP, STRANGER)
    body = APP | {"client_id": registered.client.id} | members
    with pytest.raises(InvalidClientMetadata):
        await world.registration.update(registered.client.id, registered.access_token, body, STRANGER)
    assert world.memory.rows[registered.client.id] == registered.client


async def test_nobody_manages_a_client_without_its_own_token() -> None:
    """RFC 7592 §2.1: an unknown client and a wrong token answer alike."""
    world = World()
    mine, other = [await world.registration.register(APP | {"client_name": name}, STRANGER) for name in ("A", "B")]
    for client_id, token in [(mine.client.id, other.access_token), (mine.client.id, ""), (ClientId("nobody"), mine.access_token)]:
        with pytest.raises(InvalidToken):
            await world.registration.read(client_id, token)
    admin_made = await world.administration.create(wish(), OPERATOR)
    with pytest.raises(InvalidToken):
        await world.registration.delete(admin_made.client.id, mine.access_token, STRANGER)


async def test_a_suspended_client_cannot_change_itself() -> None:
    """RFC 7592 §2.2: 403."""
    world = World()
    registered = await world.registration.register(APP, STRANGER)
    await world.administration.set_status(registered.client.id, ClientStatus.SUSPENDED, OPERATOR)
    for attempt in (world.registration.read(registered.client.id, registered.access_token),):
        with pytest.raises(Forbidden):
            await attempt


async def test_a_client_may_delete_itself() -> None:
    """RFC 7592 §2.3."""
    world = World()
    registered = await world.registration.register(APP, STRANGER)
    await world.registration.delete(registered.client.id, registered.access_token, STRANGER)
    with pytest.raises(Missing):
        await world.clients.find(registered.client.id)
    with pytest.raises(InvalidToken):
        await world.registration.read(registered.client.id, registered.access_token)


async def test_clients_nobody_used_expire_and_used_ones_do_not() -> None:
    """C6."""
    world = World()
    used, unused = [await world.registration.register(APP | {"client_name": name}, STRANGER) for name in ("A", "B")]
    await world.resolution.stored(used.client.id)
    world.clock.advance(timedelta(days=29))
    assert await world.registration.expire_never_used() == 0
    world.clock.advance(timedelta(days=2))
    assert await world.registration.expire_never_used() == 1
    assert set(world.memory.rows) == {used.client.id}
    assert world.memory.events[-1].action.value == "client.expired"
    assert world.memory.events[-1].client_id == unused.client.id
