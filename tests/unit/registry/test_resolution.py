"""Clients known by the URL of their metadata document: target C5; wire contract §3.4; threat T19."""

import asyncio
from datetime import timedelta

import pytest

from kit.errors import InvalidClient, Missing, Unavailable
from services.registry.model import ClientId, ClientStatus, Mode, Source
from services.registry.resolution import FETCHES_AT_ONCE
from tests.unit.registry.world import OPERATOR, STRANGER, URL, World, document, wish

ID = ClientId(URL)


def world_with(**options: object) -> World:
    world = World(**options)  # type: ignore[arg-type]
    world.host.answers[URL] = document()
    return world


async def test_a_document_makes_its_url_a_client_once() -> None:
    world = world_with()
    first = await world.resolution.resolve(ID, STRANGER)
    again = await world.resolution.resolve(ID, STRANGER)
    assert (first.first_seen, again.first_seen) == (True, False)
    assert first.client.source is Source.CIMD
    assert first.client.cimd_url == URL
    assert len(world.host.fetched) == 1
    assert world.memory.actions == ["client.registered"]
    assert world.memory.events[0].detail == {"source": "cimd"}


async def test_fifty_callers_of_a_new_url_cause_one_fetch_and_one_client() -> None:
    world = world_with()
    world.host.delay = 0.01
    resolved = await asyncio.gather(*(world.resolution.resolve(ID, STRANGER) for _ in range(50)))
    assert len(world.host.fetched) == 1
    assert sum(each.first_seen for each in resolved) == 1
    assert world.suppressed == ["single_flight"] * 49
    assert world.memory.actions == ["client.registered"]


async def test_one_impatient_caller_does_not_end_the_fetch_for_others() -> None:
    world = world_with()
    world.host.delay = 0.02
    impatient = asyncio.create_task(world.resolution.resolve(ID, STRANGER))
    await asyncio.sleep(0)
    patient = asyncio.create_task(world.resolution.resolve(ID, STRANGER))
    await asyncio.sleep(0.005)
    impatient.cancel()
    assert (await patient).client.id == URL


async def test_a_change_takes_effect_when_the_reading_expires() -> None:
    world = world_with()
    await world.resolution.resolve(ID, STRANGER)
    world.host.answers[URL] = document(redirect_uris=["https://client.example/new"])
    world.clock.advance(599)
    assert (await world.resolution.resolve(ID, STRANGER)).client.metadata.redirect_uris == ("https://client.example/cb",)
    world.clock.advance(2)
    changed = (await world.resolution.resolve(ID, STRANGER)).client
    assert changed.metadata.redirect_uris == ("https://client.example/new",)
    assert changed.version == 2
    assert world.memory.actions == ["client.registered", "client.updated"]


async def test_an_unchanged_document_is_read_again_without_a_new_version() -> None:
    world = world_with()
    await world.resolution.resolve(ID, STRANGER)
    world.clock.advance(601)
    assert (await world.resolution.resolve(ID, STRANGER)).client.version == 1
    assert len(world.host.fetched) == 2
    assert len(world.memory.changes) == 1


async def test_an_unreachable_document_leaves_its_last_reading_in_use_for_a_day() -> None:
    world = world_with()
    await world.resolution.resolve(ID, STRANGER)
    world.host.answers[URL] = Unavailable("down")
    world.clock.advance(timedelta(minutes=10, hours=23))
    assert (await world.resolution.resolve(ID, STRANGER)).client.id == URL
    world.clock.advance(timedelta(hours=1, minutes=1))
    with pytest.raises(Unavailable):
        await world.resolution.resolve(ID, STRANGER)


async def test_a_document_that_turned_unacceptable_ends_the_client_at_once() -> None:
    world = world_with()
    await world.resolution.resolve(ID, STRANGER)
    world.host.answers[URL] = document(client_id="https://evil.test/client.json")
    world.clock.advance(601)
    with pytest.raises(InvalidClient, match="client_id is not the URL"):
        await world.resolution.resolve(ID, STRANGER)


@pytest.mark.parametrize("failure", [Unavailable("down"), document(client_id="other")])
async def test_a_failure_is_remembered_for_thirty_seconds(failure: object) -> None:
    """T19."""
    world = World()
    world.host.answers[URL] = failure  # type: ignore[assignment]
    for _ in range(3):
        with pytest.raises((Unavailable, InvalidClient)):
            await world.resolution.resolve(ID, STRANGER)
    assert len(world.host.fetched) == 1
    assert world.suppressed == ["negative_cache"] * 2
    world.clock.advance(31)
    world.host.answers[URL] = document()
    assert (await world.resolution.resolve(ID, STRANGER)).first_seen


async def test_at_most_sixteen_documents_are_fetched_at_once() -> None:
    """T19."""
    world = World()
    world.host.delay = 0.005
    urls = [f"https://client.example/{number}.json" for number in range(50)]
    for url in urls:
        world.host.answers[url] = document(client_id=url)
    await asyncio.gather(*(world.resolution.resolve(ClientId(url), STRANGER) for url in urls))
    assert world.host.most_at_once == FETCHES_AT_ONCE


async def test_modes_of_registration_govern_documents_too() -> None:
    """Wire contract §3.4, gate 2."""
    closed = world_with(mode=Mode.ADMIN_ONLY)
    with pytest.raises(InvalidClient, match="operator only"):
        await closed.resolution.resolve(ID, STRANGER)
    assert closed.host.fetched == []
    picky = world_with(mode=Mode.APPROVED_REDIRECTS, approved=frozenset({"https://other.example/cb"}))
    with pytest.raises(InvalidClient, match="approved"):
        await picky.resolution.resolve(ID, STRANGER)
    approved = world_with(mode=Mode.APPROVED_REDIRECTS, approved=frozenset({"https://client.example/cb"}))
    assert (await approved.resolution.resolve(ID, STRANGER)).first_seen


async def test_a_known_client_survives_the_closing_of_registration() -> None:
    world = world_with()
    await world.resolution.resolve(ID, STRANGER)
    await world.admission.set_mode("admin_only", OPERATOR)
    world.clock.advance(601)
    assert not (await world.resolution.resolve(ID, STRANGER)).first_seen


async def test_documents_can_be_switched_off() -> None:
    """Wire contract §3.4, gate 1."""
    with pytest.raises(InvalidClient, match="not enabled"):
        await world_with(cimd=False).resolution.resolve(ID, STRANGER)


async def test_an_ended_client_stays_ended_whatever_its_document_says() -> None:
    world = world_with()
    await world.resolution.resolve(ID, STRANGER)
    await world.administration.set_status(ID, ClientStatus.SUSPENDED, OPERATOR)
    world.clock.advance(timedelta(days=2))
    assert (await world.resolution.resolve(ID, STRANGER)).client.status is ClientStatus.SUSPENDED
    assert len(world.host.fetched) == 1


async def test_other_ids_are_looked_up_and_never_fetched() -> None:
    world = World()
    created = await world.administration.create(wish(), OPERATOR)
    assert (await world.resolution.resolve(created.client.id, STRANGER)).client == created.client
    for unknown in ("nobody", "", "ftp://client.example/a", "//client.example/a"):
        with pytest.raises(Missing):
            await world.resolution.resolve(ClientId(unknown), STRANGER)
    for malformed in ("http://client.example/a", "HTTPS://client.example", "https://client.example/../a"):
        with pytest.raises(InvalidClient):
            await world.resolution.resolve(ClientId(malformed), STRANGER)
    assert world.host.fetched == []


async def test_reading_by_id_never_fetches() -> None:
    world = world_with()
    with pytest.raises(Missing):
        await world.resolution.stored(ID)
    assert world.host.fetched == []
