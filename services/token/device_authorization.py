"""The device authorization endpoint (RFC 8628 §3.1, §3.2): a device without a browser asks for a person's yes."""

from dataclasses import dataclass
from datetime import timedelta

from kit import credentials
from kit.audit import Action
from kit.clock import Clock
from kit.errors import Conflict, Refused, UnauthorizedClient, Unavailable
from kit.oauth import GrantType
from services.token import devices, events, policy
from services.token.client_auth import ClientAuthentication
from services.token.model import Client, TokenRequest
from services.token.ports import DeviceCodes, Ledger, Resources

_TRIES = 3


@dataclass(frozen=True, slots=True)
class DeviceResponse:
    """RFC 8628 §3.2; `expires_in` and `interval` in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceAuthorization:
    """`page` is where people type the code; `interval` in seconds."""

    def __init__(
        self,
        *,
        authentication: ClientAuthentication,
        resources: Resources,
        codes: DeviceCodes,
        user_codes: devices.UserCodes,
        ledger: Ledger,
        clock: Clock,
        page: str,
        lifetime: timedelta,
        interval: int,
        require_scope: bool = False,
    ) -> None:
        self._authentication = authentication
        self._resources = resources
        self._codes = codes
        self._user_codes = user_codes
        self._ledger = ledger
        self._clock = clock
        self._page = page
        self._lifetime = lifetime
        self._interval = interval
        self._require_scope = require_scope

    async def answer(self, request: TokenRequest) -> DeviceResponse:
        """Raises InvalidClient, UnauthorizedClient, InvalidRequest, InvalidTarget, InvalidScope, Unavailable."""
        client = await self._authentication.require(request.credentials, request.context)
        try:
            if GrantType.DEVICE_CODE.value not in client.grant_types:
                raise UnauthorizedClient(f"this client is not registered for {GrantType.DEVICE_CODE}")
            catalogue = await self._resources.catalogue()
            reference = policy.one_resource(request.resources)
            resource = catalogue.mintable(reference) if reference is not None else None
            scopes = policy.asked_scope(client, request.form.get("scope"), resource, catalogue, required=self._require_scope)
        except Refused as refusal:
            await self._ledger.note(events.refused(Action.AUTHORIZATION_DENIED, client, request.context, refusal.code))
            raise
        return await self._begin(request, client, resource.uri if resource is not None else "", scopes)

    async def _begin(self, request: TokenRequest, client: Client, resource: str, scopes: tuple[str, ...]) -> DeviceResponse:
        device_code = credentials.random_secret()
        event = events.by_client(
            Action.DEVICE_CODE_ISSUED, client, request.context, resource=resource, detail={"scopes": list(scopes), "grant": "device_code"}
        )
        for _ in range(_TRIES):
            user_code = devices.new_user_code()
            now = self._clock.now()
            device = devices.NewDevice(
                code_hash=devices.hash_of(device_code),
                user_code_tag=self._user_codes.tag(user_code),
                client_id=client.id,
                resource=resource,
                scopes=scopes,
                interval=self._interval,
                issued_at=now,
                expires_at=now + self._lifetime,
            )
            try:
                await self._codes.add(device, event)
            except Conflict:
                continue  # Somebody else is typing this very code.
            return self._response(device_code, user_code)
        raise Unavailable("no user code is free right now")

    def _response(self, device_code: str, user_code: str) -> DeviceResponse:
        return DeviceResponse(
            device_code=device_code,
            user_code=user_code,
            verification_uri=self._page,
            verification_uri_complete=f"{self._page}?user_code={user_code}",
            expires_in=int(self._lifetime.total_seconds()),
            interval=self._interval,
        )
