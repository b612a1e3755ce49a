"""authorization_code (OAuth 2.1 §4.1.3): one redemption, by the client it was issued to, with the verifier it was asked for with."""

from kit.audit import Action
from kit.clock import Clock
from kit.errors import InvalidGrant, InvalidRequest
from kit.oauth import GrantType
from services.token import codes, events, policy
from services.token.families import Lifetimes
from services.token.model import Client, Issuance, Proof, Replay, SpendCode, StoredCode, TokenRequest
from services.token.ports import Codes, Resources


class AuthorizationCode:
    """`lifetime` of the access token in seconds."""

    grant_type = GrantType.AUTHORIZATION_CODE
    denied = Action.TOKEN_ISSUE_DENIED
    confidential_only = False

    def __init__(self, *, codes: Codes, resources: Resources, families: Lifetimes, lifetime: int, clock: Clock) -> None:
        self._codes = codes
        self._resources = resources
        self._families = families
        self._lifetime = lifetime
        self._clock = clock

    async def decide(self, request: TokenRequest, client: Client, proof: Proof | None) -> Issuance | Replay:
        """Raises InvalidRequest, InvalidGrant, InvalidTarget; answers Replay for a code redeemed before."""
        presented = request.form.get("code")
        if presented is None:
            raise InvalidRequest("code is required")
        code = await self._codes.code(codes.hash_of(presented))
        if code is None:
            raise InvalidGrant(codes.NOT_VALID, debug="unknown code")
        if code.consumed_at is not None:
            return replayed(code, request, client)
        self._require_redeemable(code, client)
        codes.require_redirect_uri(code, request.form.get("redirect_uri"))
        codes.require_matching_verifier(code, request.form.get("code_verifier"))
        require_bound_key(code.dpop_jkt, proof)
        catalogue = await self._resources.catalogue()
        policy.require_same_resource(catalogue, code.resource, policy.one_resource(request.resources))
        resource = catalogue.mintable(code.resource) if code.resource else None
        return self._issuance(code, request, client, proof, resource_lifetime=resource.access_token_lifetime if resource else 0)

    def _require_redeemable(self, code: StoredCode, client: Client) -> None:
        if code.client_id != client.id:
            raise InvalidGrant(codes.NOT_VALID, debug=f"issued to client={code.client_id}")
        if code.expires_at <= self._clock.now():
            raise InvalidGrant(codes.NOT_VALID, debug="expired")
        if not code.grant_live or code.subject_refused:
            raise InvalidGrant(codes.NOT_VALID, debug="grant revoked or subject refused")

    def _issuance(
        self, code: StoredCode, request: TokenRequest, client: Client, proof: Proof | None, *, resource_lifetime: int
    ) -> Issuance:
        family = None
        if GrantType.REFRESH_TOKEN in client.grant_types:
            # A confidential client's refresh tokens are bound to its credentials already (RFC 9449 §5).
            family = self._families.born(self._clock.now(), proof, bind=not client.confidential)
        return Issuance(
            grant_type=self.grant_type,
            client=client,
            subject=code.user_id,
            scopes=code.scopes,
            audience=code.resource,
            lifetime=policy.shortest(self._lifetime, client.access_token_lifetime, resource_lifetime),
            event=events.by_client(
                Action.TOKEN_ISSUED,
                client,
                request.context,
                subject=code.user_id,
                resource=code.resource,
                detail={"family": family.id if family else "", "grant": code.grant_id, "scopes": list(code.scopes)},
            ),
            proof=proof,
            grant_id=code.grant_id,
            family_id=family.id if family else None,
            spend=SpendCode(code.code_hash, family),
        )


def replayed(code: StoredCode, request: TokenRequest, client: Client) -> Replay:
    """What to do about a code redeemed before (T6).

    Only its own client, with the right verifier, is believed to have lost it to somebody else, and then what the code produced ends
    (RFC 6749 §4.1.2). Anybody else could otherwise end a session by showing a code found in a log.
    """
    own = code.client_id == client.id
    verified = codes.verifier_matches(code, request.form.get("code_verifier"))
    detail = {"verifier": "valid" if verified else "invalid", "client": "own" if own else "other", "grant": code.grant_id}
    reused = events.refused(Action.AUTH_CODE_REUSED, client, request.context, "code_reuse", subject=code.user_id, detail=detail)
    if not (own and verified):
        return Replay(codes.NOT_VALID, events=(reused,))
    if code.family_id is None:
        return Replay(codes.NOT_VALID, issuance_id=code.issuance_id, events=(reused,))
    ended = events.by_client(
        Action.FAMILY_REVOKED, client, request.context, subject=code.user_id, detail={"family": code.family_id, "path": "code_reuse"}
    )
    return Replay(codes.NOT_VALID, family_id=code.family_id, issuance_id=code.issuance_id, events=(reused, ended))


def require_bound_key(jkt: str | None, proof: Proof | None) -> None:
    """What was bound to a key is redeemed with a proof of that key (RFC 9449 §5 and §10). Raises InvalidGrant."""
    if jkt is not None and (proof is None or proof.jkt != jkt):
        raise InvalidGrant("a DPoP proof of the key this was bound to is required")
