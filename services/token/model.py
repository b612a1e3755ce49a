"""The values the token service decides about: clients and resources as it sees them, credentials it stores, tokens it issues."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType
from uuid import UUID

from kit.audit import ActorKind, Event
from kit.oauth import AuthMethod, GrantType

ClientId = NewType("ClientId", str)
UserId = NewType("UserId", str)
GrantId = NewType("GrantId", str)
FamilyId = NewType("FamilyId", str)
# A stored credential's name: its SHA-256. The credential itself is never kept.
CodeHash = NewType("CodeHash", bytes)
RefreshHash = NewType("RefreshHash", bytes)
DeviceHash = NewType("DeviceHash", bytes)

NO_EVENTS: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """A client as registry knows it, reduced to what decides about its tokens. Lifetimes in seconds, 0 = the server's default.

    `tokens_per_minute` and `tokens_per_day` bound what is issued to it (T12), 0 = unbounded.
    """

    id: ClientId
    name: str = ""
    auth_method: AuthMethod = AuthMethod.NONE
    secret_digest: str = ""
    grant_types: frozenset[str] = frozenset()
    ceiling: tuple[str, ...] = ()
    active: bool = True
    pre_registered: bool = False
    agent: bool = False
    access_token_lifetime: int = 0
    dpop_bound: bool = False
    jwks: str = ""
    jwks_uri: str = ""
    tokens_per_minute: int = 0
    tokens_per_day: int = 0

    @property
    def confidential(self) -> bool:
        """Whether it proves who it is: by a secret or by a key."""
        return self.auth_method is not AuthMethod.NONE


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource tokens are minted for. `uri` is its canonical form and the audience; no `default_scopes`: all are."""

    id: str
    slug: str
    uri: str
    scopes: tuple[str, ...] = ()
    runtime_clients: frozenset[str] = frozenset()
    mints: bool = True
    access_token_lifetime: int = 0
    default_scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """A DPoP proof that held (RFC 9449 §4.3); `jkt` is the thumbprint of its key."""

    jkt: str


@dataclass(frozen=True, slots=True)
class Context:
    """Where a request came from, for the audit row."""

    ip: str = ""
    request_id: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought to authenticate its client; empty means absent."""

    authorization: str = ""
    client_id: str = ""
    client_secret: str = ""
    assertion_type: str = ""
    assertion: str = ""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A parsed token request: every parameter occurs once and is not empty, except `resources`, which may be several."""

    form: Mapping[str, str]
    resources: tuple[str, ...] = ()
    credentials: Credentials = Credentials()
    proofs: tuple[str, ...] = ()
    context: Context = Context()


@dataclass(frozen=True, slots=True)
class StoredCode:
    """An authorization code as stored, with what is true of its grant and subject at the moment of reading."""

    code_hash: CodeHash
    grant_id: GrantId
    client_id: ClientId
    user_id: UserId
    redirect_uri: str
    resource: str
    scopes: tuple[str, ...]
    code_challenge: str
    dpop_jkt: str | None
    expires_at: datetime
    consumed_at: datetime | None = None
    family_id: FamilyId | None = None
    issuance_id: UUID | None = None
    grant_live: bool = True
    subject_refused: bool = False


@dataclass(frozen=True, slots=True)
class StoredRefresh:
    """A refresh token as stored, with its family and what is true of grant and subject at the moment of reading."""

    token_hash: RefreshHash
    family_id: FamilyId
    grant_id: GrantId
    client_id: ClientId
    user_id: UserId
    resource: str
    scopes: tuple[str, ...]
    dpop_jkt: str | None
    issued_at: datetime
    expires_at: datetime
    family_expires_at: datetime
    consumed_at: datetime | None = None
    successor_hash: RefreshHash | None = None
    successor_waits: bool = False
    family_live: bool = True
    grant_live: bool = True
    subject_refused: bool = False


@dataclass(frozen=True, slots=True)
class NewFamily:
    """A refresh family to be born: `token` is its first member, `expires_at` that member's end, `family_expires_at` the family's."""

    id: FamilyId
    token: str
    expires_at: datetime
    family_expires_at: datetime
    dpop_jkt: str | None


@dataclass(frozen=True, slots=True)
class SpendCode:
    """Redeem this code; `family` is born with it when the client may refresh."""

    code_hash: CodeHash
    family: NewFamily | None


@dataclass(frozen=True, slots=True)
class SpendDeviceCode:
    """Redeem this device code; `family` is born with it when the client may refresh."""

    code_hash: DeviceHash
    family: NewFamily | None


@dataclass(frozen=True, slots=True)
class SpendRefresh:
    """Consume this refresh token in favour of `successor`."""

    token_hash: RefreshHash
    successor: str
    successor_expires_at: datetime


@dataclass(frozen=True, slots=True)
class RepeatRefresh:
    """Nothing to consume: the token was just consumed and `successor`, still unused, is handed out once more."""

    token_hash: RefreshHash
    successor: str


Spend = SpendCode | SpendDeviceCode | SpendRefresh | RepeatRefresh


@dataclass(frozen=True, slots=True)
class Issuance:
    """What a grant decided should happen. Nothing has been spent, signed or written yet.

    `audience` is a resource's URI or empty for the issuer itself; `lifetime` is in seconds and may be shortened by policy;
    `event` becomes the audit row of the commit.
    """

    grant_type: GrantType
    client: Client
    subject: str
    scopes: tuple[str, ...]
    audience: str
    lifetime: int
    event: Event
    proof: Proof | None = None
    grant_id: GrantId | None = None
    family_id: FamilyId | None = None
    spend: Spend | None = None

    @property
    def refresh_token(self) -> str | None:
        """The refresh token the answer will carry."""
        match self.spend:
            case SpendCode(family=NewFamily(token=token)) | SpendDeviceCode(family=NewFamily(token=token)):
                return token
            case SpendRefresh(successor=successor) | RepeatRefresh(successor=successor):
                return successor
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Replay:
    """What a grant decided about a credential presented again: refuse, and end `family_id` and `issuance_id` where given."""

    detail: str
    family_id: FamilyId | None = None
    issuance_id: UUID | None = None
    events: tuple[Event, ...] = NO_EVENTS


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """The durable record of one access token. Its `jti` is `id` in base64url, so one index finds both."""

    id: UUID
    grant_type: str
    subject: str
    client_id: str
    resource: str
    scope: str
    issued_at: datetime
    expires_at: datetime
    grant_id: str | None = None
    family_id: str | None = None
    parent_id: UUID | None = None
    ancestors: tuple[UUID, ...] = ()
    dpop_jkt: str | None = None
    agent_id: str | None = None
    agent_chain: tuple[str, ...] = ()
    revoked_at: datetime | None = None

    @property
    def jti(self) -> str:
        """The `jti` claim (RFC 7519 §4.1.7)."""
        return jti_of(self.id)

    @property
    def parent_jti(self) -> str | None:
        """The `jti` of the token this one was exchanged from."""
        return jti_of(self.parent_id) if self.parent_id is not None else None


@dataclass(frozen=True, slots=True)
class Liveness:
    """What the store knows about an issued token beyond its signature."""

    revoked: bool
    lineage_ended: bool
    subject_refused: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How much an ending ended; `found` is False when there was nothing by that name."""

    grants: int = 0
    families: int = 0
    issuances: int = 0
    found: bool = True


@dataclass(frozen=True, slots=True)
class Operator:
    """Who performs an operator's write; empty when a person or the plane itself does."""

    key_name: str = ""
    context: Context = field(default_factory=Context)

    @property
    def actor_kind(self) -> ActorKind:
        """How the audit row names the actor."""
        return ActorKind.OPERATOR if self.key_name else ActorKind.SYSTEM


def jti_of(identifier: UUID) -> str:
    """22 characters of base64url."""
    return base64.urlsafe_b64encode(identifier.bytes).rstrip(b"=").decode()


def issuance_id_of(jti: object) -> UUID | None:
    """The issuance a `jti` names, or None when it cannot be one of ours."""
    if not isinstance(jti, str) or len(jti) != 22:
        return None
    try:
        identifier = UUID(bytes=base64.b64decode(jti + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return identifier if jti_of(identifier) == jti else None
