"""Token revocation (RFC 7009): a client ends what is its own; about anything else it learns nothing."""

from kit.audit import Action
from kit.clock import Clock
from kit.errors import InvalidRequest, InvalidToken
from services.token import events, families
from services.token.access_tokens import AccessTokens
from services.token.client_auth import ClientAuthentication
from services.token.model import Client, TokenRequest
from services.token.ports import REVOKED, Lineages, OneIssuance, RefreshTokens, WholeFamily


class Revocation:
    """Ends access tokens of any kind with their descendants, and refresh families as a whole (T5)."""

    def __init__(
        self,
        *,
        authentication: ClientAuthentication,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        lineages: Lineages,
        clock: Clock,
    ) -> None:
        self._authentication = authentication
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._lineages = lineages
        self._clock = clock

    async def revoke(self, request: TokenRequest) -> None:
        """Returns whether or not there was anything to end (RFC 7009 §2.2). Raises InvalidClient, InvalidRequest, Unavailable."""
        client = await self._authentication.require(request.credentials, request.context)
        token = request.form.get("token")
        if token is None:
            raise InvalidRequest("token is required")
        # token_type_hint only promises to speed things up (§2.1); the shape of our tokens tells them apart already.
        if "." in token:
            await self._access_token(token, client, request)
        else:
            await self._refresh_token(token, client, request)

    async def _access_token(self, token: str, client: Client, request: TokenRequest) -> None:
        try:
            read = self._access_tokens.read(token)
        except InvalidToken:
            return
        if read.client_id != client.id:
            return
        event = events.by_client(
            Action.TOKEN_REVOKED, client, request.context, subject=read.subject, detail={"jti": str(read.claims["jti"])}
        )
        await self._lineages.end(OneIssuance(read.issuance_id), reason=REVOKED, now=self._clock.now(), events=lambda _: [event])

    async def _refresh_token(self, token: str, client: Client, request: TokenRequest) -> None:
        stored = await self._refresh_tokens.refresh_token(families.hash_of(token))
        if stored is None or stored.client_id != client.id:
            return
        event = events.by_client(Action.TOKEN_REVOKED, client, request.context, subject=stored.user_id, detail={"family": stored.family_id})
        await self._lineages.end(WholeFamily(stored.family_id), reason=REVOKED, now=self._clock.now(), events=lambda _: [event])
