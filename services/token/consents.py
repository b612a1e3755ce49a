"""Stored consents, and how one turns a request into an authorization code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kit import credentials
from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.errors import InvalidRequest
from services.token.codes import hash_of
from services.token.model import ClientId, CodeHash, Context, GrantId, UserId

if TYPE_CHECKING:
    from services.token.ports import Grants


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's decision on the consent page: the scopes left ticked, and whether to remember it."""

    scopes: tuple[str, ...]
    remember: bool


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What authorize asks a code for, every member already checked against client and resource.

    `redirect_origin` separates consent per origin for clients whose id is a document (A6) and is empty for the others.
    """

    user_id: UserId
    client_id: ClientId
    resource: str
    scopes: tuple[str, ...]
    redirect_uri: str
    redirect_origin: str
    code_challenge: str
    dpop_jkt: str
    auth_time: datetime | None
    consent: Consent | None
    context: Context


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """The durable "user lets client act on resource with scopes". `remembered` is None where the person asked to be asked again."""

    id: GrantId
    scopes: tuple[str, ...]
    remembered: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier consents say about a request. `grant` is the live grant under the request's key; `met_before` counts ended ones too."""

    grant: StoredGrant | None
    met_before: bool


@dataclass(frozen=True, slots=True)
class ConsentMissing:
    """Why no code can be issued yet."""

    granted: tuple[str, ...]
    missing: tuple[str, ...]
    first_time: bool


@dataclass(frozen=True, slots=True)
class Approval:
    """The scopes the code will carry and what the grant becomes."""

    scopes: tuple[str, ...]
    grant_scopes: tuple[str, ...]
    remembered: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to write, with what it makes of the grant it hangs from and its audit row."""

    code_hash: CodeHash
    request: CodeRequest
    grant_id: GrantId
    approval: Approval
    issued_at: datetime
    expires_at: datetime
    event: Event


def decide(request: CodeRequest, memory: Memory) -> Approval | ConsentMissing:
    """Whether the stored grant, together with the consent given just now, covers the request.

    Step-up keeps what was granted before (union, A5). A decision that is not to be remembered widens the grant, because tokens descend
    from it, but never what spares the next question (A6). Raises InvalidRequest when the consent names a scope nobody asked for.
    """
    grant = memory.grant
    remembered = grant.remembered if grant is not None else None
    known = frozenset(remembered or ())
    if request.consent is None:
        missing = tuple(scope for scope in request.scopes if scope not in known)
        if remembered is None or missing:
            granted = tuple(scope for scope in request.scopes if scope in known)
            return ConsentMissing(granted, missing, first_time=not memory.met_before)
        return Approval(request.scopes, union(grant.scopes if grant else (), request.scopes), remembered)
    ticked = request.consent.scopes
    if not set(ticked).issubset(request.scopes) or (request.scopes and not ticked):
        raise InvalidRequest("the consent does not fit the request")
    allowed = known.union(ticked)
    scopes = tuple(scope for scope in request.scopes if scope in allowed)
    return Approval(
        scopes,
        union(grant.scopes if grant is not None else (), scopes),
        union(remembered or (), ticked) if request.consent.remember else remembered,
    )


def union(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Both without repeats, `first` in front."""
    return tuple(dict.fromkeys((*first, *second)))


class CodeIssuing:
    """Answers authorize: a code, or what the person must be asked first."""

    def __init__(self, *, grants: "Grants", clock: Clock, lifetime: timedelta) -> None:
        self._grants = grants
        self._clock = clock
        self._lifetime = lifetime

    async def issue(self, request: CodeRequest) -> str | ConsentMissing:
        """The code, once; only its hash is kept. Raises AccessDenied for a refused subject, InvalidRequest, Unavailable."""
        now = self._clock.now()
        code = credentials.random_secret()
        missing: list[ConsentMissing] = []

        def write(memory: Memory) -> NewCode | None:
            decision = decide(request, memory)
            if isinstance(decision, ConsentMissing):
                missing.append(decision)
                return None
            return NewCode(
                code_hash=hash_of(code),
                request=request,
                grant_id=memory.grant.id if memory.grant is not None else GrantId(credentials.random_id()),
                approval=decision,
                issued_at=now,
                expires_at=now + self._lifetime,
                event=_issued(request, decision),
            )

        if await self._grants.issue(request, write, now):
            return code
        return missing[0]


def _issued(request: CodeRequest, approval: Approval) -> Event:
    return Event(
        action=Action.AUTH_CODE_ISSUED,
        actor_kind=ActorKind.USER,
        actor_id=request.user_id,
        client_id=request.client_id,
        subject=request.user_id,
        resource=request.resource,
        ip=request.context.ip,
        request_id=request.context.request_id,
        trace_id=request.context.trace_id,
        detail={"scopes": list(approval.scopes), "consent": "given" if request.consent else "remembered"},
    )
