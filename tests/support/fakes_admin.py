"""Small honest stand-ins for what admin asks of the other services: they remember what they were told, and by whom."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from kit.audit import Event
from kit.credentials import digest
from kit.errors import Conflict, Missing, Stale, Unavailable
from services.admin.authentication import Gate, RefusalRecord
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
from services.admin.model.configuration import PublicConfiguration
from services.admin.model.operators import ApiKey, KeyId, Operator, Origin, Role
from services.admin.model.resources import BackendKind, NewResource, Policy, Resource, ResourceChange, ResourceId, Scope
from services.admin.model.system import VaultState
from services.admin.model.tokens import ConsentGrant, EndedTokens, GrantId, Issuance, IssuanceFilter, IssuanceId, Live, SigningKey
from services.admin.model.users import NewUser, User, UserChange, UserId, UserStatus
from services.admin.operations.api_keys import NamedKeys
from services.admin.operations.audit import Audit
from services.admin.operations.clients import Clients
from services.admin.operations.every import Operations
from services.admin.operations.keys import Keys
from services.admin.operations.policies import Policies
from services.admin.operations.registration import Registration
from services.admin.operations.resources import Resources
from services.admin.operations.system import System
from services.admin.operations.tokens import Tokens
from services.admin.operations.users import Users
from tests.support.clock import FrozenClock

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOOTSTRAP_KEY = "bootstrap-key-for-tests-0123456789"
ALICE = Operator(key_name="alice", role=Role.ADMIN, origin=Origin(ip="192.0.2.7", request_id="req-1", trace_id="t" * 32))


def a_client(client_id: str = "c1", **members: object) -> Client:
    client = Client(
        id=ClientId(client_id),
        name="Agent",
        redirect_uris=("https://agent.example/cb",),
        grant_types=("authorization_code", "refresh_token"),
        response_types=("code",),
        token_endpoint_auth_method="none",
        scope="read",
        status=ClientStatus.ACTIVE,
        registration_source=RegistrationSource.ADMIN,
        application_type="web",
        agent=False,
        agent_description="",
        agent_assurance="",
        cimd_url="",
        issued_at=LONG_AGO,
        updated_at=LONG_AGO,
        version=1,
        access_token_lifetime=0,
    )
    return replace(client, **members)  # type: ignore[arg-type]


def a_resource(slug: str = "mcp-a", **members: object) -> Resource:
    resource = Resource(
        id=ResourceId(f"id-{slug}"),
        slug=slug,
        uri=f"https://{slug}.example.com",
        display_name=slug.upper(),
        description="",
        backend_kind=BackendKind.MINT,
        broker_provider_id="",
        scopes=(Scope("read", "Read access"),),
        policy=Policy(),
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
        version=1,
        access_token_lifetime=0,
    )
    return replace(resource, **members)  # type: ignore[arg-type]


def a_user(user_id: str = "u1", **members: object) -> User:
    user = User(
        id=UserId(user_id),
        email="ann@example.com",
        name="Ann",
        role="user",
        status=UserStatus.ACTIVE,
        provider="local",
        created_at=LONG_AGO,
    )
    return replace(user, **members)  # type: ignore[arg-type]


def a_grant(grant_id: str = "g1") -> ConsentGrant:
    return ConsentGrant(
        id=GrantId(grant_id),
        user_id="u1",
        client_id="c1",
        resource_id="",
        resource="https://mcp-a.example.com",
        scopes=("read",),
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
    )


def an_issuance(issuance_id: str = "i1", **members: object) -> Issuance:
    issuance = Issuance(
        id=IssuanceId(issuance_id),
        jti=f"jti-{issuance_id}",
        subject_user_id="u1",
        client_id="c1",
        resource_id="",
        resource="https://mcp-a.example.com",
        scopes=("read",),
        backend_kind="mint",
        revocable=True,
        grant_type="authorization_code",
        issued_at=LONG_AGO,
        expires_at=LONG_AGO + timedelta(minutes=15),
    )
    return replace(issuance, **members)  # type: ignore[arg-type]


def an_entry(seq: int = 1, action: str = "token.issued") -> Entry:
    return Entry(
        seq=seq,
        id=f"event-{seq}",
        action=action,
        actor_kind="user",
        actor_id="u1",
        client_id="c1",
        subject="u1",
        resource="https://mcp-a.example.com",
        outcome="success",
        reason="",
        ip="192.0.2.1",
        request_id="r",
        trace_id="",
        detail="family=f1",
        service="token",
        created_at=LONG_AGO,
        hash="ab",
    )


@dataclass
class FakeRegistry:
    """ClientRecords, ClientLife, RegistrationSettings and ResourceRegistry."""

    clients: dict[str, Client] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    mode: RegistrationMode = RegistrationMode.OPEN
    told: list[tuple[str, str, str]] = field(default_factory=list)
    stale_writes: int = 0
    """How many of the next resource updates somebody else gets ahead of."""
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def _note(self, what: str, about: str, operator: Operator) -> None:
        self.told.append((what, about, operator.key_name))

    async def get_client(self, client_id: ClientId) -> Client:
        if client_id not in self.clients:
            raise Missing("no client has this id")
        return self.clients[client_id]

    async def list_clients(
        self, status: ClientStatus | None, source: RegistrationSource | None, limit: int, offset: int
    ) -> tuple[Client, ...]:
        found = [each for each in self.clients.values() if status in {None, each.status} and source in {None, each.registration_source}]
        return tuple(found[offset : offset + limit])

    async def create_client(self, operator: Operator, new: NewClient) -> CreatedClient:
        client = a_client(
            f"new-{next(self._ids)}",
            name=new.client_name,
            redirect_uris=new.redirect_uris,
            grant_types=new.grant_types or ("authorization_code", "refresh_token"),
            token_endpoint_auth_method=new.token_endpoint_auth_method or "none",
            scope=new.scope,
            agent=new.agent,
            agent_description=new.agent_description,
            tokens_per_minute=new.tokens_per_minute,
            tokens_per_day=new.tokens_per_day,
        )
        self.clients[client.id] = client
        self._note("create_client", client.id, operator)
        return CreatedClient(client=client, client_secret="" if client.token_endpoint_auth_method == "none" else "s3cret")

    async def update_client(self, operator: Operator, client_id: ClientId, change: ClientChange) -> Client:
        before = await self.get_client(client_id)
        if change.expected_version not in {0, before.version}:
            raise Stale("somebody else changed the client first")
        wanted = {
            "name": change.client_name,
            "redirect_uris": change.redirect_uris,
            "grant_types": change.grant_types,
            "scope": change.scope,
            "access_token_lifetime": change.access_token_lifetime,
            "tokens_per_minute": change.tokens_per_minute,
            "tokens_per_day": change.tokens_per_day,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        self.clients[client_id] = replace(before, version=before.version + 1, **given)  # type: ignore[arg-type]
        self._note("update_client", client_id, operator)
        return self.clients[client_id]

    async def set_client_status(self, operator: Operator, client_id: ClientId, status: ClientStatus) -> Client:
        self.clients[client_id] = replace(await self.get_client(client_id), status=status)
        self._note(f"set_client_status {status}", client_id, operator)
        return self.clients[client_id]

    async def rotate_client_secret(self, operator: Operator, client_id: ClientId) -> str:
        if (await self.get_client(client_id)).token_endpoint_auth_method == "none":
            raise Conflict("a public client has no secret")
        self._note("rotate_client_secret", client_id, operator)
        return "rotated-s3cret"

    async def delete_client(self, operator: Operator, client_id: ClientId, *, force: bool) -> None:
        await self.get_client(client_id)
        del self.clients[client_id]
        self._note(f"delete_client force={force}", client_id, operator)

    async def get_mode(self) -> RegistrationMode:
        return self.mode

    async def set_mode(self, operator: Operator, mode: RegistrationMode) -> RegistrationMode:
        self.mode = mode
        self._note("set_mode", mode, operator)
        return mode

    async def list_resources(self) -> tuple[Resource, ...]:
        return tuple(self.resources)

    async def create_resource(self, operator: Operator, new: NewResource) -> Resource:
        if any(each.slug == new.slug for each in self.resources):
            raise Conflict("the slug is taken")
        made = a_resource(
            new.slug, uri=new.uri, display_name=new.display_name, backend_kind=new.backend_kind, scopes=new.scopes, policy=new.policy
        )
        self.resources.append(made)
        self._note("create_resource", made.id, operator)
        return made

    async def update_resource(self, operator: Operator, resource_id: ResourceId, change: ResourceChange) -> Resource:
        at = next((number for number, each in enumerate(self.resources) if each.id == resource_id), None)
        if at is None:
            raise Missing("no resource has this id")
        before = self.resources[at]
        if self.stale_writes:
            self.stale_writes -= 1
            self.resources[at] = replace(before, version=before.version + 1)
        if change.expected_version not in {0, self.resources[at].version}:
            raise Stale("somebody else changed the resource first")
        members = ("slug", "uri", "display_name", "description", "scopes", "policy", "access_token_lifetime")
        given = {name: getattr(change, name) for name in members if getattr(change, name) is not None}
        self.resources[at] = replace(before, version=before.version + 1, **given)
        self._note("update_resource", resource_id, operator)
        return self.resources[at]

    async def delete_resource(self, operator: Operator, resource_id: ResourceId, *, cascade: bool) -> None:
        self.resources = [each for each in self.resources if each.id != resource_id]
        self._note(f"delete_resource cascade={cascade}", resource_id, operator)


@dataclass
class FakeUsers:
    """UserRecords and UserLife."""

    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    pages: int = 0

    async def get_user(self, user_id: UserId) -> User:
        if user_id not in self.users:
            raise Missing("no user has this id")
        return self.users[user_id]

    async def list_users(self, limit: int, offset: int) -> tuple[User, ...]:
        self.pages += 1
        return tuple(self.users.values())[offset : offset + limit]

    async def create_user(self, operator: Operator, new: NewUser) -> User:
        if any(each.email == new.email for each in self.users.values()):
            raise Conflict("the address is taken")
        user = a_user(f"u{len(self.users) + 1}", email=new.email, name=new.name, role=new.role)
        self.users[user.id] = user
        self.told.append(("create_user", user.id, operator.key_name))
        return user

    async def update_user(self, operator: Operator, user_id: UserId, change: UserChange) -> User:
        before = await self.get_user(user_id)
        email = before.email if change.email is None else change.email
        self.users[user_id] = replace(before, email=email, name=before.name if change.name is None else change.name)
        self.told.append(("update_user", user_id, operator.key_name))
        return self.users[user_id]

    async def set_user_status(self, operator: Operator, user_id: UserId, status: UserStatus) -> User:
        self.users[user_id] = replace(await self.get_user(user_id), status=status)
        self.told.append((f"set_user_status {status}", user_id, operator.key_name))
        return self.users[user_id]

    async def delete_user(self, operator: Operator, user_id: UserId, *, force: bool) -> None:
        await self.get_user(user_id)
        del self.users[user_id]
        self.told.append((f"delete_user force={force}", user_id, operator.key_name))

    async def end_sessions(self, operator: Operator, user_id: UserId) -> int:
        await self.get_user(user_id)
        self.told.append(("end_sessions", user_id, operator.key_name))
        return self.sessions.pop(user_id, 0)


@dataclass
class FakeToken:
    """LiveTokens, TokenRecords and SigningKeys. `live` is what still works, by user or client id."""

    live: dict[str, Live] = field(default_factory=dict)
    grants: dict[str, ConsentGrant] = field(default_factory=dict)
    issuances: list[Issuance] = field(default_factory=list)
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey("k1", "ES256", "sig", "current")])
    told: list[tuple[str, str, str]] = field(default_factory=list)
    asked: list[IssuanceFilter] = field(default_factory=list)
    down: bool = False

    def _reachable(self) -> None:
        if self.down:
            raise Unavailable("a part of the service cannot be reached")

    async def count_live(self, *, user_id: str = "", client_id: str = "") -> Live:
        self._reachable()
        return self.live.get(user_id or client_id, Live(issued_today=7, revoked_today=2) if not (user_id or client_id) else Live())

    async def end_client(self, operator: Operator, client_id: ClientId) -> EndedTokens:
        return self._end("end_client", client_id, operator)

    async def end_subject(self, operator: Operator, user_id: UserId) -> EndedTokens:
        return self._end("end_subject", user_id, operator)

    def _end(self, what: str, whose: str, operator: Operator) -> EndedTokens:
        self._reachable()
        self.told.append((what, whose, operator.key_name))
        ended = self.live.pop(whose, Live())
        return EndedTokens(families=ended.families, issuances=ended.issuances)

    async def list_grants(self, user_id: str) -> tuple[ConsentGrant, ...]:
        return tuple(each for each in self.grants.values() if each.user_id == user_id)

    async def revoke_grant(self, operator: Operator, grant_id: GrantId) -> None:
        if grant_id not in self.grants:
            raise Missing("no grant has this id")
        self.told.append(("revoke_grant", grant_id, operator.key_name))

    async def list_issuances(self, wanted: IssuanceFilter) -> tuple[Issuance, ...]:
        self.asked.append(wanted)
        return tuple(
            each
            for each in self.issuances
            if wanted.user in {"", each.subject_user_id}
            and wanted.client in {"", each.client_id}
            and wanted.resource in {"", each.resource}
            and wanted.jti in {"", each.jti}
        )[: wanted.limit]

    async def get_issuance(self, issuance_id: IssuanceId) -> Issuance:
        for each in self.issuances:
            if each.id == issuance_id:
                return each
        raise Missing("no issuance has this id")

    async def revoke_issuance(self, operator: Operator, issuance_id: IssuanceId) -> None:
        if not any(issuance_id in {each.id, each.jti} for each in self.issuances):
            raise Missing("no issuance has this id")
        self.told.append(("revoke_issuance", issuance_id, operator.key_name))

    async def list_keys(self) -> tuple[SigningKey, ...]:
        self._reachable()
        return tuple(self.keys)

    async def rotate_key(self, operator: Operator) -> SigningKey:
        self.told.append(("rotate_key", "", operator.key_name))
        self.keys.insert(0, SigningKey("k2", "ES256", "sig", "current"))
        return self.keys[0]


@dataclass
class FakeAudit:
    """AuditLog."""

    entries: list[Entry] = field(default_factory=list)
    asked: list[tuple[Filter, Window]] = field(default_factory=list)
    next_cursor: str = ""

    async def search(self, wanted: Filter, window: Window) -> Page:
        self.asked.append((wanted, window))
        return Page(entries=tuple(self.entries), next_cursor=self.next_cursor)

    async def tail(self, wanted: Filter, after_seq: int) -> AsyncIterator[Entry]:
        for entry in self.entries:
            await asyncio.sleep(0)
            if entry.seq > after_seq:
                yield entry

    async def verify(self, from_seq: int, to_seq: int) -> Verdict:
        return Verdict(intact=True, checked=len(self.entries), first_bad_seq=0, explanation="")


@dataclass
class FakePlane:
    """Counts and Health."""

    down: set[str] = field(default_factory=set)

    async def clients(self) -> int:
        return 3

    async def users(self) -> int:
        return 4

    async def vault(self) -> VaultState:
        if "vault" in self.down:
            raise Unavailable("a part of the service cannot be reached")
        return VaultState(driver="aes_master", connections=5)

    async def database(self) -> bool:
        return "database" not in self.down

    async def peers(self) -> Mapping[str, bool]:
        return {name: name not in self.down for name in ("registry", "authorize", "token", "vault", "audit")}


@dataclass
class FakeKeys:
    """ApiKeys and Journal."""

    keys: dict[str, ApiKey] = field(default_factory=dict)
    digests: dict[bytes, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    down: bool = False

    def have(self, secret: str, role: Role, **members: object) -> ApiKey:
        """Put a key in the table."""
        key = ApiKey(id=KeyId(f"key-{len(self.keys)}"), name=f"key-{role}-{len(self.keys)}", role=role, created_at=LONG_AGO)
        key = replace(key, **members)  # type: ignore[arg-type]
        self.keys[key.id] = key
        self.digests[digest(secret)] = key.id
        return key

    async def find(self, digest: bytes) -> ApiKey | None:
        return self.keys.get(self.digests.get(digest, ""))

    async def touch(self, key_id: KeyId, now: datetime) -> None:
        self.touched.append(key_id)
        self.keys[key_id] = replace(self.keys[key_id], last_used_at=now)

    async def all(self) -> tuple[ApiKey, ...]:
        return tuple(self.keys.values())

    async def add(self, key: ApiKey, digest: bytes, event: Event) -> None:
        if any(each.name == key.name and each.revoked_at is None for each in self.keys.values()):
            raise Conflict("a key of this name exists")
        self.keys[key.id] = key
        self.digests[digest] = key.id
        self.events.append(event)

    async def revoke(self, key_id: KeyId, now: datetime, event: Event) -> ApiKey:
        if key_id not in self.keys:
            raise Missing("no API key has this id")
        if self.keys[key_id].revoked_at is None:
            self.keys[key_id] = replace(self.keys[key_id], revoked_at=now)
            self.events.append(event)
        return self.keys[key_id]

    async def write(self, event: Event) -> None:
        if self.down:
            raise Unavailable("the database cannot be reached")
        self.events.append(event)


PUBLIC = PublicConfiguration(
    issuer="https://auth.example.com",
    storage_driver="postgres",
    algorithm="ES256",
    key_store="postgres_key",
    encryption_driver="aes_master",
    dcr_mode="open",
    rate_limit_enabled=True,
    client_credentials_enabled=True,
    dpop_enabled=True,
    dpop_nonce_ttl="300s",
    dpop_require_nonce=False,
    token_exchange_enabled=True,
    max_chain_depth=4,
    jwks_listing=False,
    oidc_enabled=False,
    default_client_scope="",
)


@dataclass
class Plane:
    """A whole plane of fakes, and admin's operations and gate on top of it."""

    clock: FrozenClock = field(default_factory=FrozenClock)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    users: FakeUsers = field(default_factory=FakeUsers)
    token: FakeToken = field(default_factory=FakeToken)
    audit: FakeAudit = field(default_factory=FakeAudit)
    parts: FakePlane = field(default_factory=FakePlane)
    keys: FakeKeys = field(default_factory=FakeKeys)

    @property
    def gate(self) -> Gate:
        return Gate(keys=self.keys, bootstrap_key=BOOTSTRAP_KEY, refusals=RefusalRecord(self.keys, self.clock), clock=self.clock)

    @property
    def operations(self) -> Operations:
        return Operations(
            clients=Clients(records=self.registry, life=self.registry, tokens=self.token),
            registration=Registration(settings=self.registry),
            resources=Resources(registry=self.registry),
            policies=Policies(resources=self.registry, clients=self.registry),
            users=Users(records=self.users, life=self.users, tokens=self.token),
            tokens=Tokens(records=self.token, resources=self.registry, clock=self.clock),
            keys=Keys(signing=self.token),
            audit=Audit(log=self.audit, clock=self.clock, default_lookback=timedelta(hours=24), max_lookback=timedelta(days=30)),
            system=System(
                health=self.parts,
                counts=self.parts,
                tokens=self.token,
                signing=self.token,
                journal=self.keys,
                configured=PUBLIC,
                clock=self.clock,
                started_at=self.clock.now(),
                version="0.1.0",
            ),
            api_keys=NamedKeys(keys=self.keys, clock=self.clock),
        )


def furnished() -> Plane:
    """A plane with one of everything: client c1, resource mcp-a, user u1, grant g1, issuance i1, one audit entry."""
    plane = Plane()
    plane.registry.clients["c1"] = a_client()
    plane.registry.clients["conf"] = a_client("conf", token_endpoint_auth_method="client_secret_basic")
    plane.registry.resources.append(a_resource())
    plane.users.users["u1"] = a_user()
    plane.token.grants["g1"] = a_grant()
    plane.token.issuances.append(an_issuance())
    plane.audit.entries.append(an_entry())
    return plane
