"""The password login: one answer and one amount of work for every way to be wrong (A8, C9)."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from kit.audit import Action
from kit.errors import Unavailable
from services.authorize.login import Attempt, Login
from services.authorize.model import UserId, UserStatus, Visit
from services.authorize.passwords import Passwords
from services.authorize.refusals import LockedOut, LoginRejected
from services.authorize.sessions import SessionKeeper, SessionLimits
from tests.support.clock import MIDSUMMER, FrozenClock
from tests.support.fakes_authorize import FakeJournal, FakeLockout, FakeSessions, FakeTables, FakeUsers, a_user

VISIT = Visit("203.0.113.9", "req", "trace")
LIMITS = SessionLimits(idle=timedelta(hours=8), absolute=timedelta(hours=24))


class CountingPasswords(Passwords):
    """Counts how often a hash was computed."""

    work = 0

    async def matches(self, password: str, stored: str) -> bool:
        self.work += 1
        return await super().matches(password, stored)

    async def waste(self, password: str) -> None:
        self.work += 1
        await super().waste(password)


@dataclass
class Desk:
    login: Login
    tables: FakeTables
    passwords: CountingPasswords
    lockout: FakeLockout
    clock: FrozenClock

    async def sign_in(self, email: str, password: str) -> str:
        secret, _ = await self.login.sign_in(Attempt(email, password, VISIT), None)
        return secret


@pytest.fixture
async def desk() -> Desk:
    tables, clock, passwords, lockout = FakeTables(), FrozenClock(), CountingPasswords(), FakeLockout()
    people = {
        "ada@example.com": a_user(MIDSUMMER),
        "off@example.com": a_user(MIDSUMMER, "user-2", "off@example.com", status=UserStatus.DISABLED),
        "sso@example.com": a_user(MIDSUMMER, "user-3", "sso@example.com", provider="okta"),
        "odd@example.com": a_user(MIDSUMMER, "user-4", "odd@example.com"),
    }
    tables.users = {user.id: user for user in people.values()}
    hashed = await passwords.hashed("correct horse")
    tables.hashes = {UserId("user-1"): hashed, UserId("user-2"): hashed, UserId("user-4"): "$2a$10$not-ours"}
    sessions = SessionKeeper(FakeSessions(tables), LIMITS, clock)
    return Desk(Login(FakeUsers(tables), passwords, lockout, sessions, FakeJournal(tables)), tables, passwords, lockout, clock)


async def test_the_right_password_begins_a_session_with_its_audit_row(desk: Desk) -> None:
    secret = await desk.sign_in("  ADA@example.com ", "correct horse")
    session = await desk.login.sessions.current(secret)
    assert session is not None
    assert session.user_id == "user-1"
    assert [(event.action, event.actor_id, event.ip) for event in desk.tables.events] == [(Action.USER_LOGIN, "user-1", "203.0.113.9")]
    assert secret.encode() not in b"".join(desk.tables.sessions)


@pytest.mark.parametrize(
    ("email", "password", "reason", "actor"),
    [
        ("nobody@example.com", "correct horse", "user_not_found", ""),
        ("ada@example.com", "wrong", "invalid_credentials", "user-1"),
        ("off@example.com", "correct horse", "user_disabled", "user-2"),
        ("off@example.com", "wrong", "invalid_credentials", "user-2"),
        ("sso@example.com", "correct horse", "user_not_local", "user-3"),
        ("odd@example.com", "correct horse", "unusable_stored_hash", "user-4"),
    ],
)
async def test_every_failure_looks_alike_outside_and_differs_in_the_log(
    desk: Desk, email: str, password: str, reason: str, actor: str
) -> None:
    """Wire contract §4.7; operator contract §5.3."""
    with pytest.raises(LoginRejected) as caught:
        await desk.sign_in(email, password)
    assert caught.value.detail == "That e-mail address and password do not match an account here."
    assert desk.tables.sessions == {}
    [event] = desk.tables.events
    assert (event.action, event.reason, event.actor_id, event.outcome) == (Action.USER_LOGIN_FAILED, reason, actor, "denied")
    assert "@" not in repr(event)


@pytest.mark.parametrize("email", ["nobody@example.com", "ada@example.com", "off@example.com", "sso@example.com"])
async def test_every_failure_costs_one_hash(desk: Desk, email: str) -> None:
    """A8: constant work for unknown users."""
    with pytest.raises(LoginRejected):
        await desk.sign_in(email, "wrong")
    assert desk.passwords.work == 1


@pytest.mark.parametrize(("email", "password"), [("", "x"), ("ada@example.com", ""), ("a" * 255, "x"), ("ada@example.com", "x" * 257)])
async def test_what_nobody_could_have_typed_is_refused_unrecorded(desk: Desk, email: str, password: str) -> None:
    with pytest.raises(LoginRejected):
        await desk.sign_in(email, password)
    assert (desk.tables.events, desk.passwords.work, desk.lockout.counts) == ([], 0, {})


async def test_too_many_failures_lock_the_pair_even_for_the_right_password(desk: Desk) -> None:
    """C9."""
    for _ in range(3):
        with pytest.raises(LoginRejected):
            await desk.sign_in("ada@example.com", "wrong")
    work = desk.passwords.work
    with pytest.raises(LockedOut) as caught:
        await desk.sign_in("ada@example.com", "correct horse")
    assert caught.value.retry_after == 900
    assert desk.passwords.work == work
    assert [event.action for event in desk.tables.events].count(Action.AUTH_LOCKED_OUT) == 1


async def test_success_clears_what_was_counted(desk: Desk) -> None:
    for _ in range(2):
        with pytest.raises(LoginRejected):
            await desk.sign_in("ada@example.com", "wrong")
    await desk.sign_in("ada@example.com", "correct horse")
    assert desk.lockout.counts == {}


async def test_our_own_failure_is_not_held_against_anybody(desk: Desk) -> None:
    """Wire contract §4.7."""

    class Down(FakeUsers):
        async def credentials(self, email: str) -> None:
            raise Unavailable("the database cannot be reached")

    with pytest.raises(Unavailable):
        await replace(desk.login, users=Down(desk.tables)).sign_in(Attempt("ada@example.com", "wrong", VISIT), None)
    assert desk.lockout.counts["ada@example.com", "203.0.113.9"] == 0


async def test_the_session_the_browser_had_ends_at_login(desk: Desk) -> None:
    """A8: rotated at login."""
    first = await desk.sign_in("ada@example.com", "correct horse")
    second, _ = await desk.login.sign_in(Attempt("ada@example.com", "correct horse", VISIT), first)
    assert await desk.login.sessions.current(first) is None
    assert await desk.login.sessions.current(second) is not None


async def test_a_session_ends_when_idle_or_old_or_its_user_is_disabled(desk: Desk) -> None:
    """A8: idle and absolute limits."""
    secret = await desk.sign_in("ada@example.com", "correct horse")
    sessions = desk.login.sessions
    for _ in range(3):
        desk.clock.advance(timedelta(hours=7))
        assert await sessions.current(secret) is not None
    desk.clock.advance(timedelta(hours=4))
    assert await sessions.current(secret) is None
    secret = await desk.sign_in("ada@example.com", "correct horse")
    desk.clock.advance(timedelta(hours=9))
    assert await sessions.current(secret) is None
    secret = await desk.sign_in("ada@example.com", "correct horse")
    desk.tables.users[UserId("user-1")] = replace(desk.tables.users[UserId("user-1")], status=UserStatus.DISABLED)
    assert await sessions.current(secret) is None


async def test_a_burst_of_logins_is_bounded() -> None:
    passwords = Passwords(threads=1, waiting=0)
    hashing = passwords.hashed("correct horse")
    import asyncio

    task = asyncio.ensure_future(hashing)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.waste("x")
    assert (await task).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
