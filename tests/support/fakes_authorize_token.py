"""What authorize asks of token besides codes, and the store of pushed requests, as honest stand-ins."""

from dataclasses import dataclass, field
from datetime import datetime

from kit.errors import AuthPlaneError, InvalidClient
from services.authorize.model import ClientId
from services.authorize.pushed import Proof
from services.authorize.request import RawRequest


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
