"""What operators do to people, and in which order token hears of it."""

from dataclasses import dataclass

import pytest

from kit.audit import Action, ActorKind
from kit.errors import Conflict, InvalidRequest, Missing, Unavailable
from services.authorize.model import Operator, Role, UserStatus, Visit
from services.authorize.passwords import Passwords
from services.authorize.seeds import SeedUser, seed
from services.authorize.users import NewUser, UserAdministration, UserChange
from tests.support.clock import FrozenClock
from tests.support.fakes_authorize import FakeSubjects, FakeTables, FakeUsers, new_id

OPERATOR = Operator("ops", Visit("198.51.100.7", "req", "trace"))
ADA = NewUser("Ada@Example.com", "correct horse", "Ada")


@dataclass
class Office:
    users: UserAdministration
    tables: FakeTables
    subjects: FakeSubjects


@pytest.fixture
def office() -> Office:
    tables, subjects = FakeTables(), FakeSubjects()
    store = FakeUsers(tables)
    return Office(UserAdministration(store, store, subjects, Passwords(), FrozenClock()), tables, subjects)


async def test_creating_leaves_an_audit_row_without_the_address(office: Office) -> None:
    user = await office.users.create(ADA, OPERATOR)
    [event] = office.tables.events
    assert (event.action, event.actor_kind, event.actor_id, event.subject) == (Action.USER_CREATED, ActorKind.OPERATOR, "ops", user.id)
    assert "xample" not in repr(event)
    assert office.tables.hashes[user.id].startswith("$argon2id$")
    assert "correct horse" not in repr(ADA)


@pytest.mark.parametrize(("asked", "role"), [("admin", Role.ADMIN), ("user", Role.USER), ("", Role.USER), ("root", Role.USER)])
async def test_anything_but_admin_is_a_user(office: Office, asked: str, role: Role) -> None:
    """Operator contract §3.3."""
    assert (await office.users.create(NewUser("a@b.example", "correct horse", role=asked), OPERATOR)).role is role


async def test_an_address_is_taken_whatever_its_case(office: Office) -> None:
    await office.users.create(ADA, OPERATOR)
    with pytest.raises(Conflict):
        await office.users.create(NewUser("aDA@example.COM", "correct horse"), OPERATOR)


@pytest.mark.parametrize(
    "new", [NewUser("ada", "correct horse"), NewUser("a@b.example", "short"), NewUser("a@b.example", "correct horse", "x\x00")]
)
async def test_what_cannot_be_a_user_is_refused(office: Office, new: NewUser) -> None:
    with pytest.raises(InvalidRequest):
        await office.users.create(new, OPERATOR)
    assert office.tables.users == {}


async def test_disabling_tells_token_before_anything_is_written(office: Office) -> None:
    """Law 13: state is kept where it is enforced."""
    user = await office.users.create(ADA, OPERATOR)
    office.subjects.fault = Unavailable("down")
    with pytest.raises(Unavailable):
        await office.users.disable(user.id, OPERATOR)
    assert office.tables.users[user.id].status is UserStatus.ACTIVE
    office.subjects.fault = None
    assert (await office.users.disable(user.id, OPERATOR)).status is UserStatus.DISABLED
    assert office.subjects.refused == {user.id: "disabled"}
    assert office.tables.events[-1].action is Action.USER_DISABLED


async def test_a_failure_while_enabling_leaves_the_person_refused(office: Office) -> None:
    """Law 10: fail closed; repeating mends it."""
    user = await office.users.create(ADA, OPERATOR)
    await office.users.disable(user.id, OPERATOR)
    office.subjects.fault = Unavailable("down")
    with pytest.raises(Unavailable):
        await office.users.enable(user.id, OPERATOR)
    assert user.id in office.subjects.refused
    office.subjects.fault = None
    await office.users.enable(user.id, OPERATOR)
    assert office.subjects.refused == {}
    assert [event.action for event in office.tables.events].count(Action.USER_ENABLED) == 1


async def test_deleting_tells_token_first(office: Office) -> None:
    user = await office.users.create(ADA, OPERATOR)
    await office.users.delete(user.id, OPERATOR, force=True)
    assert office.subjects.refused == {user.id: "deleted"}
    assert office.tables.users == {}
    assert (office.tables.events[-1].action, office.tables.events[-1].detail) == (Action.USER_DELETED, {"force": True})


async def test_nobody_is_missing_from_every_operation(office: Office) -> None:
    ghost = new_id()
    for work in (
        office.users.get(ghost),
        office.users.disable(ghost, OPERATOR),
        office.users.enable(ghost, OPERATOR),
        office.users.delete(ghost, OPERATOR, force=False),
        office.users.end_sessions(ghost, OPERATOR),
        office.users.change(ghost, UserChange(name="x"), OPERATOR),
    ):
        with pytest.raises(Missing):
            await work
    assert office.subjects.order == []


async def test_a_change_touches_what_it_names(office: Office) -> None:
    user = await office.users.create(ADA, OPERATOR)
    before = office.tables.hashes[user.id]
    changed = await office.users.change(user.id, UserChange(name="Ada L."), OPERATOR)
    assert (changed.email, changed.name, office.tables.hashes[user.id]) == ("Ada@Example.com", "Ada L.", before)
    assert office.tables.events[-1].detail == {"fields": ["name"]}
    await office.users.change(user.id, UserChange(password="another horse"), OPERATOR)
    assert office.tables.hashes[user.id] != before


async def test_seeds_are_idempotent_and_update_only_when_asked(office: Office) -> None:
    """O7."""
    entry = SeedUser("demo@example.com", "correct horse", "Demo")
    await seed((entry,), office.users, sync=False)
    await seed((entry,), office.users, sync=False)
    assert len(office.tables.users) == 1
    renamed = (SeedUser("DEMO@example.com", "correct horse", "Renamed"),)
    await seed(renamed, office.users, sync=False)
    assert [user.name for user in office.tables.users.values()] == ["Demo"]
    await seed(renamed, office.users, sync=True)
    assert [user.name for user in office.tables.users.values()] == ["Renamed"]
    assert office.tables.events[0].actor_kind is ActorKind.SYSTEM
