"""refresh_token (OAuth 2.1 §4.3): rotation at every use, one answer for a race, the end of the family for a replay."""

from kit.audit import Action
from kit.clock import Clock
from kit.errors import InvalidGrant, InvalidRequest
from kit.oauth import GrantType
from services.token import events, families, policy
from services.token.grants.authorization_code import require_bound_key
from services.token.model import Client, Issuance, Proof, RepeatRefresh, Replay, Spend, SpendRefresh, StoredRefresh, TokenRequest
from services.token.ports import RefreshTokens, Resources


class RefreshToken:
    """`lifetime` of the access token in seconds."""

    grant_type = GrantType.REFRESH_TOKEN
    denied = Action.TOKEN_REFRESH_DENIED
    confidential_only = False

    def __init__(
        self,
        *,
        tokens: RefreshTokens,
        resources: Resources,
        lifetimes: families.Lifetimes,
        successors: families.Successors,
        lifetime: int,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._resources = resources
        self._lifetimes = lifetimes
        self._successors = successors
        self._lifetime = lifetime
        self._clock = clock

    async def decide(self, request: TokenRequest, client: Client, proof: Proof | None) -> Issuance | Replay:
        """Raises InvalidRequest, InvalidGrant, InvalidTarget, InvalidScope; answers Replay for a token that was stolen or lost."""
        presented = request.form.get("refresh_token")
        if presented is None:
            raise InvalidRequest("refresh_token is required")
        stored = await self._tokens.refresh_token(families.hash_of(presented))
        if stored is None:
            raise InvalidGrant(families.NOT_VALID, debug="unknown refresh token")
        require_usable(stored, client)
        require_bound_key(stored.dpop_jkt, proof)
        spend = self._spend(stored, presented)
        if spend is None:
            return reused(stored, request, client)
        if stored.expires_at <= self._clock.now():
            raise InvalidGrant(families.NOT_VALID, debug="expired")
        catalogue = await self._resources.catalogue()
        policy.require_same_resource(catalogue, stored.resource, policy.one_resource(request.resources))
        resource = catalogue.mintable(stored.resource) if stored.resource else None
        scopes = policy.refreshed_scope(stored.scopes, client.ceiling, policy.named_scope(request.form.get("scope")))
        raced = isinstance(spend, RepeatRefresh)
        return Issuance(
            grant_type=self.grant_type,
            client=client,
            subject=stored.user_id,
            scopes=scopes,
            audience=stored.resource,
            lifetime=policy.shortest(self._lifetime, client.access_token_lifetime, resource.access_token_lifetime if resource else 0),
            event=events.by_client(
                Action.TOKEN_REFRESH_RACED if raced else Action.TOKEN_REFRESHED,
                client,
                request.context,
                subject=stored.user_id,
                resource=stored.resource,
                detail={"family": stored.family_id, "scopes": list(scopes)},
            ),
            proof=proof,
            grant_id=stored.grant_id,
            family_id=stored.family_id,
            spend=spend,
        )

    def _spend(self, stored: StoredRefresh, presented: str) -> Spend | None:
        """How this token can be answered; None when it was consumed before and this is no race."""
        now = self._clock.now()
        if stored.consumed_at is None:
            return SpendRefresh(stored.token_hash, self._successors.of(presented), self._lifetimes.renewed(stored, now))
        if not self._lifetimes.raced(stored, now):
            return None
        successor = self._successors.recognised(presented, stored.successor_hash)
        return RepeatRefresh(stored.token_hash, successor) if successor is not None else None


def require_usable(stored: StoredRefresh, client: Client) -> None:
    """Whatever else is true of the token: it is this client's, its family, grant and subject are in order. Raises InvalidGrant."""
    if stored.client_id != client.id:
        raise InvalidGrant(families.NOT_VALID, debug=f"issued to client={stored.client_id}")
    if not stored.family_live or not stored.grant_live:
        raise InvalidGrant(families.NOT_VALID, debug=f"family={stored.family_id} has ended")
    if stored.subject_refused:
        raise InvalidGrant(families.NOT_VALID, debug=f"subject={stored.user_id} is refused")


def reused(stored: StoredRefresh, request: TokenRequest, client: Client) -> Replay:
    """Two parties hold tokens of this family and nobody can tell which is honest, so it ends (RFC 9700 §4.14.2)."""
    detail = {"family": stored.family_id, "path": "reuse_detection"}
    event = events.by_client(
        Action.FAMILY_REVOKED, client, request.context, subject=stored.user_id, resource=stored.resource, detail=detail
    )
    return Replay(families.NOT_VALID, family_id=stored.family_id, events=(event,))
