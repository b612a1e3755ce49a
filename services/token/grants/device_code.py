"""device_code (RFC 8628 §3.4, §3.5): the device asks until the person has decided, and gets its answer once."""

from kit.audit import Action
from kit.clock import Clock
from kit.errors import AccessDenied, AuthorizationPending, ExpiredToken, InvalidGrant, InvalidRequest, SlowDown
from kit.oauth import GrantType
from services.token import devices, events, policy
from services.token.devices import Decision, StoredDevice
from services.token.families import Lifetimes
from services.token.model import Client, GrantId, Issuance, Proof, SpendDeviceCode, TokenRequest
from services.token.ports import DeviceCodes, Resources

# One text for every way a device code can be wrong, so that an answer tells a guesser nothing.
NOT_VALID = "the device code is not valid"


class PolledEarly(SlowDown):
    """RFC 8628 §3.5: an answer of RFC 6749 §5.2, so 400 and not the 429 of a rate limit."""

    status = 400


class DeviceDenied(AccessDenied):
    """RFC 8628 §3.5: an answer of RFC 6749 §5.2, so 400 and not 403."""

    status = 400


class DeviceCode:
    """`lifetime` of the access token in seconds."""

    grant_type = GrantType.DEVICE_CODE
    denied = Action.TOKEN_ISSUE_DENIED
    confidential_only = False

    def __init__(self, *, codes: DeviceCodes, resources: Resources, families: Lifetimes, lifetime: int, clock: Clock) -> None:
        self._codes = codes
        self._resources = resources
        self._families = families
        self._lifetime = lifetime
        self._clock = clock

    async def decide(self, request: TokenRequest, client: Client, proof: Proof | None) -> Issuance:
        """Raises AuthorizationPending, PolledEarly, DeviceDenied, ExpiredToken, InvalidRequest, InvalidGrant, InvalidTarget, InvalidScope.

        A code shown again ends nothing: a device whose answer got lost repeats itself (§3.5), and a second device gets nothing.
        """
        presented = request.form.get("device_code")
        if presented is None:
            raise InvalidRequest("device_code is required")
        device = await self._codes.device(devices.hash_of(presented))
        if device is None or device.client_id != client.id or device.consumed_at is not None:
            raise InvalidGrant(NOT_VALID, debug=_cause(device))
        grant_id = await self._require_approved(device)
        catalogue = await self._resources.catalogue()
        policy.require_same_resource(catalogue, device.resource, policy.one_resource(request.resources))
        resource = catalogue.mintable(device.resource) if device.resource else None
        # The person may have taken minutes: what the client may have today counts, not what it might have had when it asked (K15).
        scopes = policy.refreshed_scope(device.scopes, client.ceiling, ())
        lifetime = policy.shortest(self._lifetime, client.access_token_lifetime, resource.access_token_lifetime if resource else 0)
        return self._issuance(device, grant_id, scopes, lifetime, request, client, proof)

    async def _require_approved(self, device: StoredDevice) -> GrantId:
        now = self._clock.now()
        if device.decision is Decision.DENIED:
            raise DeviceDenied("the person said no")
        if device.expires_at <= now:
            raise ExpiredToken("the device code has expired; ask for a new one")
        if device.decision is Decision.PENDING or device.grant_id is None:
            if await self._codes.polled_early(device.code_hash, now):
                raise PolledEarly(f"wait {devices.SLOWER_SECONDS} seconds longer between two requests", retry_after=devices.SLOWER_SECONDS)
            raise AuthorizationPending("the person has not decided yet")
        if not device.grant_live or device.subject_refused:
            raise InvalidGrant(NOT_VALID, debug="grant revoked or subject refused")
        return device.grant_id

    def _issuance(
        self,
        device: StoredDevice,
        grant_id: GrantId,
        scopes: tuple[str, ...],
        lifetime: int,
        request: TokenRequest,
        client: Client,
        proof: Proof | None,
    ) -> Issuance:
        subject = device.user_id or ""
        family = None
        if GrantType.REFRESH_TOKEN in client.grant_types:
            # A confidential client's refresh tokens are bound to its credentials already (RFC 9449 §5).
            family = self._families.born(self._clock.now(), proof, bind=not client.confidential)
        return Issuance(
            grant_type=self.grant_type,
            client=client,
            subject=subject,
            scopes=scopes,
            audience=device.resource,
            lifetime=lifetime,
            event=events.by_client(
                Action.TOKEN_ISSUED,
                client,
                request.context,
                subject=subject,
                resource=device.resource,
                detail={"family": family.id if family else "", "grant": grant_id, "scopes": list(scopes), "path": "device_code"},
            ),
            proof=proof,
            grant_id=grant_id,
            family_id=family.id if family else None,
            spend=SpendDeviceCode(device.code_hash, family),
        )


def _cause(device: StoredDevice | None) -> str:
    if device is None:
        return "unknown device code"
    return "redeemed before" if device.consumed_at is not None else f"issued to client={device.client_id}"
