"""Whom a provider's word makes somebody here (A9)."""

from dataclasses import replace
from typing import Any

import pytest

from kit.audit import Action, Event
from kit.errors import Unavailable
from services.authorize.identities import Identity, Provisioning, identity_of
from services.authorize.model import Role, User, UserStatus, Visit
from services.authorize.refusals import EmailTaken, IssuerChanged, PersonRefused
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import a_user
from tests.support.fakes_federation import ISSUER, FakeIdentities, a_provider

VISIT = Visit("203.0.113.9", "request-1", "")


def said(subject: str = "1", **changes: object) -> Identity:
    return replace(Identity("oidc", ISSUER, subject, "ada@example.com", "Ada", ("staff",)), **changes)  # type: ignore[arg-type]


@pytest.fixture
def identities() -> FakeIdentities:
    return FakeIdentities()


@pytest.fixture
def provisioning(identities: FakeIdentities) -> Provisioning:
    return Provisioning(identities, FrozenClock())


@pytest.mark.parametrize(
    ("claims", "email", "name", "groups"),
    [
        ({}, "", "", ()),
        ({"email": "ada@example.com", "name": "Ada"}, "ada@example.com", "Ada", ()),
        ({"email": "ada@example.com", "email_verified": True}, "ada@example.com", "", ()),
        ({"email": "ada@example.com", "email_verified": False}, "", "", ()),
        ({"email": "ada@example.com", "email_verified": "false"}, "", "", ()),
        ({"email": "not an address"}, "", "", ()),
        ({"email": ["ada@example.com"]}, "", "", ()),
        ({"email": "a@" + "x" * 300}, "", "", ()),
        ({"preferred_username": "ada"}, "", "ada", ()),
        ({"name": "A\u202eda\n Lovelace"}, "", "A da Lovelace", ()),
        ({"name": 5}, "", "", ()),
        ({"name": "x" * 500}, "", "x" * 200, ()),
        ({"groups": ["b", "a", "b", "", 5, None, "g" * 257]}, "", "", ("a", "b")),
        ({"groups": "staff"}, "", "", ("staff",)),
        ({"groups": {"staff": True}}, "", "", ()),
        ({"roles": ["admin"]}, "", "", ()),
    ],
)
def test_what_is_no_address_name_or_group_is_left_out(claims: dict[str, Any], email: str, name: str, groups: tuple[str, ...]) -> None:
    found = identity_of(a_provider(), {"sub": "1", **claims})
    assert (found.email, found.name, found.groups) == (email, name, groups)


def test_groups_come_from_the_claim_the_operator_named() -> None:
    provider = a_provider(groups_claim="https://login.example/roles")
    assert identity_of(provider, {"sub": "1", "groups": ["no"], "https://login.example/roles": ["yes"]}).groups == ("yes",)


async def test_a_stranger_becomes_an_ordinary_user(provisioning: Provisioning, identities: FakeIdentities) -> None:
    user = await provisioning.person(said(), VISIT)
    assert (user.email, user.name, user.role, user.status, user.provider) == (
        "ada@example.com",
        "Ada",
        Role.USER,
        UserStatus.ACTIVE,
        "oidc",
    )
    [event] = identities.events
    assert (event.action, event.subject, event.detail) == (Action.USER_CREATED, user.id, {"provider": "oidc", "role": "user"})
    assert "ada" not in str(event.detail)


async def test_the_second_time_it_is_the_same_person_and_nothing_is_written(provisioning: Provisioning, identities: FakeIdentities) -> None:
    assert await provisioning.person(said(), VISIT) == await provisioning.person(said(), VISIT)
    assert len(identities.events) == 1


async def test_the_same_subject_of_another_provider_is_another_person(provisioning: Provisioning) -> None:
    one = await provisioning.person(said(email=""), VISIT)
    two = await provisioning.person(said(email="", provider="two"), VISIT)
    assert one.id != two.id


async def test_nobody_is_joined_by_their_address(provisioning: Provisioning, identities: FakeIdentities) -> None:
    """Wire contract §9: 409."""
    local = a_user(MIDSUMMER)
    identities.users[local.id] = local
    with pytest.raises(EmailTaken):
        await provisioning.person(said(email="ADA@example.com"), VISIT)
    assert (list(identities.users), identities.identities) == ([local.id], {})


async def test_what_changed_there_changes_here(provisioning: Provisioning, identities: FakeIdentities) -> None:
    first = await provisioning.person(said(), VISIT)
    second = await provisioning.person(said(email="lovelace@example.com", name="Ada L.", groups=()), VISIT)
    assert (second.id, second.email, second.name) == (first.id, "lovelace@example.com", "Ada L.")
    assert identities.events[1].detail == {"provider": "oidc", "fields": ["email", "name", "groups"]}
    third = await provisioning.person(said(email="", name="", groups=()), VISIT)
    assert third == second


async def test_a_new_address_that_is_taken_is_dropped_and_the_rest_kept(provisioning: Provisioning, identities: FakeIdentities) -> None:
    """Wire contract §9: the login proceeds."""
    eve = a_user(MIDSUMMER, "eve", "eve@example.com")
    identities.users["eve"] = eve
    await provisioning.person(said(), VISIT)
    user = await provisioning.person(said(email="eve@example.com", name="Ada L."), VISIT)
    assert (user.email, user.name, identities.users["eve"]) == ("ada@example.com", "Ada L.", eve)
    assert identities.events[-1].detail["fields"] == ["name"]


async def test_who_is_disabled_stays_out_and_unchanged(provisioning: Provisioning, identities: FakeIdentities) -> None:
    user = await provisioning.person(said(), VISIT)
    identities.users[user.id] = replace(user, status=UserStatus.DISABLED)
    with pytest.raises(PersonRefused):
        await provisioning.person(said(name="Eve"), VISIT)
    assert identities.users[user.id].name == "Ada"


async def test_a_provider_pointed_at_another_issuer_brings_nobody_into_anothers_account(provisioning: Provisioning) -> None:
    """Core §2: a subject means somebody only together with its issuer."""
    await provisioning.person(said(), VISIT)
    with pytest.raises(IssuerChanged):
        await provisioning.person(said(issuer="https://new.example"), VISIT)


async def test_when_another_process_was_faster_its_person_is_taken(identities: FakeIdentities) -> None:
    class Late(FakeIdentities):
        async def add(self, user: User, identity: Identity, event: Event) -> bool:
            await identities.add(replace(user, id=type(user.id)("first")), identity, event)
            self.users, self.identities = identities.users, identities.identities
            return False

    assert (await Provisioning(Late(), FrozenClock()).person(said(), VISIT)).id == "first"


async def test_it_is_not_tried_for_ever() -> None:
    class Never(FakeIdentities):
        async def add(self, user: User, identity: Identity, event: Event) -> bool:
            return False

    with pytest.raises(Unavailable):
        await Provisioning(Never(), FrozenClock()).person(said(), VISIT)
