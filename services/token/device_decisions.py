"""The person's half of a device authorization (RFC 8628 §3.3), asked for by authorize's page."""

from kit import credentials
from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.errors import InvalidRequest, Missing
from services.token.consents import Approval, Memory, union
from services.token.devices import Settled, StoredDevice, UserCodes, Verdict
from services.token.model import GrantId
from services.token.ports import DeviceCodes

# One text for unknown, expired and decided: a page tells a guesser nothing.
_NOT_VALID = "this code is not valid, or not any more"


class DeviceDecisions:
    """Finds what a typed code asks for, and takes the answer once."""

    def __init__(self, *, codes: DeviceCodes, user_codes: UserCodes, clock: Clock) -> None:
        self._codes = codes
        self._user_codes = user_codes
        self._clock = clock

    async def find(self, typed: str) -> StoredDevice:
        """The pending authorization behind a typed code. Raises Missing."""
        tags = self._user_codes.tags(typed)
        device = await self._codes.pending(tags, self._clock.now()) if tags else None
        if device is None:
            raise Missing(_NOT_VALID)
        return device

    async def decide(self, typed: str, verdict: Verdict) -> None:
        """Raises Missing, AccessDenied for a refused subject, InvalidRequest for scopes that were not asked for."""
        tags = self._user_codes.tags(typed)
        if not tags:
            raise Missing(_NOT_VALID)
        settled = await self._codes.settle(tags, verdict, lambda device, memory: settle(device, memory, verdict), self._clock.now())
        if not settled:
            raise Missing(_NOT_VALID)


def settle(device: StoredDevice, memory: Memory, verdict: Verdict) -> Settled:
    """What the verdict makes of the device and of the person's grant.

    Approving a device widens the grant, because tokens descend from it, but spares no later question: whoever else got hold of a code
    must not profit from what was allowed before (RFC 8628 §5.4). Raises InvalidRequest.
    """
    if not verdict.approve:
        return Settled(_event(Action.DEVICE_CODE_DENIED, device, verdict, ()))
    if not set(verdict.scopes).issubset(device.scopes) or (device.scopes and not verdict.scopes):
        raise InvalidRequest("the decision does not fit the request")
    scopes = tuple(scope for scope in device.scopes if scope in verdict.scopes)
    grant = memory.grant
    return Settled(
        event=_event(Action.DEVICE_CODE_APPROVED, device, verdict, scopes),
        grant_id=grant.id if grant is not None else GrantId(credentials.random_id()),
        approval=Approval(scopes, union(grant.scopes if grant else (), scopes), grant.remembered if grant else None),
    )


def _event(action: Action, device: StoredDevice, verdict: Verdict, scopes: tuple[str, ...]) -> Event:
    return Event(
        action=action,
        actor_kind=ActorKind.USER,
        actor_id=verdict.user_id,
        client_id=device.client_id,
        subject=verdict.user_id,
        resource=device.resource,
        outcome="success" if verdict.approve else "denied",
        ip=verdict.context.ip,
        request_id=verdict.context.request_id,
        trace_id=verdict.context.trace_id,
        detail={"scopes": list(scopes)},
    )
