"""What authorize asks of token besides codes, and the stores beside those of people, as honest stand-ins."""

from dataclasses import dataclass, field
from datetime import datetime

from kit.audit import Event
from kit.errors import AuthPlaneError, InvalidClient, Missing
from services.authorize.account import Grant, SignedIn
from services.authorize.device import DeviceDecision, DeviceRequest
from services.authorize.model import ClientId, UserId, Visit
from services.authorize.pushed import Proof
from services.authorize.request import RawRequest
from tests.support.fakes_authorize import FakeTables


class FakeClientAuthentication:
    """Believes public clients by name, and everybody who knows the secret `right`."""

    def __init__(self) -> None:
        self.asked: list[Proof] = []
        self.fault: AuthPlaneError | None = None

    async def authenticate(self, proof: Proof) -> ClientId:
        self.asked.append(proof)
        if self.fault is not None:
            raise self.fault
        if not proof.client_id or proof.secret not in {"", "right"}:
            raise InvalidClient("client authentication failed")
        return ClientId(proof.client_id)


@dataclass
class FakePushedRequests:
    """Stands for PushedRequestStore."""

    waiting: dict[bytes, tuple[RawRequest, datetime]] = field(default_factory=dict)

    async def add(self, reference: bytes, raw: RawRequest, expires_at: datetime) -> None:
        self.waiting[reference] = raw, expires_at

    async def take(self, reference: bytes, client_id: str, now: datetime) -> RawRequest | None:
        found = self.waiting.get(reference)
        if found is None or found[0].client_id != client_id or found[1] <= now:
            return None
        del self.waiting[reference]
        return found[0]


class FakeDevices:
    """Waiting devices by plain code; a decision takes the device away."""

    def __init__(self) -> None:
        self.waiting: dict[str, DeviceRequest] = {}
        self.decided: list[DeviceDecision] = []
        self.looked_up: list[str] = []
        self.fault: AuthPlaneError | None = None

    async def find(self, user_code: str) -> DeviceRequest:
        self.looked_up.append(user_code)
        if self.fault is not None:
            raise self.fault
        if user_code not in self.waiting:
            raise Missing("no device waits with this code")
        return self.waiting[user_code]

    async def decide(self, decision: DeviceDecision) -> None:
        if self.fault is not None:
            raise self.fault
        if self.waiting.pop(decision.user_code, None) is None:
            raise Missing("no device waits with this code")
        self.decided.append(decision)


class FakeGrants:
    """Standing permissions by person."""

    def __init__(self) -> None:
        self.known: dict[UserId, list[Grant]] = {}
        self.revoked: list[tuple[UserId, str]] = []
        self.fault: AuthPlaneError | None = None

    async def of(self, user_id: UserId) -> tuple[Grant, ...]:
        if self.fault is not None:
            raise self.fault
        return tuple(self.known.get(user_id, ()))

    async def revoke(self, user_id: UserId, grant_id: str, visit: Visit) -> None:
        if self.fault is not None:
            raise self.fault
        mine = self.known.get(user_id, [])
        kept = [grant for grant in mine if grant.id != grant_id]
        if len(kept) == len(mine):
            raise Missing("there is no such grant")
        self.known[user_id] = kept
        self.revoked.append((user_id, grant_id))


class FakeOwnSessions:
    """Stands for SessionStore as the account page uses it; a session's id is its digest."""

    def __init__(self, tables: FakeTables) -> None:
        self.tables = tables

    async def of(self, user_id: UserId, current: bytes, now: datetime, idle_since: datetime) -> tuple[SignedIn, ...]:
        mine = [
            session
            for session in self.tables.sessions.values()
            if session.user_id == user_id and session.expires_at > now and session.last_seen_at > idle_since
        ]
        mine.sort(key=lambda session: session.last_seen_at, reverse=True)
        return tuple(
            SignedIn(
                id=session.digest.hex(),
                address=session.address,
                user_agent=session.user_agent,
                authenticated_at=session.authenticated_at,
                last_seen_at=session.last_seen_at,
                current=session.digest == current,
            )
            for session in mine
        )

    async def end_one(self, user_id: UserId, session_id: str, event: Event) -> bool:
        for digest, session in self.tables.sessions.items():
            if session.user_id == user_id and digest.hex() == session_id:
                del self.tables.sessions[digest]
                self.tables.events.append(event)
                return True
        return False

    async def end_all(self, user_id: UserId, event: Event) -> int:
        theirs = [digest for digest, session in self.tables.sessions.items() if session.user_id == user_id]
        for digest in theirs:
            del self.tables.sessions[digest]
        if theirs:
            self.tables.events.append(event)
        return len(theirs)
