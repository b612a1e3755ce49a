"""The person's half of the device grant over fakes (RFC 8628 §3.3, §5, §6.1; T9)."""

from dataclasses import dataclass, replace

import pytest

from kit.audit import Action
from kit.errors import InvalidRequest, Unavailable
from services.authorize.device import DeviceDesk, DeviceGone, DeviceRequest, UserCodeRejected, plain_code, spelled
from services.authorize.model import ClientId, ClientStatus, Visit
from services.authorize.refusals import ClientNotActive, LockedOut, NothingTicked
from tests.support.fakes_authorize import NOTES, FakeClients, FakeJournal, FakeLockout, FakeResources, FakeTables, a_client
from tests.support.fakes_authorize_token import FakeDevices
from tests.unit.authorize.test_authorization import signed_in

VISIT = Visit("203.0.113.9", "req", "trace")
CODE = "WDJBMJHT"
REQUEST = DeviceRequest(ClientId("client-a"), NOTES.uri, ("notes:read", "notes:write"))
ME = signed_in()


@dataclass
class Stage:
    desk: DeviceDesk
    devices: FakeDevices
    clients: FakeClients
    tables: FakeTables

    async def decide(self, ticked: tuple[str, ...], *, approve: bool = True) -> None:
        question = await self.desk.question(CODE, REQUEST, ME, VISIT)
        await self.desk.decide(question, ME, ticked, approve=approve, visit=VISIT)

    async def guess(self, times: int, visit: Visit = VISIT) -> None:
        for _ in range(times):
            with pytest.raises(UserCodeRejected):
                await self.desk.look_up("WRNG-WRNG", ME, visit)


@pytest.fixture
def stage() -> Stage:
    devices, clients, tables = FakeDevices(), FakeClients(a_client()), FakeTables()
    devices.waiting[CODE] = REQUEST
    desk = DeviceDesk(devices, clients, FakeResources(NOTES), FakeLockout(most=5), FakeLockout(most=3), FakeJournal(tables))
    return Stage(desk, devices, clients, tables)


@pytest.mark.parametrize("typed", ["WDJBMJHT", "wdjb-mjht", " WDJB MJHT ", "w d j b m j h t", "WDJB\u2011MJHT", "wdjb_mjht"])
def test_case_and_separators_do_not_matter(typed: str) -> None:
    """RFC 8628 §6.1."""
    assert plain_code(typed) == CODE


@pytest.mark.parametrize("typed", ["", "abc", "WDJB/MJHT", "WDJB'--", "x" * 17, "ÄÖÜÄÖÜ", "<script>", "WDJB\x00MJHT"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert plain_code(typed) is None


def test_a_code_is_shown_in_groups_of_four() -> None:
    assert [spelled(code) for code in (CODE, "ABCDEF", "ABCD")] == ["WDJB-MJHT", "ABCD-EF", "ABCD"]


async def test_the_question_names_client_resource_and_scopes(stage: Stage) -> None:
    question = await stage.desk.look_up("wdjb-mjht", ME, VISIT)
    assert (question.user_code, question.client.name, question.email) == (CODE, "Notebook", "user-1@example.com")
    assert question.resource == NOTES
    assert [scope.description for scope in question.asked] == ["Read your notes", "Change your notes"]


async def test_a_decision_goes_on_with_what_was_left_ticked(stage: Stage) -> None:
    await stage.decide(("notes:write",))
    [decision] = stage.devices.decided
    assert (decision.user_id, decision.scopes, decision.authenticated_at) == ("user-1", ("notes:write",), ME.authenticated_at)
    with pytest.raises(DeviceGone):
        await stage.decide(("notes:write",))


async def test_a_denial_carries_no_scopes_whatever_was_ticked(stage: Stage) -> None:
    await stage.decide(("notes:write",), approve=False)
    assert stage.devices.looked_up == []
    assert stage.devices.decided[0].scopes == ()


@pytest.mark.parametrize(("ticked", "error"), [((), NothingTicked), (("notes:read", "admin"), InvalidRequest)])
async def test_an_approval_is_of_something_that_was_asked(stage: Stage, ticked: tuple[str, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        await stage.decide(ticked)
    assert stage.devices.decided == []


async def test_a_client_switched_off_asks_nobody(stage: Stage) -> None:
    stage.clients.known["client-a"] = a_client(status=ClientStatus.SUSPENDED)
    for attempt in (stage.desk.look_up(CODE, ME, VISIT), stage.decide(("notes:read",))):
        with pytest.raises(ClientNotActive):
            await attempt
    assert stage.devices.decided == []


async def test_guessing_is_bounded_per_session_and_recorded_once(stage: Stage) -> None:
    """RFC 8628 §5.1."""
    await stage.guess(3)
    looked_up = len(stage.devices.looked_up)
    for _ in range(3):
        with pytest.raises(LockedOut) as caught:
            await stage.desk.look_up(CODE, ME, VISIT)
        assert caught.value.retry_after == 900
    assert len(stage.devices.looked_up) == looked_up
    [event] = stage.tables.events
    assert (event.action, event.reason, event.subject, event.ip) == (
        Action.AUTH_LOCKED_OUT,
        "user_code_guessing",
        "user-1",
        "203.0.113.9",
    )


async def test_guessing_is_bounded_per_address_across_sessions(stage: Stage) -> None:
    for number in range(5):
        with pytest.raises(UserCodeRejected):
            await stage.desk.look_up("WRNG-WRNG", signed_in(f"user-{number}"), VISIT)
    with pytest.raises(LockedOut):
        await stage.desk.look_up(CODE, signed_in("user-9"), VISIT)
    assert (await stage.desk.look_up(CODE, signed_in("user-9"), replace(VISIT, address="198.51.100.1"))).user_code == CODE


async def test_a_right_code_in_between_hides_no_guesses(stage: Stage) -> None:
    await stage.guess(2)
    await stage.desk.look_up(CODE, ME, VISIT)
    await stage.guess(1)
    with pytest.raises(LockedOut):
        await stage.desk.look_up(CODE, ME, VISIT)


async def test_our_own_failure_counts_for_nothing(stage: Stage) -> None:
    stage.devices.fault = Unavailable("token is away")
    for _ in range(8):
        with pytest.raises(Unavailable):
            await stage.desk.look_up(CODE, ME, VISIT)
    stage.devices.fault = None
    assert (await stage.desk.look_up(CODE, ME, VISIT)).user_code == CODE
