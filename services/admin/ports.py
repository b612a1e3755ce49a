"""What the operations need from elsewhere, in an operator's words. Every write names the operator for the audit row of its owner."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from kit.audit import Event
from services.admin.model.audit import Entry, Filter, Page, Verdict, Window
from services.admin.model.clients import (
    Client,
    ClientChange,
    ClientId,
    ClientStatus,
    CreatedClient,
    NewClient,
    RegistrationMode,
    RegistrationSource,
)
from services.admin.model.operators import ApiKey, KeyId, Operator
from services.admin.model.resources import NewResource, Resource, ResourceChange, ResourceId
from services.admin.model.system import VaultState
from services.admin.model.tokens import ConsentGrant, EndedTokens, GrantId, Issuance, IssuanceFilter, IssuanceId, Live, SigningKey
from services.admin.model.users import NewUser, User, UserChange, UserId, UserStatus


class ClientRecords(Protocol):
    """Clients, owned by registry."""

    async def get_client(self, client_id: ClientId) -> Client:
        """Raises Missing."""

    async def list_clients(
        self, status: ClientStatus | None, source: RegistrationSource | None, limit: int, offset: int
    ) -> tuple[Client, ...]:
        """Newest first."""

    async def create_client(self, operator: Operator, new: NewClient) -> CreatedClient:
        """Raises InvalidClientMetadata, InvalidRedirectUri."""

    async def update_client(self, operator: Operator, client_id: ClientId, change: ClientChange) -> Client:
        """Raises Missing, InvalidClientMetadata, Stale."""


class ClientLife(Protocol):
    """What becomes of a client, owned by registry."""

    async def set_client_status(self, operator: Operator, client_id: ClientId, status: ClientStatus) -> Client:
        """Raises Missing."""

    async def rotate_client_secret(self, operator: Operator, client_id: ClientId) -> str:
        """The new secret. Raises Missing, Conflict (public client)."""

    async def delete_client(self, operator: Operator, client_id: ClientId, *, force: bool) -> None:
        """Raises Missing."""


class RegistrationSettings(Protocol):
    """Who may register dynamically, owned by registry."""

    async def get_mode(self) -> RegistrationMode:
        """The mode in force."""

    async def set_mode(self, operator: Operator, mode: RegistrationMode) -> RegistrationMode:
        """The mode in force afterwards."""


class ResourceRegistry(Protocol):
    """Resources, owned by registry."""

    async def list_resources(self) -> tuple[Resource, ...]:
        """In registration order."""

    async def create_resource(self, operator: Operator, new: NewResource) -> Resource:
        """Raises Conflict, InvalidRequest."""

    async def update_resource(self, operator: Operator, resource_id: ResourceId, change: ResourceChange) -> Resource:
        """Raises Missing, Conflict, InvalidRequest, Stale."""

    async def delete_resource(self, operator: Operator, resource_id: ResourceId, *, cascade: bool) -> None:
        """Raises Missing, Conflict."""


class UserRecords(Protocol):
    """People, owned by authorize."""

    async def get_user(self, user_id: UserId) -> User:
        """Raises Missing."""

    async def list_users(self, limit: int, offset: int) -> tuple[User, ...]:
        """In order of creation."""

    async def create_user(self, operator: Operator, new: NewUser) -> User:
        """Raises Conflict, InvalidRequest."""

    async def update_user(self, operator: Operator, user_id: UserId, change: UserChange) -> User:
        """Raises Missing, Conflict, InvalidRequest."""


class UserLife(Protocol):
    """What becomes of people and their browser sessions, owned by authorize."""

    async def set_user_status(self, operator: Operator, user_id: UserId, status: UserStatus) -> User:
        """Raises Missing."""

    async def delete_user(self, operator: Operator, user_id: UserId, *, force: bool) -> None:
        """Refuses the person every token from its return on. Raises Missing."""

    async def end_sessions(self, operator: Operator, user_id: UserId) -> int:
        """How many browser sessions ended. Raises Missing."""


class LiveTokens(Protocol):
    """What still works, and how to end it; owned by token."""

    async def count_live(self, *, user_id: str = "", client_id: str = "") -> Live:
        """For a user, a client, or with neither the whole plane."""

    async def end_client(self, operator: Operator, client_id: ClientId) -> EndedTokens:
        """Every grant, family and issuance of the client."""

    async def end_subject(self, operator: Operator, user_id: UserId) -> EndedTokens:
        """Every family and issuance of the user."""


class TokenRecords(Protocol):
    """Grants and issuances, owned by token. `resource` is a canonical URI here, never a slug; `resource_id` is left empty."""

    async def list_grants(self, user_id: str) -> tuple[ConsentGrant, ...]:
        """Active and revoked, newest first."""

    async def revoke_grant(self, operator: Operator, grant_id: GrantId) -> None:
        """With everything that descends from it. Raises Missing."""

    async def list_issuances(self, wanted: IssuanceFilter) -> tuple[Issuance, ...]:
        """Newest first."""

    async def get_issuance(self, issuance_id: IssuanceId) -> Issuance:
        """Raises Missing."""

    async def revoke_issuance(self, operator: Operator, issuance_id: IssuanceId) -> None:
        """By id or jti, with everything that descends from it. Raises Missing."""


class SigningKeys(Protocol):
    """The signing keys, owned by token."""

    async def list_keys(self) -> tuple[SigningKey, ...]:
        """The current key and those still published."""

    async def rotate_key(self, operator: Operator) -> SigningKey:
        """The key that signs from now on."""


class AuditLog(Protocol):
    """The chained log, owned by audit."""

    async def search(self, wanted: Filter, window: Window) -> Page:
        """Newest first. Raises InvalidRequest."""

    def tail(self, wanted: Filter, after_seq: int) -> AsyncIterator[Entry]:
        """As they are chained, until the reader leaves."""

    async def verify(self, from_seq: int, to_seq: int) -> Verdict:
        """Recompute the chain from one entry to another; 0 and 0 = all of it."""


class Counts(Protocol):
    """The figures of the overview, each from its owner."""

    async def clients(self) -> int:
        """Clients known."""

    async def users(self) -> int:
        """People known."""

    async def vault(self) -> VaultState:
        """Connections, and what seals them."""


class Health(Protocol):
    """How the parts of the plane feel right now. Never raises; a part that does not answer is unhealthy."""

    async def database(self) -> bool:
        """Whether our database answers."""

    async def peers(self) -> Mapping[str, bool]:
        """Whether each service says it is serving."""


class ApiKeys(Protocol):
    """Named API keys, ours. `digest` is SHA-256 of the secret."""

    async def find(self, digest: bytes) -> ApiKey | None:
        """The key, usable or not."""

    async def touch(self, key_id: KeyId, now: datetime) -> None:
        """Remember that the key was used."""

    async def all(self) -> Sequence[ApiKey]:
        """Newest first, revoked ones included."""

    async def add(self, key: ApiKey, digest: bytes, event: Event) -> None:
        """Raises Conflict (name taken)."""

    async def revoke(self, key_id: KeyId, now: datetime, event: Event) -> ApiKey:
        """Raises Missing."""


class Journal(Protocol):
    """Audit rows of what admin itself saw or did."""

    async def write(self, event: Event) -> None:
        """Raises Unavailable."""
