"""Dynamic client registration (RFC 7591) and its management by the client itself (RFC 7592)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import orjson

from kit.audit import Action, Event
from kit.clock import Clock
from kit.credentials import digest, equal, matches_secret, random_id, random_secret, secret_digest
from kit.errors import Forbidden, InvalidClientMetadata, InvalidToken, Missing
from services.registry import history
from services.registry.admission import Admission
from services.registry.metadata import Rules, has_secret, may_have_default_scope, negotiate, submitted
from services.registry.model import AgentAssurance, Client, ClientId, ClientStatus, Metadata, Origin, Source
from services.registry.ports import ClientEdit, Clients, Registration, Registrations

REPEAT_WINDOW: Final = timedelta(minutes=10)
_EXPIRED_AT_ONCE: Final = 100
# RFC 7592 §2.2: a client update MUST NOT include these.
_NOT_ITS_TO_SET: Final = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


@dataclass(frozen=True, slots=True)
class Policy:
    """`default_scope` is `oauth.default_client_scope`; `never_used_life` is how long a client nobody used is kept."""

    rules: Rules
    default_scope: str = ""
    pepper: bytes | None = field(default=None, repr=False)
    never_used_life: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with what is told only now; `access_token` is empty where the answer repeats an earlier registration."""

    client: Client
    secret: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)


class ClientRegistration:
    """What a client may do about itself."""

    def __init__(self, *, clients: Clients, registrations: Registrations, admission: Admission, policy: Policy, clock: Clock) -> None:
        self._clients = clients
        self._registrations = registrations
        self._admission = admission
        self._policy = policy
        self._clock = clock

    async def register(self, body: object, origin: Origin) -> Registered:
        """RFC 7591 §3. Raises InvalidClientMetadata, InvalidRedirectUri, AccessDenied, Unavailable.

        The same metadata from the same address within ten minutes is the same public client again (target C6), without a new
        management token: whoever shares the address must not be able to change what another registered.
        """
        metadata = negotiate(submitted(body), self._policy.rules)
        await self._admission.admit(metadata.redirect_uris)
        now = self._clock.now()
        secret = random_secret() if has_secret(metadata) else ""
        client = Client(
            id=ClientId(random_id()),
            metadata=metadata,
            status=ClientStatus.ACTIVE,
            source=Source.DCR,
            issued_at=now,
            updated_at=now,
            scope=self._scope(metadata),
            agent_assurance=_assurance(metadata),
            secret_digest=secret_digest(secret, self._policy.pepper) if secret else "",
        )
        access_token = random_secret()
        registration = Registration(digest(access_token), None if secret else _fingerprint(metadata, origin.ip))
        event = history.by_client(Action.CLIENT_REGISTERED, client, origin, source="dcr")
        stored = await self._registrations.register(client, registration, now - REPEAT_WINDOW, (event,))
        if stored.id != client.id:
            return Registered(stored)
        return Registered(stored, secret, access_token)

    async def read(self, client_id: ClientId, access_token: str) -> Registered:
        """RFC 7592 §2.1. Raises InvalidToken, Forbidden."""
        return Registered(await self._managed(client_id, access_token), "", access_token)

    async def update(self, client_id: ClientId, access_token: str, body: object, origin: Origin) -> Registered:
        """RFC 7592 §2.2: the body replaces all metadata. Raises InvalidToken, Forbidden, InvalidClientMetadata, InvalidRedirectUri."""
        client = await self._managed(client_id, access_token)
        metadata = negotiate(submitted(body), self._policy.rules)
        self._require_own(body, client)
        await self._admission.admit(metadata.redirect_uris)
        secret = random_secret() if has_secret(metadata) and not client.secret_digest else ""
        event = history.by_client(Action.CLIENT_UPDATED, client, origin, source="dcr")

        def decide(current: Client) -> ClientEdit:
            _require_active(current)
            kept = current.secret_digest if has_secret(metadata) else ""
            changed = replace(
                current,
                metadata=metadata,
                scope=current.scope if may_have_default_scope(metadata) else "",
                agent_assurance=_assurance(metadata, current),
                secret_digest=secret_digest(secret, self._policy.pepper) if secret else kept,
            )
            return ClientEdit(changed, (event,))

        return Registered(await self._clients.edit(client_id, decide), secret, access_token)

    async def delete(self, client_id: ClientId, access_token: str, origin: Origin) -> None:
        """RFC 7592 §2.3. Raises InvalidToken, Forbidden."""
        client = await self._managed(client_id, access_token)
        await self._clients.remove(client_id, (history.by_client(Action.CLIENT_DELETED, client, origin, source="dcr"),))

    async def expire_never_used(self) -> int:
        """Remove clients registered long ago that nobody ever used (target C6); how many."""
        removed = 0
        before = self._clock.now() - self._policy.never_used_life
        while True:
            batch = await self._registrations.expire(before, _EXPIRED_AT_ONCE, _expired)
            removed += batch
            if batch < _EXPIRED_AT_ONCE:
                return removed

    async def _managed(self, client_id: ClientId, access_token: str) -> Client:
        try:
            stored = await self._registrations.access_token_digest(client_id)
            client = await self._clients.find(client_id)
        except Missing:
            # RFC 7592 §2.1: a client that does not exist answers like a wrong token.
            stored, client = b"", None
        if not equal(stored.hex(), digest(access_token).hex()) or client is None:
            raise InvalidToken("the registration access token is not valid for this client")
        _require_active(client)
        return client

    def _require_own(self, body: object, client: Client) -> None:
        members: Mapping[str, Any] = body if isinstance(body, dict) else {}
        if members.get("client_id") != client.id:
            raise InvalidClientMetadata("client_id must be present and the client's own")
        if wrong := [name for name in _NOT_ITS_TO_SET if name in members]:
            raise InvalidClientMetadata(f"must not be present: {', '.join(wrong)}")
        secret = members.get("client_secret")
        # A client may repeat its secret and never choose one.
        if secret is not None and not (
            isinstance(secret, str) and client.secret_digest and matches_secret(secret, client.secret_digest, self._policy.pepper)
        ):
            raise InvalidClientMetadata("client_secret is not the client's own")

    def _scope(self, metadata: Metadata) -> str:
        return self._policy.default_scope if may_have_default_scope(metadata) else ""


def _require_active(client: Client) -> None:
    if client.status is not ClientStatus.ACTIVE:
        raise Forbidden("the client has been suspended")


def _assurance(metadata: Metadata, before: Client | None = None) -> AgentAssurance:
    if not metadata.agent:
        return AgentAssurance.NONE
    # An operator vouched for what the client was; what it makes of itself is its own word again.
    vouched = before is not None and before.agent_assurance is AgentAssurance.VOUCHED and before.metadata == metadata
    return AgentAssurance.VOUCHED if vouched else AgentAssurance.SELF_DECLARED


def _fingerprint(metadata: Metadata, ip: str) -> bytes | None:
    """What makes two registrations the same one; None without an address, because strangers must not share a client by accident."""
    return digest(orjson.dumps([ip, metadata]).decode()) if ip else None


def _expired(client_id: ClientId) -> Event:
    return history.about_client(Action.CLIENT_EXPIRED, client_id, Origin(), source="dcr")
