"""The token endpoint: the phases every grant shares, in an order that never spends a credential it may still have to refuse.

parse → authenticate client → grant allowed? → sender proof → grant.decide() → sign → commit → respond
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kit.clock import Clock
from kit.errors import (
    AuthorizationPending,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    Refused,
    SlowDown,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from kit.oauth import TokenType
from services.token import events
from services.token.client_auth import ClientAuthentication
from services.token.grants import Grant
from services.token.issuer import Issuer, Minted
from services.token.model import Client, Issuance, Proof, Replay, TokenRequest
from services.token.ports import REPLAY, Ledger, Lineages, OneIssuance, Proofs, Quotas, Target, WholeFamily
from services.token.quota import is_bounded


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """RFC 6749 §5.1; `expires_in` in seconds."""

    access_token: str
    token_type: TokenType
    expires_in: int
    refresh_token: str | None
    scope: str


class TokenEndpoint:
    """`disabled` maps grant types this deployment switched off to the setting that would switch them on."""

    def __init__(
        self,
        *,
        authentication: ClientAuthentication,
        proofs: Proofs,
        grants: Iterable[Grant],
        issuer: Issuer,
        ledger: Ledger,
        lineages: Lineages,
        clock: Clock,
        quotas: Quotas,
        disabled: Mapping[str, str],
    ) -> None:
        self._authentication = authentication
        self._proofs = proofs
        self._grants: dict[str, Grant] = {grant.grant_type.value: grant for grant in grants}
        self._issuer = issuer
        self._ledger = ledger
        self._lineages = lineages
        self._clock = clock
        self._quotas = quotas
        self._disabled = disabled

    @property
    def grant_types(self) -> list[str]:
        """What is served, for discovery."""
        return list(self._grants)

    async def answer(self, request: TokenRequest) -> TokenResponse:
        """Issue. Raises the refusals of RFC 6749 §5.2, RFC 8707 and RFC 9449, and Unavailable."""
        grant = self._grant(request)
        client = await self._authentication.require(request.credentials, request.context)
        try:
            require_allowed(client, grant)
            proof = await self._proofs.require(request, client)
            return await self._issue(request, grant, client, proof)
        except (AuthorizationPending, SlowDown):
            # Come again: nothing was refused for good, and who asks every few seconds would fill the log.
            raise
        except Refused as refusal:
            await self._ledger.note(events.refused(grant.denied, client, request.context, refusal.code))
            raise

    def _grant(self, request: TokenRequest) -> Grant:
        named = request.form.get("grant_type")
        if named is None:
            raise InvalidRequest("grant_type is required")
        grant = self._grants.get(named)
        if grant is None:
            setting = self._disabled.get(named)
            raise UnsupportedGrantType(
                f"this grant is switched off; {setting} switches it on" if setting else "this grant_type is not supported"
            )
        return grant

    async def _issue(self, request: TokenRequest, grant: Grant, client: Client, proof: Proof | None) -> TokenResponse:
        # A credential that somebody else spent between the decision and the commit is decided about once more, now as spent:
        # a race is then answered, and a replay then ended, exactly as if it had come a moment later.
        for _ in range(2):
            decision = await grant.decide(request, client, proof)
            if isinstance(decision, Replay):
                await self._end(decision)
                raise InvalidGrant(decision.detail, debug="presented again")
            if is_bounded(client):
                await self._quotas.take(client)
            minted = self._issuer.mint(decision)
            if await self._committed(decision, minted):
                return respond(decision, minted)
        raise InvalidGrant("the credential is no longer valid", debug="lost the race twice")

    async def _committed(self, issuance: Issuance, minted: Minted) -> bool:
        if issuance.spend is not None:
            return await self._ledger.spend(issuance, minted.record)
        await self._ledger.record(minted.record, issuance.event)
        return True

    async def _end(self, replay: Replay) -> None:
        target = _produced(replay)
        if target is not None:
            ended = await self._lineages.end(target, reason=REPLAY, now=self._clock.now(), events=lambda _: replay.events)
            if ended.found:
                return
        await self._ledger.note(*replay.events)


def _produced(replay: Replay) -> Target | None:
    if replay.family_id is not None:
        return WholeFamily(replay.family_id)
    return OneIssuance(replay.issuance_id) if replay.issuance_id is not None else None


def require_allowed(client: Client, grant: Grant) -> None:
    """Raises InvalidClient for a public client where only confidential ones may come, UnauthorizedClient for one not registered for it."""
    if grant.confidential_only and not client.confidential:
        raise InvalidClient("this grant is for clients that authenticate")
    if grant.grant_type.value not in client.grant_types:
        raise UnauthorizedClient(f"this client is not registered for {grant.grant_type.value}")


def respond(issuance: Issuance, minted: Minted) -> TokenResponse:
    """What the client is told about what has just become durable."""
    return TokenResponse(
        access_token=minted.value,
        token_type=TokenType.DPOP if issuance.proof is not None else TokenType.BEARER,
        expires_in=minted.expires_in,
        refresh_token=issuance.refresh_token,
        scope=" ".join(issuance.scopes),
    )
