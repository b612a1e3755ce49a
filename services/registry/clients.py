"""What an operator does to clients: create, change, suspend, give new secrets, delete."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from kit.audit import Action
from kit.clock import Clock
from kit.credentials import random_id, random_secret, secret_digest
from kit.errors import Conflict, InvalidClientMetadata, InvalidRequest, InvalidScope, Stale
from kit.oauth import GrantType, join_scope, parse_scope
from services.registry import history, redirect_uris
from services.registry.metadata import Rules, Submitted, has_secret, inferred_type, negotiate
from services.registry.model import AgentAssurance, Client, ClientId, ClientStatus, Metadata, Origin, Source
from services.registry.ports import ClientEdit, Clients

LARGEST_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
LONGEST_LIFETIME: Final = 366 * 24 * 3600  # seconds
_LONGEST_SCOPE: Final = 8192
_LARGEST_QUOTA: Final = 2**31
_PATCHABLE: Final = ("name", "redirect_uris", "grant_types", "scope", "access_token_lifetime", "tokens_per_minute", "tokens_per_day")
_LONGEST_ID: Final = 256

_STATUS_ACTIONS: Final = {
    ClientStatus.ACTIVE: Action.CLIENT_REACTIVATED,
    ClientStatus.SUSPENDED: Action.CLIENT_SUSPENDED,
    ClientStatus.REVOKED: Action.CLIENT_REVOKED,
}


@dataclass(frozen=True, slots=True)
class NewClient:
    """An operator's wish. `client_id` and `secret` are chosen by seeds only; `access_token_lifetime` in seconds."""

    metadata: Submitted
    scope: str = ""
    access_token_lifetime: int = 0
    tokens_per_minute: int = 0
    tokens_per_day: int = 0
    client_id: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ClientPatch:
    """None leaves a member unchanged. `expected_version` 0 accepts any version."""

    name: str | None = None
    redirect_uris: Sequence[str] | None = None
    grant_types: Sequence[str] | None = None
    scope: str | None = None
    access_token_lifetime: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    expected_version: int = 0


@dataclass(frozen=True, slots=True)
class Created:
    """A new client, and its secret unless it was chosen by the caller."""

    client: Client
    secret: str = field(default="", repr=False)


class ClientAdministration:
    """`rules` are strict here: an operator hears about a value that is not supported."""

    def __init__(self, *, clients: Clients, rules: Rules, pepper: bytes | None, clock: Clock) -> None:
        self._clients = clients
        self._rules = replace(rules, strict=True)
        self._pepper = pepper
        self._clock = clock

    async def create(self, wish: NewClient, origin: Origin) -> Created:
        """Raises InvalidClientMetadata, Conflict when the chosen id is taken."""
        made = self.prepared(wish)
        event = history.about_client(Action.CLIENT_CREATED_ADMIN, made.client.id, origin, name=made.client.metadata.name)
        await self._clients.add(made.client, (event,))
        return made

    def prepared(self, wish: NewClient) -> Created:
        """The client that `create` would store. Raises InvalidClientMetadata."""
        metadata = negotiate(wish.metadata, self._rules)
        if not wish.metadata.client_name:
            raise InvalidClientMetadata("client_name: must not be blank")
        if len(wish.client_id) > _LONGEST_ID or not wish.client_id.isascii() or not (wish.client_id.isprintable() or not wish.client_id):
            raise InvalidClientMetadata(f"client_id: at most {_LONGEST_ID} printable ASCII characters")
        now = self._clock.now()
        secret = (wish.secret or random_secret()) if has_secret(metadata) else ""
        client = Client(
            id=ClientId(wish.client_id or random_id()),
            metadata=metadata,
            status=ClientStatus.ACTIVE,
            source=Source.ADMIN,
            issued_at=now,
            updated_at=now,
            scope=_ceiling(wish.scope),
            agent_assurance=AgentAssurance.VOUCHED if metadata.agent else AgentAssurance.NONE,
            access_token_lifetime=_lifetime(wish.access_token_lifetime),
            tokens_per_minute=_quota("tokens_per_minute", wish.tokens_per_minute),
            tokens_per_day=_quota("tokens_per_day", wish.tokens_per_day),
            secret_digest=secret_digest(secret, self._pepper) if secret else "",
        )
        return Created(client, "" if wish.secret else secret)

    async def update(self, client_id: ClientId, patch: ClientPatch, origin: Origin) -> Client:
        """Raises Missing, InvalidClientMetadata, Stale."""

        def decide(current: Client) -> ClientEdit:
            if patch.expected_version not in (0, current.version):
                raise Stale("the client was changed by somebody else; read it again")
            changed = self._patched(current, patch)
            fields = [name for name in _PATCHABLE if getattr(patch, name) is not None]
            return ClientEdit(changed, (history.about_client(Action.CLIENT_UPDATED, client_id, origin, fields=fields),))

        return await self._clients.edit(client_id, decide)

    async def set_status(self, client_id: ClientId, status: ClientStatus, origin: Origin) -> Client:
        """Takes effect wherever the change is heard, within milliseconds. Raises Missing."""
        event = history.about_client(_STATUS_ACTIONS[status], client_id, origin)
        return await self._clients.edit(client_id, lambda current: ClientEdit(replace(current, status=status), (event,)))

    async def rotate_secret(self, client_id: ClientId, origin: Origin) -> str:
        """The new secret; the old one ends at once. Raises Missing, Conflict for a client that has none."""
        secret = random_secret()

        def decide(current: Client) -> ClientEdit:
            if not current.secret_digest:
                raise Conflict("this client does not authenticate with a secret")
            changed = replace(current, secret_digest=secret_digest(secret, self._pepper))
            return ClientEdit(changed, (history.about_client(Action.CLIENT_SECRET_ROTATED, client_id, origin),))

        await self._clients.edit(client_id, decide)
        return secret

    async def delete(self, client_id: ClientId, origin: Origin, *, force: bool) -> None:
        """Raises Missing."""
        await self._clients.remove(client_id, (history.about_client(Action.CLIENT_DELETED, client_id, origin, force=force),))

    async def page(self, status: ClientStatus | None, source: Source | None, limit: int, offset: int) -> Sequence[Client]:
        """Newest first. Raises InvalidRequest for an offset below 0."""
        if offset < 0:
            raise InvalidRequest("offset must not be negative")
        return await self._clients.page(status, source, min(limit, LARGEST_PAGE) if limit > 0 else DEFAULT_PAGE, offset)

    def _patched(self, current: Client, patch: ClientPatch) -> Client:
        metadata = current.metadata
        if patch.name is not None or patch.redirect_uris is not None or patch.grant_types is not None:
            if patch.name is not None and not patch.name.strip():
                raise InvalidClientMetadata("client_name: must not be blank")
            if current.source is Source.CIMD:
                raise InvalidClientMetadata("name, redirect_uris and grant_types of this client come from its metadata document")
            # A grant switched off since then is no reason to refuse a new name.
            kept = frozenset(GrantType(grant) for grant in metadata.grant_types) if patch.grant_types is None else frozenset()
            metadata = negotiate(_resubmitted(metadata, patch), replace(self._rules, grants=self._rules.grants | kept))
        return replace(
            current,
            metadata=metadata,
            scope=current.scope if patch.scope is None else _ceiling(patch.scope),
            access_token_lifetime=(
                current.access_token_lifetime if patch.access_token_lifetime is None else _lifetime(patch.access_token_lifetime)
            ),
            tokens_per_minute=_quota("tokens_per_minute", _or(patch.tokens_per_minute, current.tokens_per_minute)),
            tokens_per_day=_quota("tokens_per_day", _or(patch.tokens_per_day, current.tokens_per_day)),
        )


def _resubmitted(metadata: Metadata, patch: ClientPatch) -> Submitted:
    uris = metadata.redirect_uris if patch.redirect_uris is None else patch.redirect_uris
    # An inferred type follows the redirect URIs it was inferred from; a declared one stays and is enforced.
    was_inferred = metadata.application_type is inferred_type(redirect_uris.parse_all(metadata.redirect_uris)[0])
    return Submitted(
        client_name=metadata.name if patch.name is None else patch.name,
        redirect_uris=list(uris),
        grant_types=list(metadata.grant_types if patch.grant_types is None else patch.grant_types),
        token_endpoint_auth_method=metadata.auth_method.value,
        application_type=None if was_inferred or metadata.application_type is None else metadata.application_type.value,
        client_uri=metadata.client_uri,
        logo_uri=metadata.logo_uri,
        tos_uri=metadata.tos_uri,
        policy_uri=metadata.policy_uri,
        jwks_uri=metadata.jwks_uri,
        jwks=orjson.loads(metadata.jwks) if metadata.jwks else None,
        agent=metadata.agent,
        agent_description=metadata.agent_description,
        require_pushed_authorization_requests=metadata.require_pushed_authorization_requests,
        dpop_bound_access_tokens=metadata.dpop_bound_access_tokens,
    )


def _ceiling(scope: str) -> str:
    if len(scope) > _LONGEST_SCOPE:
        raise InvalidClientMetadata(f"scope: at most {_LONGEST_SCOPE} characters")
    try:
        return join_scope(parse_scope(scope))
    except InvalidScope as error:
        raise InvalidClientMetadata(f"scope: {error.detail}") from error


def _lifetime(seconds: int) -> int:
    if not 0 <= seconds <= LONGEST_LIFETIME:
        raise InvalidClientMetadata(f"access_token_lifetime: must be between 0 and {LONGEST_LIFETIME} seconds")
    return seconds


def _quota(name: str, tokens: int) -> int:
    if not 0 <= tokens <= _LARGEST_QUOTA:
        raise InvalidClientMetadata(f"{name}: must be between 0 and {_LARGEST_QUOTA}")
    return tokens


def _or(new: int | None, old: int) -> int:
    return old if new is None else new
