"""Signing in at an identity provider (A9): what is kept while a person is away, and what has to hold when they return.

What was asked stays here: the browser carries a state that names it and a cookie that proves whose it is, and learns neither the PKCE
verifier nor anything about where the sign-in leads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from kit.audit import Action, ActorKind, Event
from kit.clock import Clock
from kit.credentials import digest, random_secret, s256
from kit.errors import AuthPlaneError, InvalidRequest
from services.authorize.authentication_request import authentication_request, wishes
from services.authorize.id_token import Expected, key_id, require_valid, signed_in_at
from services.authorize.identities import Provisioning, identity_of
from services.authorize.identity_provider import Answer, IdentityProviders, Metadata, Provider
from services.authorize.model import InteractionId, Session, Visit
from services.authorize.ports import Journal
from services.authorize.refusals import AnswersMixedUp, IdTokenRefused, LoginRejected, PersonRefused, ProviderDeclined, StateUnknown
from services.authorize.request import AuthorizationRequest
from services.authorize.sessions import SessionKeeper

_SECRET_LENGTH: Final = 43
_LONGEST_CODE: Final = 8192
_BY_SCOPE: Final = {"email": "email", "profile": "name"}


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way. `state` and `browser` are SHA-256 of what the browser holds; `interaction_id` is what it happens within."""

    state: bytes
    browser: bytes
    provider: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect: str
    interaction_id: InteractionId | None
    expires_at: datetime


class PendingSignIns(Protocol):
    """Sign-ins under way."""

    async def add(self, pending: Pending) -> None:
        """Store a new one."""
        ...

    async def take(self, state: bytes, browser: bytes, now: datetime) -> Pending | None:
        """The sign-in, once, and only for the browser that began it; another's asking leaves it where it is. Atomic."""
        ...


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser came back with. An absent parameter is None."""

    state: str | None = None
    code: str | None = field(default=None, repr=False)
    error: str | None = None
    iss: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session, its cookie's value, and where to go on."""

    secret: str = field(repr=False)
    session: Session
    redirect: str
    interaction_id: InteractionId | None


@dataclass(frozen=True, slots=True)
class Federation:
    """Sign-in elsewhere, from leaving to returning. `lifetime` is how long that may take."""

    providers: Mapping[str, Provider]
    directory: IdentityProviders
    pending: PendingSignIns
    provisioning: Provisioning
    sessions: SessionKeeper
    journal: Journal
    clock: Clock
    skew: timedelta
    lifetime: timedelta

    def provider(self, name: str | None) -> Provider:
        """By name; the only one needs no name. Raises InvalidRequest."""
        if name is None and len(self.providers) == 1:
            return next(iter(self.providers.values()))
        found = self.providers.get(name or "oidc")
        if found is None:
            raise InvalidRequest("there is no such identity provider here")
        return found

    async def start(
        self, provider: Provider, browser: str, redirect: str, interaction_id: InteractionId | None, request: AuthorizationRequest | None
    ) -> str:
        """The provider's URL to send the browser to, which holds `browser` in its cookie. Raises ProviderUnavailable, Unavailable."""
        metadata = await self.directory.metadata(provider)
        now, state, nonce, verifier = self.clock.now(), random_secret(), random_secret(), random_secret()
        await self.pending.add(
            Pending(digest(state), digest(browser), provider.name, nonce, verifier, redirect, interaction_id, now + self.lifetime)
        )
        secrets = {"state": state, "nonce": nonce, "code_challenge": s256(verifier)}
        return authentication_request(provider, metadata, secrets, wishes(request, now) if request is not None else {})

    async def finish(self, returned: Returned, browser: str | None, replaced: str | None, visit: Visit) -> SignedIn:
        """A session for the person who came back; `replaced` is the session cookie the browser came with.

        Raises StateUnknown, AnswersMixedUp, ProviderDeclined, InvalidRequest, SignInElsewhereFailed, EmailTaken, ProviderUnavailable,
        Unavailable. Each that says why is written to the audit log.
        """
        name = ""
        try:
            pending = await self._take(returned.state, browser)
            name = pending.provider
            return await self._finish(pending, returned, replaced, visit)
        except AuthPlaneError as error:
            reason = getattr(error, "reason", None)
            if reason is not None:
                await self.journal.write(_failure(reason, name, visit))
            raise

    async def _take(self, state: str | None, browser: str | None) -> Pending:
        if state is None:
            raise InvalidRequest("the answer names no sign-in")
        if browser is None or len(state) != _SECRET_LENGTH:
            raise _unknown("no cookie, or no state of ours")
        pending = await self.pending.take(digest(state), digest(browser), self.clock.now())
        if pending is None or pending.provider not in self.providers:
            raise _unknown("expired, used, or begun in another browser")
        return pending

    async def _finish(self, pending: Pending, returned: Returned, replaced: str | None, visit: Visit) -> SignedIn:
        provider = self.providers[pending.provider]
        require_same_provider(provider, await self.directory.metadata(provider), returned)
        if returned.error is not None:
            raise ProviderDeclined("the identity provider did not sign you in", debug=f"{provider.name}: {returned.error[:100]!r}")
        if returned.code is None or len(returned.code) > _LONGEST_CODE:
            raise InvalidRequest("the answer brings no code")
        answer = await self.directory.redeem(provider, returned.code, pending.verifier)
        claims = await self._claims(provider, answer, pending.nonce)
        user = await self.provisioning.person(identity_of(provider, claims), visit)
        try:
            secret, session = await self.sessions.begin(
                user,
                replaced,
                visit,
                action=Action.USER_OIDC_LOGIN,
                authenticated_at=signed_in_at(claims, self.clock.now(), self.skew),
                detail={"provider": provider.name},
            )
        except LoginRejected:
            raise PersonRefused("this account is switched off", debug=f"user={user.id}") from None
        return SignedIn(secret, session, pending.redirect, pending.interaction_id)

    async def _claims(self, provider: Provider, answer: Answer, nonce: str) -> Mapping[str, Any]:
        """What the ID token says, completed by UserInfo where the token is silent on what was asked for (Core §5.3)."""
        keys = await self.directory.keys(provider, key_id(answer.id_token))
        now = self.clock.now()
        expected = Expected(provider.issuer, provider.client_id, nonce, now, self.skew, self.lifetime)
        claims = require_valid(answer.id_token, keys, expected)
        if not answer.access_token or not unsaid(provider, claims):
            return claims
        more = await self.directory.person(provider, answer.access_token)
        # Core §5.3.2: an access token may have been swapped for another person's.
        if more and more.get("sub") != claims["sub"]:
            raise IdTokenRefused("what the identity provider said about you could not be verified", debug="UserInfo is about somebody else")
        return {**more, **claims}


def require_same_provider(provider: Provider, metadata: Metadata, returned: Returned) -> None:
    """Raise AnswersMixedUp unless the answer came back the way, and under the name, of the provider that was asked.

    RFC 9207 §2.4 where there is `iss`; RFC 9700 §4.4.2.2 by the redirect URI: with several providers each has its own.
    """
    mark = provider.return_mark
    if returned.provider not in ({mark} if mark is not None else {None, provider.name}):
        raise AnswersMixedUp("the answer came from another identity provider", debug=f"asked {provider.name}")
    if returned.iss != provider.issuer and (returned.iss is not None or metadata.names_itself):
        raise AnswersMixedUp("the answer came from another identity provider", debug=f"asked {provider.name}, iss {returned.iss!r:.200}")


def unsaid(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether the ID token leaves out what a scope asked for."""
    asked = [claim for scope, claim in _BY_SCOPE.items() if scope in provider.scopes]
    if provider.ask_for_groups or "groups" in provider.scopes:
        asked.append(provider.groups_claim)
    return any(claim not in claims for claim in asked)


def _unknown(why: str) -> StateUnknown:
    return StateUnknown("this sign-in took too long, was finished already, or began in another browser", debug=why)


def _failure(reason: str, provider: str, visit: Visit) -> Event:
    return Event(
        action=Action.USER_OIDC_LOGIN_FAILED,
        actor_kind=ActorKind.NOBODY,
        outcome="denied",
        reason=reason,
        ip=visit.address,
        request_id=visit.request_id,
        trace_id=visit.trace_id,
        detail={"provider": provider} if provider else {},
    )
