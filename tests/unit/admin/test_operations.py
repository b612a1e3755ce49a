"""What operations ask of the services that own things, and in which order."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kit.audit import Action
from kit.errors import Conflict, InvalidRequest, Missing, Stale, Unavailable
from services.admin.model.audit import Filter, Window, as_text
from services.admin.model.clients import ClientId, ClientStatus
from services.admin.model.operators import KeyId, Role
from services.admin.model.system import duration_text
from services.admin.model.tokens import IssuanceFilter, IssuanceId, Live
from services.admin.model.users import NewUser, UserId
from services.admin.operations.policies import PolicyList
from services.admin.paging import Paging
from tests.support.fakes_admin import ALICE, LONG_AGO, a_user, an_issuance, furnished

C1, U1 = ClientId("c1"), UserId("u1")
SOMETHING_LIVES = Live(families=1, issuances=2)


async def test_a_client_with_live_tokens_is_not_deleted_unless_forced() -> None:
    """operator-contract §3.2: 409 when active tokens and not forced."""
    plane = furnished()
    plane.token.live["c1"] = SOMETHING_LIVES
    with pytest.raises(Conflict, match="1 refresh families and 2 issued tokens"):
        await plane.operations.clients.delete(ALICE, C1, force=False)
    assert "c1" in plane.registry.clients
    assert plane.token.told == []


async def test_a_forced_deletion_leaves_nothing_of_the_client_alive() -> None:
    plane = furnished()
    plane.token.live["c1"] = SOMETHING_LIVES
    await plane.operations.clients.delete(ALICE, C1, force=True)
    assert plane.registry.told == [("delete_client force=True", "c1", "alice")]
    assert plane.token.told == [("end_client", "c1", "alice")]
    assert plane.token.live == {}


async def test_a_deletion_that_stopped_halfway_is_finished_by_the_next_attempt() -> None:
    plane = furnished()
    plane.token.live["c1"] = SOMETHING_LIVES
    del plane.registry.clients["c1"]
    await plane.operations.clients.delete(ALICE, C1, force=True)
    assert plane.token.live == {}
    with pytest.raises(Missing):
        await plane.operations.clients.delete(ALICE, C1, force=True)


async def test_revoking_stops_the_client_before_it_ends_what_the_client_holds() -> None:
    """operator-contract §3.9, client revoke; refused first, so that nothing is issued in between."""
    plane = furnished()
    plane.token.live["c1"] = SOMETHING_LIVES
    assert await plane.operations.clients.revoke(ALICE, C1) is ClientStatus.REVOKED
    assert plane.token.live == {}
    plane.token.down = True
    with pytest.raises(Unavailable):
        await plane.operations.clients.revoke(ALICE, C1)
    assert plane.registry.clients["c1"].status is ClientStatus.REVOKED


async def test_suspending_keeps_what_the_client_holds() -> None:
    plane = furnished()
    plane.token.live["c1"] = SOMETHING_LIVES
    assert await plane.operations.clients.suspend(ALICE, C1) is ClientStatus.SUSPENDED
    assert await plane.operations.clients.reactivate(ALICE, C1) is ClientStatus.ACTIVE
    assert plane.token.live == {"c1": SOMETHING_LIVES}


async def test_deleting_a_user_is_guarded_and_ends_everything_held_for_them() -> None:
    plane = furnished()
    plane.token.live["u1"] = SOMETHING_LIVES
    with pytest.raises(Conflict):
        await plane.operations.users.delete(ALICE, U1, force=False)
    await plane.operations.users.delete(ALICE, U1, force=True)
    assert plane.users.users == {}
    assert plane.token.live == {}


async def test_a_user_deletion_that_stopped_halfway_is_finished_by_the_next_attempt() -> None:
    plane = furnished()
    plane.token.live["u1"] = SOMETHING_LIVES
    plane.users.users.clear()
    await plane.operations.users.delete(ALICE, U1, force=True)
    assert plane.token.live == {}
    with pytest.raises(Missing):
        await plane.operations.users.delete(ALICE, U1, force=False)


async def test_forced_logout_ends_sessions_and_tokens_and_counts_them() -> None:
    plane = furnished()
    plane.token.live["u1"] = SOMETHING_LIVES
    plane.users.sessions["u1"] = 2
    ended = await plane.operations.users.force_logout(ALICE, U1)
    assert (ended.tokens_revoked, ended.sessions_ended) == (3, 2)
    with pytest.raises(Missing):
        await plane.operations.users.force_logout(ALICE, UserId("nobody"))


async def test_an_unpaged_list_of_users_is_the_whole_list() -> None:
    """operator-contract §3.1: users are unpaged; peers are still asked page by page."""
    plane = furnished()
    plane.users.users = {f"u{number}": a_user(f"u{number}") for number in range(250)}
    assert len(await plane.operations.users.list(None)) == 250
    assert plane.users.pages == 3
    assert len(await plane.operations.users.list(Paging(limit=10))) == 10


@pytest.mark.parametrize("new", [NewUser(email=""), NewUser(email="a@b.example"), NewUser(email="", password="x" * 12)])
async def test_a_user_needs_an_address_and_a_password(new: NewUser) -> None:
    with pytest.raises(InvalidRequest):
        await furnished().operations.users.create(ALICE, new)


def test_a_password_never_shows_in_a_representation() -> None:
    assert "hunter2" not in repr(NewUser(email="a@b.example", password="hunter2"))


@pytest.mark.parametrize(("limit", "size"), [(0, 50), (-3, 50), (7, 7), (10_000, 1000)])
def test_lists_are_cut_as_they_always_were(limit: int, size: int) -> None:
    """operator-contract §3.1: default 50; 0 and less mean 50."""
    assert Paging(limit=limit, offset=-1).size == size
    assert Paging(offset=-1).start == 0


async def test_resources_are_found_by_id_and_by_slug() -> None:
    plane = furnished()
    by_slug = await plane.operations.resources.get("mcp-a")
    assert await plane.operations.resources.get(by_slug.id) == by_slug
    with pytest.raises(Missing):
        await plane.operations.resources.get("elsewhere")


async def test_policy_entries_are_added_once_and_removed() -> None:
    plane = furnished()
    policies = plane.operations.policies
    assert await policies.add(ALICE, "mcp-a", PolicyList.RUNTIME_CLIENTS, "c1") == ("c1",)
    assert await policies.add(ALICE, "mcp-a", PolicyList.RUNTIME_CLIENTS, "c1") == ("c1",)
    assert await policies.read("mcp-a", PolicyList.EXCHANGE_CLIENTS) == ()
    assert await policies.remove(ALICE, "mcp-a", PolicyList.RUNTIME_CLIENTS, "c1") == ()
    assert [what for what, _, _ in plane.registry.told] == ["update_resource", "update_resource"]


async def test_a_policy_change_survives_somebody_elses_change() -> None:
    plane = furnished()
    plane.registry.stale_writes = 2
    assert await plane.operations.policies.add(ALICE, "mcp-a", PolicyList.EXCHANGE_CLIENTS, "c1") == ("c1",)
    plane.registry.stale_writes = 9
    with pytest.raises(Stale):
        await plane.operations.policies.remove(ALICE, "mcp-a", PolicyList.EXCHANGE_CLIENTS, "c1")


async def test_only_known_clients_enter_a_policy() -> None:
    """operator-contract §3.4: 400 unknown client."""
    with pytest.raises(InvalidRequest, match="no client has the id ghost"):
        await furnished().operations.policies.add(ALICE, "mcp-a", PolicyList.EXCHANGE_CLIENTS, "ghost")


@pytest.mark.parametrize(
    "url", ["/relative", "javascript:alert(1)", "https://a.example/#x", "https://u:p@a.example/", "https://", "http://[::"]
)
async def test_only_places_a_browser_may_be_sent_to_enter_the_return_urls(url: str) -> None:
    with pytest.raises(InvalidRequest):
        await furnished().operations.policies.add(ALICE, "mcp-a", PolicyList.RETURN_URLS, url)


async def test_issuances_are_found_by_the_slug_of_their_resource_and_name_its_id() -> None:
    plane = furnished()
    found = await plane.operations.tokens.list_issuances(IssuanceFilter(resource="mcp-a"))
    assert plane.token.asked[0].resource == "https://mcp-a.example.com"
    assert [(each.resource_id, each.backend_kind) for each in found.issuances] == [("id-mcp-a", "mint")]
    assert found.count == 1
    assert found.since == plane.clock.now() - timedelta(hours=24)


async def test_issuances_of_a_resource_that_is_gone_still_show_its_uri() -> None:
    plane = furnished()
    plane.token.issuances.append(an_issuance("i2", resource="https://gone.example"))
    assert (await plane.operations.tokens.get_issuance(IssuanceId("i2"))).resource_id == "https://gone.example"


@pytest.mark.parametrize(
    "wanted",
    [
        IssuanceFilter(),
        IssuanceFilter(user="u1", since=LONG_AGO),
        IssuanceFilter(user="u1", limit=0),
        IssuanceFilter(user="u1", limit=5001),
    ],
)
async def test_an_issuance_search_has_bounds(wanted: IssuanceFilter) -> None:
    """operator-contract §3.5: at least one filter, 30 days, 1..5000."""
    with pytest.raises(InvalidRequest):
        await furnished().operations.tokens.list_issuances(wanted)


async def test_a_search_by_jti_has_no_window() -> None:
    plane = furnished()
    found = await plane.operations.tokens.list_issuances(IssuanceFilter(jti="jti-i1", since=LONG_AGO))
    assert plane.token.asked[0].since is None
    assert (found.count, found.since.year) == (1, 1)


async def test_recent_tokens_are_one_persons_or_one_clients() -> None:
    plane = furnished()
    assert len(await plane.operations.tokens.list_recent("u1", "", Paging())) == 1
    assert await plane.operations.tokens.list_recent("u1", "", Paging(offset=1)) == ()
    with pytest.raises(InvalidRequest):
        await plane.operations.tokens.list_recent("", "", Paging())


@pytest.mark.parametrize(
    ("wanted", "window"),
    [
        (Filter(), Window(limit=1001)),
        (Filter(), Window(offset=100_001)),
        (Filter(), Window(offset=-1)),
        (Filter(), Window(offset=5, cursor="x")),
        (Filter(since=LONG_AGO), Window()),
        (Filter(outcome="maybe"), Window()),
    ],
)
async def test_an_audit_search_has_bounds(wanted: Filter, window: Window) -> None:
    """operator-contract §5.2; O3."""
    plane = furnished()
    with pytest.raises(InvalidRequest):
        await plane.operations.audit.search(wanted, window)
    assert plane.audit.asked == []


async def test_an_audit_search_looks_back_a_day_unless_told_otherwise() -> None:
    plane = furnished()
    now = plane.clock.now()
    await plane.operations.audit.search(Filter(), Window(limit=-1))
    assert plane.audit.asked == [(Filter(since=now - timedelta(hours=24)), Window())]
    with pytest.raises(InvalidRequest, match="until must not be before since"):
        await plane.operations.audit.search(Filter(until=now - timedelta(hours=25)), Window())


async def test_status_tells_which_part_is_unwell_and_never_fails() -> None:
    plane = furnished()
    plane.clock.advance(timedelta(days=1, seconds=4))
    assert {each.status for each in (await plane.operations.system.status()).subsystems} == {"healthy"}
    plane.parts.down = {"database", "vault", "audit"}
    plane.token.down = True
    status = await plane.operations.system.status()
    assert [each.name for each in status.subsystems if each.status == "healthy"] == ["registry", "authorize", "token"]


async def test_uptime_counts_from_the_start() -> None:
    plane = furnished()
    system = plane.operations.system
    plane.clock.advance(timedelta(days=1, hours=2, minutes=3, seconds=4))
    status = await system.status()
    assert (status.uptime, status.uptime_secs) == ("1d 2h 3m 4s", 93784)
    assert [duration_text(seconds) for seconds in (0, 59, 3600)] == ["0s", "59s", "1h 0m 0s"]


async def test_figures_come_from_their_owners_or_not_at_all() -> None:
    plane = furnished()
    stats = await plane.operations.system.stats()
    assert (stats.clients, stats.users, stats.active_tokens_24h, stats.revoked_tokens, stats.connections) == (3, 4, 7, 2, 5)
    plane.parts.down = {"vault"}
    with pytest.raises(Unavailable):
        await plane.operations.system.stats()


async def test_a_registration_without_scope_ceiling_raises_a_notice() -> None:
    plane = furnished()
    shown = await plane.operations.system.configuration()
    assert [notice["id"] for notice in shown["notices"]] == ["oauth-default-client-scope-required-v0.3.0"]  # type: ignore[attr-defined]
    closed = replace(plane.operations.system.configured, dcr_mode="admin_only")
    assert closed.view()["notices"] == []


async def test_a_named_key_is_shown_once_and_kept_as_a_digest() -> None:
    """O1."""
    plane = furnished()
    made = await plane.operations.api_keys.create(ALICE, "ci", Role.OPERATOR, None)
    assert made.secret.startswith("apk_")
    assert made.secret not in repr(plane.keys.keys)
    assert plane.keys.events[-1].action is Action.ADMIN_KEY_CREATED
    assert plane.keys.events[-1].actor_id == "alice"
    with pytest.raises(Conflict):
        await plane.operations.api_keys.create(ALICE, "ci", Role.VIEWER, None)


async def test_a_revoked_key_stays_listed_and_frees_its_name() -> None:
    plane = furnished()
    made = await plane.operations.api_keys.create(ALICE, "ci", Role.OPERATOR, None)
    revoked = await plane.operations.api_keys.revoke(ALICE, made.key.id)
    assert revoked.revoked_at == plane.clock.now()
    await plane.operations.api_keys.create(ALICE, "ci", Role.OPERATOR, None)
    assert len(await plane.operations.api_keys.list()) == 2
    with pytest.raises(Missing):
        await plane.operations.api_keys.revoke(ALICE, KeyId("ghost"))


@pytest.mark.parametrize("name", ["", "Upper", "a" * 64, "sp ace", "-dash", "ümlaut"])
async def test_key_names_are_plain(name: str) -> None:
    with pytest.raises(InvalidRequest):
        await furnished().operations.api_keys.create(ALICE, name, Role.VIEWER, None)


async def test_a_key_cannot_be_named_bootstrap_or_be_born_expired() -> None:
    plane = furnished()
    with pytest.raises(Conflict):
        await plane.operations.api_keys.create(ALICE, "bootstrap", Role.VIEWER, None)
    with pytest.raises(InvalidRequest):
        await plane.operations.api_keys.create(ALICE, "late", Role.VIEWER, plane.clock.now())


def test_details_of_an_audit_entry_read_as_text() -> None:
    """operator-contract §5.1: space-separated key=value."""
    assert as_text({"force": True, "count": 2, "scopes": ["a", "b"], "id": "x"}) == "force=true count=2 scopes=a,b id=x"
