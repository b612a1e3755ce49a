"""What the rules ask of the world, in their own words. Every method may raise Unavailable; none guesses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from kit.audit import Event
from kit.jose import VerificationKey
from services.token.consents import CodeRequest, Memory, NewCode
from services.token.devices import NewDevice, Settled, StoredDevice, Verdict
from services.token.keyring import SigningKey
from services.token.model import (
    Client,
    CodeHash,
    DeviceHash,
    Ended,
    Issuance,
    IssuedToken,
    Liveness,
    Operator,
    Proof,
    RefreshHash,
    StoredCode,
    StoredRefresh,
    TokenRequest,
)
from services.token.policy import Catalogue


class Clients(Protocol):
    """Registry's clients, from memory where possible."""

    async def client(self, client_id: str) -> Client | None:
        """The stored client or None. Never fetches a metadata document."""


class Resources(Protocol):
    """Registry's resources, from memory where possible."""

    async def catalogue(self) -> Catalogue:
        """Every resource."""


class Codes(Protocol):
    """Stored authorization codes."""

    async def code(self, code_hash: CodeHash) -> StoredCode | None:
        """The code under this name, consumed or not."""


class DeviceCodes(Protocol):
    """Stored device authorizations (RFC 8628)."""

    async def add(self, device: NewDevice, event: Event) -> None:
        """Store with its audit row. Raises Conflict when the user code is taken."""

    async def device(self, code_hash: DeviceHash) -> StoredDevice | None:
        """The authorization under this name, whatever became of it."""

    async def polled_early(self, code_hash: DeviceHash, now: datetime) -> bool:
        """Remember that the device asked; whether it asked before its interval had passed, which lengthens the interval. Atomic."""

    async def pending(self, tags: Sequence[str], now: datetime) -> StoredDevice | None:
        """The authorization under one of these user codes, while it is neither decided nor expired."""

    async def settle(self, tags: Sequence[str], verdict: Verdict, write: Callable[[StoredDevice, Memory], Settled], now: datetime) -> bool:
        """Take the verdict once: hand the pending authorization and what is remembered of the person to `write`, store what it makes.

        All in one transaction. False when nothing is pending. Raises AccessDenied for a refused subject, and what `write` raises.
        """


class RefreshTokens(Protocol):
    """Stored refresh tokens."""

    async def refresh_token(self, token_hash: RefreshHash) -> StoredRefresh | None:
        """The token under this name, consumed or not."""


class Ledger(Protocol):
    """Where issued tokens become durable."""

    async def record(self, token: IssuedToken, event: Event) -> None:
        """Commit a token that spends nothing, with its audit row; shares a commit with whoever waits at the same time."""

    async def spend(self, issuance: Issuance, token: IssuedToken) -> bool:
        """Spend, write and audit in one statement. False, with nothing written, when the credential was no longer there to spend."""

    async def note(self, *events: Event) -> None:
        """Commit audit rows that go with no change of state."""


class IssuedTokens(Protocol):
    """Reads for introspection."""

    async def liveness(self, issuance_id: UUID) -> Liveness | None:
        """What became of the issuance; None when there is none."""


@dataclass(frozen=True, slots=True)
class WholeGrant:
    """A grant; with `user_id`, only if it is theirs."""

    grant_id: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class WholeFamily:
    """A refresh family."""

    family_id: str


@dataclass(frozen=True, slots=True)
class OneIssuance:
    """An access token and what was exchanged from it."""

    issuance_id: UUID


@dataclass(frozen=True, slots=True)
class WholeClient:
    """Every grant, family and token of a client."""

    client_id: str


@dataclass(frozen=True, slots=True)
class WholeSubject:
    """Every family and token of a person; their grants stay."""

    user_id: str


# Why something was ended.
REPLAY = "replay"
REVOKED = "revoked"
REASONS = (REPLAY, REVOKED, "grant_revoked", "subject_ended", "client_ended")

Target = WholeGrant | WholeFamily | OneIssuance | WholeClient | WholeSubject


class Lineages(Protocol):
    """Endings. Descendants end with what they descend from (T4)."""

    async def end(self, target: Target, *, reason: str, now: datetime, events: Callable[[Ended], Sequence[Event]]) -> Ended:
        """End `target` with all descendants and commit the audit rows `events` makes of the result. Idempotent."""

    async def refuse(self, user_id: str, reason: str, now: datetime, event: Event) -> None:
        """From its return on the person gets nothing. Idempotent."""

    async def allow(self, user_id: str, event: Event) -> None:
        """Lift `refuse`. Idempotent."""


class Grants(Protocol):
    """Stored consents and the codes that come of them."""

    async def issue(self, request: CodeRequest, write: Callable[[Memory], NewCode | None], now: datetime) -> bool:
        """Hand what is remembered to `write` and store what it makes of it, all in one transaction under the lock of the request's key.

        False, with nothing stored, when `write` makes None. Raises AccessDenied for a refused subject.
        """


class Assertions(Protocol):
    """RFC 7523 client assertions."""

    async def require(self, client: Client, assertion: str) -> None:
        """Raises InvalidClient unless `assertion` authenticates `client` here and now, for the first time."""


class Proofs(Protocol):
    """RFC 9449 proofs of possession."""

    async def require(self, request: TokenRequest, client: Client) -> Proof | None:
        """The proof that held, None when none was sent. Raises InvalidDpopProof, UseDpopNonce."""


class ClientKeys(Protocol):
    """The public keys of clients that sign assertions."""

    async def keys(self, client: Client, *, refetch: bool) -> Mapping[str, VerificationKey]:
        """The client's keys by kid, inline or fetched; `refetch` asks past the cache, as far as its rate limit allows.

        Raises InvalidToken when what the client publishes cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Taken:
    """What a budget granted; when nothing, how long until there is something."""

    granted: int = 0
    wait: timedelta = timedelta(0)


class Budget(Protocol):
    """How many requests an address has left, counted for all replicas at once."""

    async def take(self, address: str, wanted: int) -> Taken:
        """Up to `wanted` requests, paid for. Atomic."""


class Quotas(Protocol):
    """How many tokens a client has left, counted for all replicas at once."""

    async def take(self, client: Client) -> None:
        """One token, paid for, of the minute and of the day (UTC). Atomic. Raises QuotaSpent."""


class Replay(Protocol):
    """Memory of one-time identifiers."""

    async def once(self, kind: str, issuer: str, identifier: str, expires_at: datetime) -> bool:
        """True for the first caller, False for every other. Atomic."""


class KeyAdministration(Protocol):
    """Where signing keys are kept."""

    async def load(self) -> list[SigningKey]:
        """Every key, the signing one first."""

    async def rotate(self, operator: Operator) -> SigningKey:
        """Make a new key sign; the old one stays published until nothing it signed lives."""
