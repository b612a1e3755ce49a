"""The person's half of the device authorization grant (RFC 8628 §3.3): find what a typed code asks for, ask, pass the decision on."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from kit.audit import Action, Event
from kit.errors import AuthPlaneError, InvalidRequest, Missing
from services.authorize.checks import Asked, client_is_active
from services.authorize.consent import catalogue_of, described, verified_domain
from services.authorize.model import Client, ClientId, Resource, Scope, Session, UserId, Visit
from services.authorize.ports import Clients, Journal, Lockout, Resources
from services.authorize.refusals import LockedOut, NothingTicked
from services.authorize.request import RawRequest
from services.authorize.sessions import event_of

# RFC 8628 §6.1: what people add or leave out when they copy a code.
_SEPARATORS = re.compile(r"[\s\-_.\u00b7\u2010-\u2015]+")
_CODE = re.compile(r"[A-Z0-9]{4,16}")
_GROUP = 4
_REJECTED: Final = "No device is waiting with this code. Compare it with what the device shows; codes expire after a few minutes."


class UserCodeRejected(InvalidRequest):
    """No device waits with this code; nothing says whether one ever did."""

    status = 422


class DeviceGone(Missing):
    """The device's request expired or was decided while the question stood on the page."""


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device asks for, as it travels to the page and back. An empty `resource` means none was named."""

    client_id: ClientId
    resource: str
    scopes: tuple[str, ...]

    def about(self, code: str) -> str:
        """Everything a person reads before deciding, as one text no other request has: no part of it contains a line break."""
        return "\n".join((code, self.client_id, self.resource, *self.scopes))


@dataclass(frozen=True, slots=True)
class DeviceDecision:
    """What the person of a session decided about a code; no scopes = denied."""

    user_code: str
    user_id: UserId
    authenticated_at: datetime
    scopes: tuple[str, ...]
    visit: Visit


class Devices(Protocol):
    """Waiting devices, owned by token."""

    async def find(self, user_code: str) -> DeviceRequest:
        """Raises Missing (unknown, expired or decided), Unavailable."""
        ...

    async def decide(self, decision: DeviceDecision) -> None:
        """Single use, audited by token. Raises Missing, AccessDenied, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceQuestion:
    """Everything the page shows before a person decides."""

    user_code: str
    request: DeviceRequest
    client: Client
    verified_domain: str
    resource: Resource | None
    asked: tuple[Scope, ...]
    email: str


@dataclass(frozen=True, slots=True)
class DeviceDesk:
    """Looks codes up, with guessing bounded per address and per session (RFC 8628 §5.1), and takes decisions."""

    devices: Devices
    clients: Clients
    resources: Resources
    by_address: Lockout
    by_session: Lockout
    journal: Journal

    async def look_up(self, typed: str, session: Session, visit: Visit) -> DeviceQuestion:
        """The question behind a code somebody typed.

        Raises UserCodeRejected, LockedOut, ClientNotActive, UnknownClient, InvalidRequest, Unavailable.
        """
        code = plain_code(typed)
        if code is None:
            raise UserCodeRejected(_REJECTED)
        await self._begin(session, visit)
        try:
            request = await self.devices.find(code)
        except Missing:
            await self._failed(session, visit)
            raise UserCodeRejected(_REJECTED) from None
        except AuthPlaneError:
            await self._forget(session, visit)
            raise
        # A right code takes back its own count and no more, or an own device in between would hide any number of guesses.
        await self._forget(session, visit)
        return await self.question(code, request, session, visit)

    async def decide(self, question: DeviceQuestion, session: Session, ticked: tuple[str, ...], *, approve: bool, visit: Visit) -> None:
        """Pass the decision on: one hop, as the page brings along what it was about.

        Raises NothingTicked, InvalidRequest (a scope that was not asked for), DeviceGone, AccessDenied, Unavailable.
        """
        if approve and not ticked:
            raise NothingTicked("Tick at least one permission to allow, or deny the request.")
        if approve and not set(ticked) <= {scope.name for scope in question.asked}:
            raise InvalidRequest("the form names a permission that was not asked for")
        scopes = tuple(scope.name for scope in question.asked if scope.name in ticked) if approve else ()
        try:
            await self.devices.decide(DeviceDecision(question.user_code, session.user_id, session.authenticated_at, scopes, visit))
        except Missing:
            raise DeviceGone("it expired, or was decided already") from None

    async def question(self, code: str, request: DeviceRequest, session: Session, visit: Visit) -> DeviceQuestion:
        """What to ask about a request that was found. Raises ClientNotActive, UnknownClient, InvalidRequest, Unavailable."""
        client = await self.clients.resolve(request.client_id, visit)
        client_is_active(Asked(RawRequest(), client))
        resource, catalogue = await catalogue_of(self.resources, request.resource)
        return DeviceQuestion(
            user_code=code,
            request=request,
            client=client,
            verified_domain=verified_domain(client),
            resource=resource,
            asked=described(request.scopes, catalogue),
            email=session.email or session.name,
        )

    async def _begin(self, session: Session, visit: Visit) -> None:
        wait = await self.by_session.begin(session.digest.hex(), "")
        if not wait:
            wait = await self.by_address.begin("", visit.address)
            if wait:
                await self.by_session.forget(session.digest.hex(), "")
        if wait:
            raise LockedOut("Too many codes that were not right.", retry_after=wait)

    async def _failed(self, session: Session, visit: Visit) -> None:
        locked = max(await self.by_session.failed(session.digest.hex(), ""), await self.by_address.failed("", visit.address))
        if locked:
            await self.journal.write(_locked_out(session, visit, locked))

    async def _forget(self, session: Session, visit: Visit) -> None:
        await self.by_session.forget(session.digest.hex(), "")
        await self.by_address.forget("", visit.address)


def plain_code(typed: str) -> str | None:
    """A user code without case and separators (RFC 8628 §6.1), or None for what cannot be one."""
    code = _SEPARATORS.sub("", typed[:64]).upper()
    return code if _CODE.fullmatch(code) else None


def spelled(code: str) -> str:
    """A plain code in groups a person can compare."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def _locked_out(session: Session, visit: Visit, seconds: int) -> Event:
    plain = event_of(Action.AUTH_LOCKED_OUT, session, visit)
    return Event(
        action=plain.action,
        actor_kind=plain.actor_kind,
        actor_id=plain.actor_id,
        subject=plain.subject,
        outcome="denied",
        reason="user_code_guessing",
        ip=plain.ip,
        request_id=plain.request_id,
        trace_id=plain.trace_id,
        detail={"seconds": seconds},
    )
