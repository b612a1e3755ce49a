"""People, as operators administer them: create, look up, change, disable, delete."""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.credentials import random_id
from kit.errors import Conflict, InvalidRequest, Missing
from services.authorize.login import LONGEST_EMAIL
from services.authorize.model import LOCAL, Operator, Role, User, UserId, UserStatus
from services.authorize.passwords import Passwords, require_acceptable
from services.authorize.ports import Directory, DirectoryWrites, Subjects

MOST_PER_PAGE: Final = 1000
_USUAL_PER_PAGE: Final = 100
_LONGEST_NAME: Final = 200
# Enough to catch a slip of the keyboard; whether an address works is for a mail server to say.
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,253}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to add."""

    email: str
    password: str = field(repr=False)
    name: str = ""
    role: str = Role.USER


@dataclass(frozen=True, slots=True)
class UserChange:
    """None leaves a member alone."""

    email: str | None = None
    name: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class UserAdministration:
    """What operators do to people. Every write commits its audit row; an e-mail address is in none of them."""

    directory: Directory
    writes: DirectoryWrites
    subjects: Subjects
    passwords: Passwords
    clock: Clock

    async def create(self, new: NewUser, operator: Operator) -> User:
        """Raises InvalidRequest, Conflict (e-mail address taken), Unavailable."""
        email, name = require_email(new.email), _require_name(new.name)
        require_acceptable(new.password)
        now = self.clock.now()
        # Anything but "admin" is a user, as the published REST API has it.
        role = Role.ADMIN if new.role == Role.ADMIN else Role.USER
        user = User(UserId(random_id()), email, name, role, UserStatus.ACTIVE, LOCAL, now, now)
        event = _event(Action.USER_CREATED, user.id, operator, role=role.value)
        try:
            await self.directory.add(user, await self.passwords.hashed(new.password), event)
        except Conflict:
            raise Conflict("a user with this e-mail address exists already") from None
        return user

    async def get(self, user_id: UserId) -> User:
        """Raises Missing."""
        user = await self.directory.get(user_id)
        if user is None:
            raise Missing("there is no such user")
        return user

    async def all(self, limit: int, offset: int, email: str) -> tuple[User, ...]:
        """Users by creation, at most MOST_PER_PAGE; `limit` 0 means the usual number."""
        wanted = min(limit, MOST_PER_PAGE) if limit > 0 else _USUAL_PER_PAGE
        return await self.directory.all(wanted, max(offset, 0), email)

    async def change(self, user_id: UserId, change: UserChange, operator: Operator) -> User:
        """Raises Missing, Conflict (e-mail address taken), InvalidRequest, Unavailable."""
        before = await self.get(user_id)
        email = before.email if change.email is None else require_email(change.email)
        name = before.name if change.name is None else _require_name(change.name)
        hashed = None
        if change.password is not None:
            if before.provider != LOCAL:
                raise InvalidRequest("this user signs in elsewhere and has no password here")
            require_acceptable(change.password)
            hashed = await self.passwords.hashed(change.password)
        after = replace(before, email=email, name=name, updated_at=self.clock.now())
        members = [
            member
            for member, changed in (("email", email != before.email), ("name", name != before.name), ("password", hashed is not None))
            if changed
        ]
        try:
            kept = await self.writes.change(after, hashed, _event(Action.USER_UPDATED, user_id, operator, fields=members))
        except Conflict:
            raise Conflict("a user with this e-mail address exists already") from None
        if not kept:
            raise Missing("there is no such user")
        return after

    async def disable(self, user_id: UserId, operator: Operator) -> User:
        """Token refuses the person before this returns, and their sessions are over. Raises Missing, Unavailable."""
        await self.get(user_id)
        await self.subjects.refuse(user_id, "disabled", operator)
        return await self._set_status(user_id, UserStatus.DISABLED, Action.USER_DISABLED, operator)

    async def enable(self, user_id: UserId, operator: Operator) -> User:
        """Raises Missing, Unavailable.

        Token is told last, so that a failure between the two leaves a person refused rather than half let in; repeating it mends it.
        """
        user = await self._set_status(user_id, UserStatus.ACTIVE, Action.USER_ENABLED, operator)
        await self.subjects.allow(user_id, operator)
        return user

    async def delete(self, user_id: UserId, operator: Operator, *, force: bool) -> None:
        """Raises Missing, Unavailable."""
        await self.get(user_id)
        await self.subjects.refuse(user_id, "deleted", operator)
        if not await self.writes.remove(user_id, _event(Action.USER_DELETED, user_id, operator, force=force)):
            raise Missing("there is no such user")

    async def end_sessions(self, user_id: UserId, operator: Operator) -> int:
        """How many browser sessions ended. Raises Missing, Unavailable."""
        await self.get(user_id)
        return await self.writes.end_sessions(user_id, _event(Action.SESSION_ENDED, user_id, operator))

    async def _set_status(self, user_id: UserId, status: UserStatus, action: Action, operator: Operator) -> User:
        user = await self.writes.set_status(user_id, status, self.clock.now(), _event(action, user_id, operator))
        if user is None:
            raise Missing("there is no such user")
        return user


def require_email(email: str) -> str:
    """The address without surrounding space. Raises InvalidRequest."""
    email = email.strip()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise InvalidRequest("this is not an e-mail address")
    return email


def _require_name(name: str) -> str:
    name = name.strip()
    if len(name) > _LONGEST_NAME or _CONTROL.search(name):
        raise InvalidRequest(f"a name has at most {_LONGEST_NAME} printable characters")
    return name


def _event(action: Action, user_id: UserId, operator: Operator, **detail: str | bool | list[str]) -> Event:
    return Event(
        action=action,
        actor_kind=ActorKind.OPERATOR if operator.key_name else ActorKind.SYSTEM,
        actor_id=operator.key_name,
        subject=user_id,
        ip=operator.visit.address,
        request_id=operator.visit.request_id,
        trace_id=operator.visit.trace_id,
        detail=detail,
    )
