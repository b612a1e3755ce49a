"""The registry's two services over mutual TLS: who may call them, what they answer, how changes travel."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import orjson
import pytest
from authserver.registry.v1 import registry_pb2 as pb
from authserver.registry.v1 import registry_pb2_grpc as stubs

from kit.errors import AuthPlaneError, Conflict, InvalidClient, InvalidClientMetadata, InvalidRequest, Missing, Stale, Unavailable
from tests.integration.registry.conftest import OPERATOR, Registry, Start
from tests.integration.registry.document_host import DocumentHost
from tests.support.clock import FrozenClock
from tests.support.servers import Database

CONFIDENTIAL = pb.CreateClientRequest(
    client_name="Machine",
    grant_types=["client_credentials"],
    token_endpoint_auth_method="client_secret_basic",
    scope="a",
    operator=OPERATOR,
)
NOTES = pb.CreateResourceRequest(slug="notes", uri="https://mcp.example/mcp", display_name="Notes", operator=OPERATOR)


async def change(stream: AsyncIterator[pb.WatchChangesResponse]) -> pb.WatchChangesResponse:
    async with asyncio.timeout(5):
        return await anext(stream)


async def test_only_the_services_named_may_call(registry: Registry) -> None:
    """Architecture §6."""
    for caller in ("authorize", "token", "admin"):
        with pytest.raises(Missing):
            await registry.reads(caller).GetClient(pb.GetClientRequest(client_id="nobody"))
    for caller in ("vault", "audit", "gateway", "registry"):
        with pytest.raises(Exception, match="may not use") as refused:
            await registry.reads(caller).GetClient(pb.GetClientRequest(client_id="nobody"))
        assert not isinstance(refused.value, Missing)
    for caller in ("authorize", "token", "vault"):
        with pytest.raises(Exception, match="may not use"):
            await registry.writes(caller).CountRegistry(pb.CountRegistryRequest())


async def test_the_digest_of_a_secret_is_for_token_alone(registry: Registry) -> None:
    created = await registry.writes().CreateClient(CONFIDENTIAL)
    assert len(created.client_secret) == 43
    assert created.client.secret_digest == ""
    request = pb.GetClientRequest(client_id=created.client.id)
    assert (await registry.reads("token").GetClient(request)).client.secret_digest
    for caller in ("authorize", "admin"):
        assert not (await registry.reads(caller).GetClient(request)).client.secret_digest


async def test_a_clients_quotas_reach_token(registry: Registry) -> None:
    """T12."""
    wished = pb.CreateClientRequest()
    wished.CopyFrom(CONFIDENTIAL)
    wished.tokens_per_minute, wished.tokens_per_day = 60, 1000
    client = (await registry.writes().CreateClient(wished)).client
    await registry.writes().UpdateClient(pb.UpdateClientRequest(client_id=client.id, tokens_per_minute=0, operator=OPERATOR))
    kept = (await registry.reads("token").GetClient(pb.GetClientRequest(client_id=client.id))).client
    assert (kept.tokens_per_minute, kept.tokens_per_day) == (0, 1000)


async def test_a_client_lives_through_everything_an_operator_does(registry: Registry) -> None:
    writes, reads = registry.writes(), registry.reads("token")
    client = (await writes.CreateClient(CONFIDENTIAL)).client
    updated = await writes.UpdateClient(pb.UpdateClientRequest(client_id=client.id, scope="b", expected_version=1, operator=OPERATOR))
    assert (updated.client.scope, updated.client.name, updated.client.version) == ("b", "Machine", 2)
    with pytest.raises(Stale):
        await writes.UpdateClient(pb.UpdateClientRequest(client_id=client.id, scope="c", expected_version=1, operator=OPERATOR))
    before = (await reads.GetClient(pb.GetClientRequest(client_id=client.id))).client.secret_digest
    await writes.RotateClientSecret(pb.RotateClientSecretRequest(client_id=client.id, operator=OPERATOR))
    assert (await reads.GetClient(pb.GetClientRequest(client_id=client.id))).client.secret_digest != before
    status = pb.SetClientStatusRequest(client_id=client.id, status=pb.CLIENT_STATUS_SUSPENDED, operator=OPERATOR)
    assert (await writes.SetClientStatus(status)).client.status == pb.CLIENT_STATUS_SUSPENDED
    listed = await writes.ListClients(pb.ListClientsRequest(status=pb.CLIENT_STATUS_SUSPENDED))
    assert [found.id for found in listed.clients] == [client.id]
    counts = await writes.CountRegistry(pb.CountRegistryRequest())
    assert (counts.clients, counts.active_clients, counts.resources) == (1, 0, 0)
    await writes.DeleteClient(pb.DeleteClientRequest(client_id=client.id, force=True, operator=OPERATOR))
    with pytest.raises(Missing):
        await reads.GetClient(pb.GetClientRequest(client_id=client.id))


async def test_a_page_always_fits_into_one_answer_whatever_strangers_registered(registry: Registry) -> None:
    """Ten redirect URIs of two thousand characters each must not blind the operator."""
    uris = [f"https://app.example/{number}/{'a' * 2000}" for number in range(10)]
    answers = await asyncio.gather(*(registry.register(client_name=f"c{number}", redirect_uris=uris) for number in range(60)))
    assert {answer.status_code for answer in answers} == {201}
    listed = await registry.writes().ListClients(pb.ListClientsRequest(limit=60))
    assert len({client.id for client in listed.clients}) == 60
    assert listed.clients[0].redirect_uris == uris
    assert not listed.clients[-1].redirect_uris


async def test_every_write_is_attributed_and_audited_with_its_change(registry: Registry, superuser: Any) -> None:
    """Architecture law 6."""
    writes = registry.writes()
    client = (await writes.CreateClient(CONFIDENTIAL)).client
    resource = (await writes.CreateResource(NOTES)).resource
    await writes.SetRegistrationMode(pb.SetRegistrationModeRequest(mode="admin_only", operator=OPERATOR))
    await writes.DeleteResource(pb.DeleteResourceRequest(resource_id=resource.id, operator=OPERATOR))
    await writes.DeleteClient(pb.DeleteClientRequest(client_id=client.id, operator=OPERATOR))
    rows = [orjson.loads(row["event"]) for row in await superuser.fetch("SELECT event::text FROM audit.outbox ORDER BY event->>'id'")]
    assert [row["action"] for row in rows] == [
        "client.created_admin",
        "resource.created",
        "dcr.mode_updated",
        "resource.deleted",
        "client.deleted",
    ]
    assert {(row["actor_kind"], row["actor_id"], row["ip"], row["request_id"], row["trace_id"]) for row in rows} == {
        ("operator", "ci", "192.0.2.9", "r-1", "t-1")
    }
    assert await superuser.fetchval("SELECT revision FROM registry.changes") == 5


async def test_an_anonymous_or_refused_write_leaves_nothing(registry: Registry, superuser: Any) -> None:
    writes = registry.writes()
    with pytest.raises(InvalidRequest):
        await writes.CreateClient(pb.CreateClientRequest(client_name="x"))
    with pytest.raises(InvalidClientMetadata):
        await writes.CreateClient(pb.CreateClientRequest(client_name="x", jwks="{", operator=OPERATOR))
    with pytest.raises(InvalidRequest):
        await writes.SetClientStatus(pb.SetClientStatusRequest(client_id="x", operator=OPERATOR))
    with pytest.raises(InvalidRequest):
        await writes.ListClients(pb.ListClientsRequest(status=77))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        await writes.SetRegistrationMode(pb.SetRegistrationModeRequest(mode="disabled", operator=OPERATOR))
    assert await superuser.fetchval("SELECT revision FROM registry.changes") == 0
    assert await superuser.fetchval("SELECT count(*) FROM audit.outbox") == 0


async def test_a_write_whose_audit_row_cannot_be_written_does_not_happen(registry: Registry, superuser: Any) -> None:
    """Architecture law 6, from the other side."""
    await superuser.execute("REVOKE EXECUTE ON FUNCTION audit.append(jsonb[]) FROM authplane_registry")
    with pytest.raises(Exception) as failed:
        await registry.writes().CreateClient(CONFIDENTIAL)
    assert not isinstance(failed.value, AuthPlaneError) or failed.value.status >= 500
    assert await superuser.fetchval("SELECT count(*) FROM registry.clients") == 0


async def test_a_resource_is_resolved_by_its_aliases_and_an_unknown_one_names_the_closest(registry: Registry) -> None:
    """A3."""
    writes, reads = registry.writes(), registry.reads()
    await writes.CreateResource(NOTES)
    for reference in ("notes", "https://mcp.example/mcp", "HTTPS://MCP.example/mcp"):
        assert (await reads.ResolveResource(pb.ResolveResourceRequest(reference=reference))).resource.uri == NOTES.uri
    with pytest.raises(Missing) as missing:
        await reads.ResolveResource(pb.ResolveResourceRequest(reference="https://mcp.example/mcp/"))
    assert missing.value.members["closest"] == NOTES.uri
    with pytest.raises(Conflict):
        await writes.CreateResource(NOTES)
    patched = await writes.UpdateResource(
        pb.UpdateResourceRequest(
            resource_id=(await reads.ListResources(pb.ListResourcesRequest())).resources[0].id,
            policy=pb.ResourcePolicy(runtime_client_ids=["c"]),
            scopes=pb.ScopeList(scopes=[pb.Scope(name="a", is_default=True)]),
            operator=OPERATOR,
        )
    )
    assert list(patched.resource.policy.runtime_client_ids) == ["c"]
    assert patched.resource.scopes[0].is_default


async def test_a_mode_set_on_one_replica_holds_on_the_other_at_once(start: Start) -> None:
    one, two = await start(), await start()
    await one.writes().SetRegistrationMode(pb.SetRegistrationModeRequest(mode="admin_only", operator=OPERATOR))
    assert (await two.writes().GetRegistrationSettings(pb.GetRegistrationSettingsRequest())).mode == "admin_only"
    assert (await two.register()).status_code == 403


async def test_a_change_on_one_replica_reaches_readers_of_another_within_milliseconds(start: Start) -> None:
    """Architecture §6."""
    one, two = await start(), await start()
    streams = [two.reads(caller).WatchChanges(pb.WatchChangesRequest()) for caller in ("authorize", "token", "admin", "token")]
    assert [(await change(stream)).revision for stream in streams] == [0] * 4
    started = time.perf_counter()
    client = (await one.writes().CreateClient(CONFIDENTIAL)).client
    for stream in streams:
        told = await change(stream)
        assert (told.revision, told.kind, told.key) == (1, pb.CHANGE_KIND_CLIENT, client.id)
    assert time.perf_counter() - started < 1
    await one.writes().CreateResource(NOTES)
    assert (await change(streams[0])).kind == pb.CHANGE_KIND_RESOURCE
    late = two.reads().WatchChanges(pb.WatchChangesRequest())
    first = await change(late)
    assert (first.revision, first.kind) == (2, pb.CHANGE_KIND_UNSPECIFIED)


async def test_revisions_have_no_gaps_however_many_write_at_once(start: Start) -> None:
    one, two = await start(), await start(rate_limit={"enabled": False})
    stream = one.reads().WatchChanges(pb.WatchChangesRequest())
    await change(stream)
    await asyncio.gather(*(two.register(client_name=f"c{number}") for number in range(40)))
    assert [(await change(stream)).revision for _ in range(40)] == list(range(1, 41))


async def test_a_lost_database_connection_ends_the_streams_and_new_ones_start_where_things_stand(start: Start, superuser: Any) -> None:
    registry = await start()
    stream = registry.reads().WatchChanges(pb.WatchChangesRequest())
    await change(stream)
    await superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listen'")
    await superuser.execute("UPDATE registry.changes SET revision = 41")
    with pytest.raises(StopAsyncIteration):
        await change(stream)
    assert (await change(registry.reads().WatchChanges(pb.WatchChangesRequest()))).revision == 41


async def test_a_url_becomes_a_client_by_its_document(registry: Registry, host: DocumentHost, superuser: Any) -> None:
    """C5."""
    url = host.publish("/client.json", token_endpoint_auth_method="none")
    resolved = await registry.reads().ResolveClient(pb.ResolveClientRequest(client_id=url, ip="192.0.2.7"))
    assert resolved.first_seen
    assert (resolved.client.cimd_url, resolved.client.registration_source) == (url, pb.REGISTRATION_SOURCE_CIMD)
    assert not (await registry.reads().ResolveClient(pb.ResolveClientRequest(client_id=url))).first_seen
    assert (await registry.reads("token").GetClient(pb.GetClientRequest(client_id=url))).client.id == url
    assert host.asked == ["/client.json"]
    events = [orjson.loads(row["event"]) for row in await superuser.fetch("SELECT event::text FROM audit.outbox")]
    assert [(event["action"], event["detail"], event["ip"]) for event in events] == [("client.registered", {"source": "cimd"}, "192.0.2.7")]


async def test_fifty_people_arriving_with_a_new_client_cause_one_fetch_and_one_row(
    registry: Registry, host: DocumentHost, superuser: Any
) -> None:
    """C5, T19."""
    url, host.delay = host.publish("/client.json"), 0.1
    reads = registry.reads()
    answers = await asyncio.gather(*(reads.ResolveClient(pb.ResolveClientRequest(client_id=url)) for _ in range(50)))
    assert sum(answer.first_seen for answer in answers) == 1
    assert len(host.asked) == 1
    assert await superuser.fetchval("SELECT count(*) FROM registry.clients") == 1
    assert await superuser.fetchval("SELECT count(*) FROM audit.outbox") == 1


async def test_two_replicas_meeting_a_new_client_at_once_make_one_row(start: Start, host: DocumentHost, superuser: Any) -> None:
    url, host.delay = host.publish("/client.json"), 0.1
    replicas = [await start(), await start()]
    answers = await asyncio.gather(*(each.reads().ResolveClient(pb.ResolveClientRequest(client_id=url)) for each in replicas))
    assert sum(answer.first_seen for answer in answers) == 1
    assert await superuser.fetchval("SELECT count(*) FROM audit.outbox") == 1


async def test_a_document_that_cannot_be_fetched_is_another_fault_than_one_not_acceptable(registry: Registry, host: DocumentHost) -> None:
    """C5."""
    reads = registry.reads()
    host.pages["/broken.json"] = (500, {}, b"")
    with pytest.raises(Unavailable):
        await reads.ResolveClient(pb.ResolveClientRequest(client_id=host.url("/broken.json")))
    for path, cause in (
        ("/missing.json", "no document"),
        ("/other.json", "not the URL"),
        ("/large.json", "large"),
        ("/moved.json", "redirects"),
    ):
        host.publish("/other.json", client_id=host.url("/elsewhere.json"))
        host.pages["/large.json"] = (200, {"content-type": "application/json"}, b" " * (2**20 + 1))
        host.pages["/moved.json"] = (302, {"location": host.url("/other.json")}, b"")
        with pytest.raises(InvalidClient, match=cause):
            await reads.ResolveClient(pb.ResolveClientRequest(client_id=host.url(path)))


async def test_private_addresses_are_not_contacted_unless_allowed(start: Start, host: DocumentHost, authority: Any) -> None:
    """Wire contract §3.4."""
    guarded = await start(cimd={"ca_file": str(authority.ca_file)})
    url = host.publish("/client.json")
    for target in (url, url.replace("localhost", "127.0.0.1"), url.replace("localhost", "[::1]")):
        with pytest.raises(InvalidClient):
            await guarded.reads().ResolveClient(pb.ResolveClientRequest(client_id=target))
    assert host.asked == []


async def test_a_reading_is_shared_by_replicas_and_renewed_when_it_ends(start: Start, host: DocumentHost) -> None:
    """C5."""
    clock = FrozenClock()
    one, two = await start(clock), await start(clock)
    url = host.publish("/client.json", "max-age=300")
    request = pb.ResolveClientRequest(client_id=url)
    await one.reads().ResolveClient(request)
    await two.reads().ResolveClient(request)
    assert len(host.asked) == 1
    host.publish("/client.json", redirect_uris=["http://127.0.0.1:7777/new"])
    clock.advance(301)
    assert list((await two.reads().ResolveClient(request)).client.redirect_uris) == ["http://127.0.0.1:7777/new"]
    host.pages.clear()
    host.pages["/client.json"] = (503, {}, b"")
    clock.advance(3601)
    assert (await one.reads().ResolveClient(request)).client.id == url


async def test_seeds_are_planted_by_whichever_replica_comes_first(start: Start, superuser: Any) -> None:
    """RES-4."""
    written: dict[str, Any] = {
        "resources": ({"slug": "notes", "uri": "https://mcp.example/mcp", "scopes": ({"name": "a", "default": True},)},),
        "clients": ({"client_name": "Demo", "redirect_uris": ("http://127.0.0.1/cb",)},),
    }
    replicas = await asyncio.gather(start(**written), start(**written), start(**written))
    assert await superuser.fetchval("SELECT count(*) FROM registry.clients") == 1
    assert await superuser.fetchval("SELECT count(*) FROM registry.resources") == 1
    listed = await replicas[0].reads().ListResources(pb.ListResourcesRequest())
    assert listed.resources[0].scopes[0].is_default


async def test_without_its_database_the_registry_says_unavailable(registry: Registry, database: Database) -> None:
    """Architecture law 10."""
    await database.on.administer(f'ALTER DATABASE "{database.name}" WITH ALLOW_CONNECTIONS false')
    await database.on.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'")
    try:
        with pytest.raises(Unavailable):
            await registry.reads().GetClient(pb.GetClientRequest(client_id="x"))
        answer = await registry.register()
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    finally:
        await database.on.administer(f'ALTER DATABASE "{database.name}" WITH ALLOW_CONNECTIONS true')


async def test_nobody_without_a_certificate_gets_in(registry: Registry) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{registry.rpc.port}") as channel:
            await stubs.RegistryServiceStub(channel).GetClient(pb.GetClientRequest(client_id="x"))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
