"""Who somebody signed in elsewhere is here: known by provider and subject alone, never by an e-mail address (A9)."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.credentials import random_id
from kit.errors import Conflict, InvalidRequest, Unavailable
from services.authorize.identity_provider import Provider
from services.authorize.model import Role, User, UserId, UserStatus, Visit
from services.authorize.refusals import EmailTaken, IssuerChanged, PersonRefused
from services.authorize.users import require_email

_LONGEST_NAME: Final = 200
_MOST_GROUPS: Final = 500
_LONGEST_GROUP: Final = 256
# A second process may provision the same person, or take the address, between our reading and our writing.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider says of a person. An empty member was not said."""

    provider: str
    issuer: str
    subject: str
    email: str = ""
    name: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """The person an identity belongs to, and what was last said of them."""

    user: User
    issuer: str
    groups: tuple[str, ...]


class Identities(Protocol):
    """Identities and the people they belong to. Every write commits its audit row."""

    async def find(self, provider: str, subject: str) -> Known | None:
        """By provider and subject."""
        ...

    async def add(self, user: User, identity: Identity, event: Event) -> bool:
        """A new person with their identity; False, writing nothing, when the identity is there already. Raises Conflict (e-mail taken)."""
        ...

    async def update(self, user: User, identity: Identity, event: Event) -> None:
        """Address, name and groups. Raises Conflict (e-mail taken)."""
        ...


def identity_of(provider: Provider, claims: Mapping[str, Any]) -> Identity:
    """What verified claims say. What cannot be an e-mail address or a name is left out rather than refused; both are optional."""
    return Identity(
        provider=provider.name,
        issuer=provider.issuer,
        subject=claims["sub"],
        email=_email(claims),
        name=_line(claims.get("name") or claims.get("preferred_username"), _LONGEST_NAME),
        groups=_groups(claims.get(provider.groups_claim)),
    )


def refreshed(known: Known, said: Identity) -> tuple[User, list[str]]:
    """The person as the provider describes them now, and which members that changes. What it leaves unsaid stays, except groups."""
    user = replace(known.user, email=said.email or known.user.email, name=said.name or known.user.name)
    changed = {"email": user.email != known.user.email, "name": user.name != known.user.name, "groups": said.groups != known.groups}
    return user, [member for member, differs in changed.items() if differs]


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Finds or creates the person of an identity."""

    identities: Identities
    clock: Clock

    async def person(self, said: Identity, visit: Visit) -> User:
        """Raises PersonRefused, IssuerChanged, EmailTaken, Unavailable."""
        for _ in range(_ATTEMPTS):
            known = await self.identities.find(said.provider, said.subject)
            if known is not None:
                return await self._known(known, said, visit)
            user = await self._new(said, visit)
            if user is not None:
                return user
        raise Unavailable("signing in is not possible at this moment")

    async def _new(self, said: Identity, visit: Visit) -> User | None:
        now = self.clock.now()
        user = User(UserId(random_id()), said.email, said.name, Role.USER, UserStatus.ACTIVE, said.provider, now, now)
        event = _event(Action.USER_CREATED, user, visit, provider=said.provider, role=user.role.value)
        try:
            return user if await self.identities.add(user, said, event) else None
        except Conflict:
            raise EmailTaken("an account here has your e-mail address already, and signing in elsewhere does not open it") from None

    async def _known(self, known: Known, said: Identity, visit: Visit) -> User:
        if known.user.status is not UserStatus.ACTIVE:
            raise PersonRefused("this account is switched off", debug=f"user={known.user.id}")
        if known.issuer != said.issuer:
            raise IssuerChanged("this account belongs to another identity provider", debug=f"user={known.user.id} issuer={known.issuer}")
        try:
            return await self._update(known, said, visit)
        except Conflict:
            # Somebody else has the new address. The person keeps the old one: nobody is locked out by another's address.
            return await self._update(known, replace(said, email=""), visit)

    async def _update(self, known: Known, said: Identity, visit: Visit) -> User:
        user, members = refreshed(known, said)
        if not members:
            return known.user
        user = replace(user, updated_at=self.clock.now())
        await self.identities.update(user, said, _event(Action.USER_UPDATED, user, visit, provider=said.provider, fields=members))
        return user


def _email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    # An address the provider itself has not verified would let anybody take it away from its owner.
    if not isinstance(email, str) or claims.get("email_verified") in (False, "false"):
        return ""
    try:
        return require_email(email)
    except InvalidRequest:
        return ""


def _groups(value: Any) -> tuple[str, ...]:
    """Names only; one name may stand alone. A name too long to be one is left out, never cut: it could become another group's."""
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    usable = [name for name in names if isinstance(name, str) and 0 < len(name) <= _LONGEST_GROUP]
    return tuple(sorted(dict.fromkeys(usable)))[:_MOST_GROUPS]


def _line(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        return ""
    visible = "".join(" " if unicodedata.category(character).startswith("C") else character for character in value)
    return " ".join(visible.split())[:longest].strip()


def _event(action: Action, user: User, visit: Visit, **detail: str | list[str]) -> Event:
    # The plane acts here on a provider's word; the person chose nothing.
    return Event(
        action=action,
        actor_kind=ActorKind.SYSTEM,
        subject=user.id,
        ip=visit.address,
        request_id=visit.request_id,
        trace_id=visit.trace_id,
        detail=detail,
    )
