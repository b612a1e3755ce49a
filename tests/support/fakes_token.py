"""The token service on stores in memory, and a way to call it as a client would; kept honest by tests/contract/test_token_store.py."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from kit import jose
from kit.audit import Action, Event
from kit.credentials import random_id, secret_digest
from kit.errors import AccessDenied, Conflict
from kit.http import HttpApp
from kit.oauth import AuthMethod, GrantType
from services.token.access_tokens import AccessTokens
from services.token.api.http import TokenRoutes
from services.token.assertions import ALGS, ClientAssertions
from services.token.client_auth import ClientAuthentication
from services.token.consents import Approval, CodeIssuing, CodeRequest, Consent, Memory, NewCode, StoredGrant
from services.token.device_authorization import DeviceAuthorization
from services.token.device_decisions import DeviceDecisions
from services.token.devices import SLOWER_SECONDS, Decision, NewDevice, Settled, StoredDevice, UserCodes, Verdict
from services.token.discovery import Discovery, Features, paths
from services.token.dpop import DpopProofs, Nonces, ProofsIgnored
from services.token.endpoint import TokenEndpoint
from services.token.families import Lifetimes, Successors, hash_of
from services.token.grants import Grant
from services.token.grants.authorization_code import AuthorizationCode
from services.token.grants.client_credentials import ClientCredentials
from services.token.grants.device_code import DeviceCode
from services.token.grants.refresh_token import RefreshToken
from services.token.introspection import Introspection
from services.token.issuer import Issuer
from services.token.keyring import Keyring, SigningKey
from services.token.lineage import Endings
from services.token.model import (
    Client,
    ClientId,
    CodeHash,
    Context,
    DeviceHash,
    Ended,
    GrantId,
    Issuance,
    IssuedToken,
    Liveness,
    NewFamily,
    RefreshHash,
    RepeatRefresh,
    Resource,
    SpendCode,
    SpendDeviceCode,
    SpendRefresh,
    StoredCode,
    StoredRefresh,
    UserId,
)
from services.token.policy import Catalogue
from services.token.ports import OneIssuance, Proofs, Taken, Target, WholeClient, WholeFamily, WholeGrant, WholeSubject
from services.token.quota import QuotaSpent
from services.token.rate import AddressRate
from services.token.revocation import Revocation
from tests.support.clock import FrozenClock

ISSUER = "https://as.example"
NOTES = Resource(
    id="r1",
    slug="notes",
    uri="https://mcp.example/notes",
    scopes=("notes:read", "notes:write"),
    runtime_clients=frozenset({"notes-server"}),
)
FILES = Resource(id="r2", slug="files", uri="https://mcp.example/files", scopes=("files:read",))
BROKER = Resource(id="r3", slug="github", uri="https://api.github.example", scopes=("repo",), mints=False)
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REDIRECT = "http://127.0.0.1:4100/callback"
SECRET = "correct horse battery staple"
CODE_GRANTS = frozenset({"authorization_code", "refresh_token"})

PUBLIC = Client(id=ClientId("public"), name="Public", grant_types=CODE_GRANTS)
OTHER = Client(id=ClientId("other"), name="Other", grant_types=CODE_GRANTS)
WEB = Client(
    id=ClientId("web"),
    name="Web",
    auth_method=AuthMethod.CLIENT_SECRET_BASIC,
    secret_digest=secret_digest(SECRET, None),
    grant_types=CODE_GRANTS,
)
MACHINE = Client(
    id=ClientId("machine"),
    name="Machine",
    auth_method=AuthMethod.CLIENT_SECRET_BASIC,
    secret_digest=secret_digest(SECRET, None),
    grant_types=frozenset({"client_credentials"}),
    ceiling=("notes:read", "files:read", "extra"),
    pre_registered=True,
)
TELEVISION = Client(id=ClientId("television"), name="Television", grant_types=frozenset({GrantType.DEVICE_CODE.value, "refresh_token"}))
RUNTIME = replace(MACHINE, id=ClientId("notes-server"), grant_types=frozenset())
EVERYBODY = (PUBLIC, OTHER, WEB, MACHINE, TELEVISION, RUNTIME)


@dataclass
class FakeRegistry:
    """Implements Clients and Resources."""

    clients: dict[str, Client] = field(default_factory=lambda: {client.id: client for client in EVERYBODY})
    resources: tuple[Resource, ...] = (NOTES, FILES, BROKER)
    _indexed: tuple[tuple[Resource, ...], Catalogue] | None = None

    async def client(self, client_id: str) -> Client | None:
        return self.clients.get(client_id)

    async def catalogue(self) -> Catalogue:
        if self._indexed is None or self._indexed[0] is not self.resources:
            self._indexed = (self.resources, Catalogue.of(self.resources))
        return self._indexed[1]

    def put(self, client: Client) -> Client:
        self.clients[client.id] = client
        return client


class FakeReplay:
    """Implements Replay; forgets nothing."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, str]] = set()

    async def once(self, kind: str, issuer: str, identifier: str, expires_at: datetime) -> bool:
        key = (kind, issuer, identifier)
        if key in self.seen:
            return False
        self.seen.add(key)
        return True


class FakeQuotas:
    """Implements Quotas; counts without windows."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    async def take(self, client: Client) -> None:
        count = self.taken.get(client.id, 0)
        for window, most in (("minute", client.tokens_per_minute), ("day", client.tokens_per_day)):
            if 0 < most <= count:
                raise QuotaSpent(window, retry_after=7)
        self.taken[client.id] = count + 1


class FakeBudget:
    """Implements Budget: what is left is what a test put there."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked: list[int] = []
        self.wait = timedelta(milliseconds=2500)

    async def take(self, address: str, wanted: int) -> Taken:
        self.asked.append(wanted)
        await asyncio.sleep(0)
        granted = min(self.left, wanted)
        self.left -= granted
        return Taken(granted) if granted else Taken(wait=self.wait)


@dataclass
class FakeClientKeys:
    """Implements ClientKeys: what is published now, and what is still cached."""

    published: dict[str, jose.VerificationKey] = field(default_factory=dict)
    cached: dict[str, jose.VerificationKey] = field(default_factory=dict)

    async def keys(self, client: Client, *, refetch: bool) -> Mapping[str, jose.VerificationKey]:
        if refetch or not self.cached:
            self.cached = dict(self.published)
        return self.cached


@dataclass(frozen=True)
class _Grant:
    key: tuple[str, str, str, str]
    grant: StoredGrant
    revoked: bool = False


@dataclass
class FakeDevice:
    """A device authorization and what is kept beside it."""

    tag: str
    device: StoredDevice
    interval: int
    polled_at: datetime | None = None


class FakeStore:
    """Implements Codes, DeviceCodes, RefreshTokens, IssuedTokens, Ledger, Lineages and Grants. `fail_next` makes the next commit fail."""

    def __init__(self) -> None:
        self.codes: dict[CodeHash, StoredCode] = {}
        self.tokens: dict[RefreshHash, StoredRefresh] = {}
        self.issued: dict[UUID, IssuedToken] = {}
        self.grants: dict[str, _Grant] = {}
        self.families_ended: set[str] = set()
        self.refused: set[str] = set()
        self.events: list[Event] = []
        self.fail_next: Exception | None = None
        self.devices: dict[DeviceHash, FakeDevice] = {}

    def actions(self) -> list[Action]:
        return [event.action for event in self.events]

    async def code(self, code_hash: CodeHash) -> StoredCode | None:
        stored = self.codes.get(code_hash)
        if stored is None:
            return None
        return replace(stored, grant_live=not self.grants[stored.grant_id].revoked, subject_refused=stored.user_id in self.refused)

    async def refresh_token(self, token_hash: RefreshHash) -> StoredRefresh | None:
        stored = self.tokens.get(token_hash)
        if stored is None:
            return None
        successor = self.tokens.get(stored.successor_hash) if stored.successor_hash is not None else None
        return replace(
            stored,
            successor_waits=successor is not None and successor.consumed_at is None,
            family_live=stored.family_id not in self.families_ended,
            grant_live=not self.grants[stored.grant_id].revoked,
            subject_refused=stored.user_id in self.refused,
        )

    async def liveness(self, issuance_id: UUID) -> Liveness | None:
        token = self.issued.get(issuance_id)
        if token is None:
            return None
        ended = token.family_id in self.families_ended or (token.grant_id is not None and self.grants[token.grant_id].revoked)
        return Liveness(token.revoked_at is not None, ended, token.subject in self.refused)

    def _may_commit(self) -> None:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error

    async def record(self, token: IssuedToken, event: Event) -> None:
        self._may_commit()
        self.issued[token.id] = token
        self.events.append(event)

    async def note(self, *events: Event) -> None:
        self.events.extend(events)

    async def spend(self, issuance: Issuance, token: IssuedToken) -> bool:
        self._may_commit()
        match issuance.spend:
            case SpendCode() as spend:
                done = await self._redeem(spend, token)
            case SpendDeviceCode() as spend:
                done = await self._redeem_device(spend, token)
            case SpendRefresh() as spend:
                done = await self._rotate(spend, token)
            case RepeatRefresh() as spend:
                done = await self._repeat(spend)
            case None:
                raise ValueError("nothing to spend")
        if done:
            self.issued[token.id] = token
            self.events.append(issuance.event)
        return done

    async def _redeem(self, spend: SpendCode, token: IssuedToken) -> bool:
        code = await self.code(spend.code_hash)
        if (
            code is None
            or code.consumed_at is not None
            or code.expires_at <= token.issued_at
            or not code.grant_live
            or code.subject_refused
        ):
            return False
        family = spend.family
        self.codes[spend.code_hash] = replace(
            code, consumed_at=token.issued_at, family_id=family.id if family else None, issuance_id=token.id
        )
        if family is not None:
            self._born(family, token, code.grant_id, code.scopes)
        return True

    def _born(self, family: NewFamily, token: IssuedToken, grant_id: GrantId, scopes: tuple[str, ...]) -> None:
        first = hash_of(family.token)
        self.tokens[first] = StoredRefresh(
            token_hash=first,
            family_id=family.id,
            grant_id=grant_id,
            client_id=ClientId(token.client_id),
            user_id=UserId(token.subject),
            resource=token.resource,
            scopes=scopes,
            dpop_jkt=family.dpop_jkt,
            issued_at=token.issued_at,
            expires_at=family.expires_at,
            family_expires_at=family.family_expires_at,
        )

    async def _redeem_device(self, spend: SpendDeviceCode, token: IssuedToken) -> bool:
        known = await self.device(spend.code_hash)
        if (
            known is None
            or known.grant_id is None
            or known.consumed_at is not None
            or known.expires_at <= token.issued_at
            or not known.grant_live
            or known.subject_refused
        ):
            return False
        entry = self.devices[spend.code_hash]
        entry.device = replace(entry.device, consumed_at=token.issued_at)
        if spend.family is not None:
            self._born(spend.family, token, known.grant_id, known.scopes)
        return True

    async def add(self, device: NewDevice, event: Event) -> None:
        self._may_commit()
        if any(entry.tag == device.user_code_tag for entry in self.devices.values()):
            raise Conflict("user_code_tag")
        stored = StoredDevice(device.code_hash, device.client_id, device.resource, device.scopes, device.expires_at)
        self.devices[device.code_hash] = FakeDevice(device.user_code_tag, stored, device.interval)
        self.events.append(event)

    async def device(self, code_hash: DeviceHash) -> StoredDevice | None:
        entry = self.devices.get(code_hash)
        if entry is None:
            return None
        device = entry.device
        live = device.grant_id is None or not self.grants[device.grant_id].revoked
        return replace(device, grant_live=live, subject_refused=device.user_id in self.refused)

    async def polled_early(self, code_hash: DeviceHash, now: datetime) -> bool:
        entry = self.devices[code_hash]
        early = entry.polled_at is not None and entry.polled_at > now - timedelta(seconds=entry.interval * 0.8)
        entry.interval += SLOWER_SECONDS if early else 0
        entry.polled_at = now
        return early

    async def pending(self, tags: Sequence[str], now: datetime) -> StoredDevice | None:
        for entry in self.devices.values():
            if entry.tag in tags and entry.device.decision is Decision.PENDING and entry.device.expires_at > now:
                return entry.device
        return None

    async def settle(self, tags: Sequence[str], verdict: Verdict, write: Callable[[StoredDevice, Memory], Settled], now: datetime) -> bool:
        device = await self.pending(tags, now)
        if device is None:
            return False
        if verdict.user_id in self.refused:
            raise AccessDenied("this account cannot be used")
        key = (verdict.user_id, device.client_id, "", device.resource)
        grant = next((known.grant for known in self.grants.values() if known.key == key and not known.revoked), None)
        settled = write(device, Memory(grant, met_before=grant is not None))
        decided = replace(device, decision=Decision.DENIED, user_id=verdict.user_id)
        if settled.approval is not None and settled.grant_id is not None:
            approval = settled.approval
            self.grants[settled.grant_id] = _Grant(key, StoredGrant(settled.grant_id, approval.grant_scopes, approval.remembered))
            decided = replace(decided, decision=Decision.APPROVED, grant_id=settled.grant_id, scopes=approval.scopes)
        self.devices[device.code_hash].device = decided
        self.events.append(settled.event)
        return True

    async def _rotate(self, spend: SpendRefresh, token: IssuedToken) -> bool:
        old = await self.refresh_token(spend.token_hash)
        now = token.issued_at
        if old is None or old.consumed_at is not None or old.expires_at <= now or not self._in_order(old, now):
            return False
        successor = hash_of(spend.successor)
        self.tokens[spend.token_hash] = replace(old, consumed_at=now, successor_hash=successor)
        self.tokens[successor] = replace(old, token_hash=successor, issued_at=now, expires_at=spend.successor_expires_at)
        return True

    async def _repeat(self, spend: RepeatRefresh) -> bool:
        old = await self.refresh_token(spend.token_hash)
        return old is not None and old.successor_hash == hash_of(spend.successor) and old.successor_waits and self._in_order(old, None)

    @staticmethod
    def _in_order(token: StoredRefresh, now: datetime | None) -> bool:
        alive = now is None or token.family_expires_at > now
        return alive and token.family_live and token.grant_live and not token.subject_refused

    async def end(self, target: Target, *, reason: str, now: datetime, events: Callable[[Ended], Sequence[Event]]) -> Ended:
        ended = self._end(target, now)
        if ended.found:
            self.events.extend(events(ended))
        return ended

    def _end(self, target: Target, now: datetime) -> Ended:
        match target:
            case WholeGrant(grant_id, user_id):
                known = self.grants.get(grant_id)
                if known is None or user_id not in (None, known.key[0]):
                    return Ended(found=False)
                self.grants[grant_id] = replace(known, revoked=True)
                return self._sweep(lambda f: f.grant_id == grant_id, lambda t: t.grant_id == grant_id, now, grants=1)
            case WholeFamily(family_id):
                if all(token.family_id != family_id for token in self.tokens.values()):
                    return Ended(found=False)
                return self._sweep(lambda f: f.family_id == family_id, lambda t: t.family_id == family_id, now)
            case OneIssuance(issuance_id):
                if issuance_id not in self.issued:
                    return Ended(found=False)
                return self._sweep(lambda _: False, lambda t: issuance_id in (t.id, *t.ancestors), now)
            case WholeClient(client_id):
                return self._end_client(client_id, now)
            case WholeSubject(user_id):
                return self._end_subject(user_id, now)

    def _end_client(self, client_id: str, now: datetime) -> Ended:
        for entry in self.devices.values():
            if entry.device.client_id == client_id:
                entry.device = replace(entry.device, expires_at=min(entry.device.expires_at, now))
        mine = [name for name, known in self.grants.items() if known.key[1] == client_id and not known.revoked]
        for name in mine:
            self.grants[name] = replace(self.grants[name], revoked=True)
        return self._sweep(
            lambda family: family.client_id == client_id, self._descends(lambda token: token.client_id == client_id), now, grants=len(mine)
        )

    def _end_subject(self, user_id: str, now: datetime) -> Ended:
        for entry in self.devices.values():
            if entry.device.user_id == user_id:
                entry.device = replace(entry.device, expires_at=min(entry.device.expires_at, now))
        for code_hash, code in self.codes.items():
            if code.user_id == user_id and code.consumed_at is None:
                self.codes[code_hash] = replace(code, expires_at=min(code.expires_at, now))
        return self._sweep(lambda family: family.user_id == user_id, self._descends(lambda token: token.subject == user_id), now)

    def _descends(self, of: Callable[[IssuedToken], bool]) -> Callable[[IssuedToken], bool]:
        roots = {token.id for token in self.issued.values() if of(token)}
        return lambda token: not roots.isdisjoint((token.id, *token.ancestors))

    def _sweep(
        self, families: Callable[[StoredRefresh], bool], tokens: Callable[[IssuedToken], bool], now: datetime, *, grants: int = 0
    ) -> Ended:
        ended = {f.family_id for f in self.tokens.values() if families(f)} - self.families_ended
        self.families_ended |= ended
        revoked = [t for t in self.issued.values() if tokens(t) and t.revoked_at is None and t.expires_at > now]
        for token in revoked:
            self.issued[token.id] = replace(token, revoked_at=now)
        return Ended(grants, len(ended), len(revoked))

    async def refuse(self, user_id: str, reason: str, now: datetime, event: Event) -> None:
        self.refused.add(user_id)
        self.events.append(event)

    async def allow(self, user_id: str, event: Event) -> None:
        if user_id in self.refused:
            self.refused.discard(user_id)
            self.events.append(event)

    async def issue(self, request: CodeRequest, write: Callable[[Memory], NewCode | None], now: datetime) -> bool:
        if request.user_id in self.refused:
            raise AccessDenied("this account cannot be used")
        key = (request.user_id, request.client_id, request.redirect_origin, request.resource)
        grant = next((known.grant for known in self.grants.values() if known.key == key and not known.revoked), None)
        met = any(known.key[:2] == key[:2] for known in self.grants.values())
        code = write(Memory(grant, met_before=met))
        if code is None:
            return False
        approval: Approval = code.approval
        self.grants[code.grant_id] = _Grant(key, StoredGrant(code.grant_id, approval.grant_scopes, approval.remembered))
        self.codes[code.code_hash] = StoredCode(
            code_hash=code.code_hash,
            grant_id=code.grant_id,
            client_id=request.client_id,
            user_id=request.user_id,
            redirect_uri=request.redirect_uri,
            resource=request.resource,
            scopes=approval.scopes,
            code_challenge=request.code_challenge,
            dpop_jkt=request.dpop_jkt or None,
            expires_at=code.expires_at,
        )
        self.events.append(code.event)
        return True


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


def basic(client_id: str, secret: str) -> dict[str, str]:
    """RFC 6749 §2.3.1."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


async def call(app: Any, method: str, path: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """One request, straight into an ASGI application."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path.partition("?")[0],
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("192.0.2.7", 4711),
    }
    await app(scope, receive, send)
    received = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], received, sent[1]["body"])


class TokenPlane:
    """The token service as clients meet it. `store` implements every storage port; by default one in memory."""

    def __init__(
        self,
        *,
        store: Any = None,
        reuse_window: timedelta = timedelta(seconds=60),
        clock: FrozenClock | None = None,
        alg: jose.Alg = jose.Alg.ES256,
        dpop: bool = False,
        require_nonce: bool = False,
        disabled: Sequence[str] = (),
        budget: FakeBudget | None = None,
        skew: timedelta = timedelta(seconds=30),
    ) -> None:
        self.clock = clock or FrozenClock()
        self.store = store if store is not None else FakeStore()
        self.registry = FakeRegistry()
        self.replay = FakeReplay()
        self.client_keys = FakeClientKeys()
        self.quotas = FakeQuotas()
        self.keyring = Keyring()
        self.signing_keys = [SigningKey(random_id(), alg, jose.generate_key(alg), self.clock.now())]
        self.keyring.load(self.signing_keys)
        lifetimes = Lifetimes(sliding=timedelta(days=7), absolute=timedelta(days=30), reuse_window=reuse_window)
        self.successors = Successors([b"k" * 32])
        self.authentication = ClientAuthentication(
            clients=self.registry,
            assertions=ClientAssertions(
                keys=self.client_keys,
                replay=self.replay,
                clock=self.clock,
                audiences=frozenset({ISSUER, f"{ISSUER}/oauth/token"}),
                skew=skew,
            ),
            ledger=self.store,
            pepper=None,
        )
        grants: list[Grant] = [
            AuthorizationCode(codes=self.store, resources=self.registry, families=lifetimes, lifetime=900, clock=self.clock),
            RefreshToken(
                tokens=self.store, resources=self.registry, lifetimes=lifetimes, successors=self.successors, lifetime=900, clock=self.clock
            ),
            ClientCredentials(resources=self.registry, lifetime=3600),
            DeviceCode(codes=self.store, resources=self.registry, families=lifetimes, lifetime=900, clock=self.clock),
        ]
        self.nonces = Nonces(key=b"k" * 32, lifetime=timedelta(seconds=60), clock=self.clock)
        nonces = self.nonces if dpop else None
        proofs: Proofs = ProofsIgnored()
        if dpop:
            proofs = DpopProofs(
                htu=f"{ISSUER}/oauth/token",
                lifetime=timedelta(seconds=60),
                skew=skew,
                nonces=self.nonces,
                require_nonce=require_nonce,
                replay=self.replay,
                clock=self.clock,
            )
        self.issuer = Issuer(issuer=ISSUER, keys=self.keyring, clock=self.clock)
        self.endpoint = TokenEndpoint(
            authentication=self.authentication,
            proofs=proofs,
            grants=[grant for grant in grants if grant.grant_type.value not in disabled],
            issuer=self.issuer,
            ledger=self.store,
            lineages=self.store,
            clock=self.clock,
            quotas=self.quotas,
            disabled={name: f"{name}.enabled" for name in disabled},
        )
        self.access_tokens = AccessTokens(issuer=ISSUER, keys=self.keyring, clock=self.clock, skew=skew)
        self.code_issuing = CodeIssuing(grants=self.store, clock=self.clock, lifetime=timedelta(minutes=2))
        self.endings = Endings(lineages=self.store, clock=self.clock)
        user_codes = UserCodes([b"k" * 32])
        self.decisions = DeviceDecisions(codes=self.store, user_codes=user_codes, clock=self.clock)
        discovery = Discovery(issuer=ISSUER, features=Features(self.endpoint.grant_types, ALGS), resources=self.registry)
        routes = TokenRoutes(
            endpoint=self.endpoint,
            revocation=Revocation(
                authentication=self.authentication,
                access_tokens=self.access_tokens,
                refresh_tokens=self.store,
                lineages=self.store,
                clock=self.clock,
            ),
            introspection=Introspection(
                issuer=ISSUER,
                keys=self.keyring,
                authentication=self.authentication,
                access_tokens=self.access_tokens,
                refresh_tokens=self.store,
                issued_tokens=self.store,
                clients=self.registry,
                resources=self.registry,
                ledger=self.store,
                clock=self.clock,
            ),
            keys=self.keyring,
            metadata=discovery.document,
            metadata_paths=paths(ISSUER),
            nonces=nonces,
            devices=DeviceAuthorization(
                authentication=self.authentication,
                resources=self.registry,
                codes=self.store,
                user_codes=user_codes,
                ledger=self.store,
                clock=self.clock,
                page=f"{ISSUER}/device",
                lifetime=timedelta(minutes=10),
                interval=5,
            )
            if GrantType.DEVICE_CODE.value not in disabled
            else None,
            rate=AddressRate(budget=budget, burst=80, clock=self.clock) if budget is not None else None,
        )
        self.app = HttpApp(routes.routes(), secure=True, service="token")

    async def call(self, method: str, path: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """One request."""
        return await call(self.app, method, path, body, headers)

    async def post(
        self, path: str, form: Mapping[str, str] | Sequence[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A form, as clients send it."""
        body = urlencode(list(form.items()) if isinstance(form, Mapping) else form).encode()
        sent = [("content-type", "application/x-www-form-urlencoded"), *(headers or {}).items()]
        return await self.call("POST", path, body, sent)

    async def token(self, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """POST /oauth/token."""
        return await self.post("/oauth/token", form, headers)

    async def code(
        self,
        client: Client = PUBLIC,
        *,
        user: str = "ada",
        resource: str = NOTES.uri,
        scopes: tuple[str, ...] = ("notes:read", "notes:write"),
        dpop_jkt: str = "",
    ) -> str:
        """A code for which the person has just consented."""
        issued = await self.code_issuing.issue(code_request(client, user=user, resource=resource, scopes=scopes, dpop_jkt=dpop_jkt))
        assert isinstance(issued, str)
        return issued

    async def redeem(self, code: str, client: Client = PUBLIC, headers: Mapping[str, str] | None = None, /, **changes: str) -> Answer:
        """Redeem a code; `changes` replace parameters, an empty one leaves it out."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            "client_id": client.id,
            **changes,
        }
        return await self.token({name: value for name, value in form.items() if value}, headers)

    async def refresh(self, token: str, client: Client = PUBLIC, headers: Mapping[str, str] | None = None, /, **changes: str) -> Answer:
        """Use a refresh token."""
        return await self.token({"grant_type": "refresh_token", "refresh_token": token, "client_id": client.id, **changes}, headers)

    async def device(self, client: Client = TELEVISION, headers: Mapping[str, str] | None = None, /, **changes: str) -> Answer:
        """Begin a device authorization; an empty change leaves a parameter out."""
        form = {"client_id": client.id, "resource": NOTES.uri, "scope": "notes:read notes:write", **changes}
        return await self.post("/oauth/device_authorization", {name: value for name, value in form.items() if value}, headers)

    async def decide(
        self, user_code: str, *, user: str = "ada", approve: bool = True, scopes: tuple[str, ...] = ("notes:read", "notes:write")
    ) -> None:
        """What the person says on the page."""
        await self.decisions.decide(user_code, Verdict(UserId(user), approve, scopes, None, Context("192.0.2.7", "req-1", "")))

    async def poll(
        self, device_code: str, client: Client = TELEVISION, headers: Mapping[str, str] | None = None, /, **changes: str
    ) -> Answer:
        """Ask for the tokens of a device."""
        form = {"grant_type": GrantType.DEVICE_CODE.value, "device_code": device_code, "client_id": client.id, **changes}
        return await self.token({name: value for name, value in form.items() if value}, headers)

    async def approved(self, client: Client = TELEVISION, **changes: str) -> str:
        """A device code the person has just approved."""
        begun = (await self.device(client, **changes)).json
        await self.decide(begun["user_code"])
        return str(begun["device_code"])

    async def active(self, token: str, caller: Client = RUNTIME) -> bool:
        """Whether introspection says so."""
        answer = await self.post("/oauth/introspect", {"token": token}, basic(caller.id, SECRET))
        assert answer.status == 200
        return bool(answer.json["active"])


def code_request(
    client: Client = PUBLIC,
    *,
    user: str = "ada",
    resource: str = NOTES.uri,
    scopes: tuple[str, ...] = ("notes:read", "notes:write"),
    consent: Consent | str | None = "all",
    origin: str = "",
    dpop_jkt: str = "",
) -> CodeRequest:
    """What authorize would send; `consent="all"` ticks everything and remembers."""
    return CodeRequest(
        user_id=UserId(user),
        client_id=client.id,
        resource=resource,
        scopes=scopes,
        redirect_uri=REDIRECT,
        redirect_origin=origin,
        code_challenge=CHALLENGE,
        dpop_jkt=dpop_jkt,
        auth_time=None,
        consent=Consent(scopes, remember=True) if isinstance(consent, str) else consent,
        context=Context("192.0.2.7", "req-1", ""),
    )
