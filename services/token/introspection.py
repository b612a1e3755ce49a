"""Token introspection (RFC 7662) for confidential clients: what a token says, if it is in force and the caller may know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.audit import Action
from kit.clock import Clock
from kit.errors import InvalidClient, InvalidRequest, InvalidToken
from kit.oauth import TokenType
from services.token import events, families
from services.token.access_tokens import AccessTokens, ReadToken
from services.token.client_auth import ClientAuthentication
from services.token.keyring import Keyring
from services.token.model import Client, ClientId, StoredRefresh, TokenRequest
from services.token.ports import Clients, IssuedTokens, Ledger, RefreshTokens, Resources

# RFC 7662 §2.2: nothing else is said about a token that is not active, or that the caller is not entitled to.
INACTIVE: dict[str, Any] = {"active": False}
_SHOWN = ("scope", "client_id", "sub", "iss", "exp", "iat", "nbf", "jti", "cnf", "act", "agent_id", "agent_name", "agent_chain")


SIGNED_TYPE = "token-introspection+jwt"


@dataclass(frozen=True, slots=True)
class Answer:
    """The members of a response, and for whom they are."""

    caller: ClientId
    members: Mapping[str, Any]


class NotActive(Exception):
    """Why the answer is INACTIVE; the reason goes to the audit log only."""

    def __init__(self, reason: str, jti: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.jti = jti


class Introspection:
    """`issuer` is answered for refresh tokens, which do not name it themselves."""

    def __init__(
        self,
        *,
        issuer: str,
        keys: Keyring,
        authentication: ClientAuthentication,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        issued_tokens: IssuedTokens,
        clients: Clients,
        resources: Resources,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._authentication = authentication
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._issued_tokens = issued_tokens
        self._clients = clients
        self._resources = resources
        self._ledger = ledger
        self._clock = clock

    async def introspect(self, request: TokenRequest) -> Answer:
        """What the caller may know. Raises InvalidClient (also for public clients), InvalidRequest, Unavailable."""
        caller = await self._authentication.require(request.credentials, request.context)
        if not caller.confidential:
            raise InvalidClient("introspection is for clients that authenticate")
        token = request.form.get("token")
        if token is None:
            raise InvalidRequest("token is required")
        try:
            answer = await self._access_token(token, caller) if "." in token else await self._refresh_token(token, caller)
        except NotActive as cause:
            detail = {"jti": cause.jti} if cause.jti else None
            await self._ledger.note(events.refused(Action.TOKEN_INTROSPECT_DENIED, caller, request.context, cause.reason, detail=detail))
            return Answer(caller.id, INACTIVE)
        detail = {"jti": str(answer.get("jti", "")), "issuing_client": str(answer["client_id"])}
        await self._ledger.note(
            events.by_client(Action.TOKEN_INTROSPECTED, caller, request.context, subject=str(answer["sub"]), detail=detail)
        )
        return Answer(caller.id, answer)

    def signed(self, answer: Answer) -> str:
        """The answer as a JWT that its caller can show and nobody can use as an access token (RFC 9701 §5). Raises Unavailable."""
        issued_at = int(self._clock.now().timestamp())
        claims = {"iss": self._issuer, "aud": answer.caller, "iat": issued_at, "token_introspection": answer.members}
        return self._keys.signer.sign(claims, SIGNED_TYPE)

    async def _access_token(self, token: str, caller: Client) -> dict[str, Any]:
        try:
            read = self._access_tokens.read(token)
        except InvalidToken:
            raise NotActive("invalid_token") from None
        jti = str(read.claims["jti"])
        await self._require_entitled(read, caller, jti)
        known = await self._issued_tokens.liveness(read.issuance_id)
        if known is None or known.revoked:
            raise NotActive("token_revoked", jti)
        if known.lineage_ended:
            raise NotActive("issuance_revoked", jti)
        if known.subject_refused:
            raise NotActive("subject_inactive", jti)
        await self._require_issuing_client(read.client_id, jti)
        answer = {"active": True, **{name: read.claims[name] for name in _SHOWN if name in read.claims}}
        answer["aud"] = read.audience[0] if len(read.audience) == 1 else list(read.audience)
        answer["token_type"] = TokenType.DPOP if "cnf" in read.claims else TokenType.BEARER
        return answer

    async def _require_entitled(self, read: ReadToken, caller: Client, jti: str) -> None:
        """The client a token was issued to, or one that runs the resource it is for; nobody once there is no such resource (K5)."""
        catalogue = await self._resources.catalogue()
        for audience in read.audience:
            resource = catalogue.find(audience) if audience != self._issuer else None
            if resource is None and audience != self._issuer:
                raise NotActive("resource_removed", jti)
            if read.client_id == caller.id or (resource is not None and caller.id in resource.runtime_clients):
                return
        raise NotActive("caller_not_authorized_for_token", jti)

    async def _require_issuing_client(self, client_id: str, jti: str) -> None:
        client = await self._clients.client(client_id)
        if client is None or not client.active:
            raise NotActive("issuing_client_inactive", jti)

    async def _refresh_token(self, token: str, caller: Client) -> dict[str, Any]:
        stored = await self._refresh_tokens.refresh_token(families.hash_of(token))
        if stored is None:
            raise NotActive("invalid_token")
        if stored.client_id != caller.id:
            raise NotActive("caller_not_authorized_for_token")
        if not self._in_force(stored):
            raise NotActive("token_revoked")
        return {
            "active": True,
            "scope": " ".join(stored.scopes),
            "client_id": stored.client_id,
            "sub": stored.user_id,
            "iss": self._issuer,
            "aud": stored.resource or self._issuer,
            "iat": int(stored.issued_at.timestamp()),
            "exp": int(stored.expires_at.timestamp()),
            "token_type": "refresh_token",
            **({"cnf": {"jkt": stored.dpop_jkt}} if stored.dpop_jkt is not None else {}),
        }

    def _in_force(self, stored: StoredRefresh) -> bool:
        unspent = stored.consumed_at is None and stored.expires_at > self._clock.now()
        return unspent and stored.family_live and stored.grant_live and not stored.subject_refused
