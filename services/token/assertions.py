"""Client assertions (RFC 7523 §3, private_key_jwt): a client proves itself with a key whose public half it registered."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kit import jose, jwk, strict_json
from kit.clock import Clock
from kit.errors import InvalidClient, InvalidToken
from services.token.model import Client
from services.token.ports import ClientKeys, Replay

# How far ahead an assertion may expire: its jti has to be remembered for as long.
LONGEST_LIFE = timedelta(minutes=5)
ALGS = ("ES256", "ES384", "Ed25519", "EdDSA", "PS256", "RS256")
# RFC 7523 prescribes no type; its successor draft prescribes the last one.
_TYPES = ("", "JWT", "client-authentication+jwt")
_ALGS = frozenset(ALGS)
_FAILED = "client authentication failed"
_REPLAY_KIND = "client_assertion"


class ClientAssertions:
    """`audiences` are the names under which this server may be addressed; `skew` is tolerated in its times (T14)."""

    def __init__(self, *, keys: ClientKeys, replay: Replay, clock: Clock, audiences: frozenset[str], skew: timedelta) -> None:
        self._keys = keys
        self._replay = replay
        self._clock = clock
        self._audiences = audiences
        self._skew = skew

    async def require(self, client: Client, assertion: str) -> None:
        """Raises InvalidClient unless `assertion` authenticates `client` now, for the first time; Unavailable."""
        try:
            claims = await self._verified(client, assertion)
            self._require_claims(claims, client)
        except InvalidToken as error:
            raise InvalidClient(_FAILED, debug=f"client={client.id} assertion: {error.detail}") from error
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC) + self._skew
        if not await self._replay.once(_REPLAY_KIND, client.id, str(claims["jti"]), expires_at):
            raise InvalidClient(_FAILED, debug=f"client={client.id} assertion: jti used before")

    async def _verified(self, client: Client, assertion: str) -> Mapping[str, Any]:
        kid = jose.decode_unverified_header(assertion).kid
        keys = await self._keys.keys(client, refetch=False)
        if kid and kid not in keys and client.jwks_uri:
            # A rotation we have not heard of yet looks like this, once (C2).
            keys = await self._keys.keys(client, refetch=True)
        return jose.verify(assertion, keys=keys, algs=_ALGS, typ=_TYPES, allow_missing_kid=True)

    def _require_claims(self, claims: Mapping[str, Any], client: Client) -> None:
        now = self._clock.now()
        jose.require_times(claims, now, self._skew)
        if claims.get("iss") != client.id or claims.get("sub") != client.id:
            raise InvalidToken("iss and sub must both be the client_id")
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        # Exactly one audience: an assertion that is also meant for somebody else could be carried here by them.
        if len(named) != 1 or not isinstance(named[0], str) or named[0] not in self._audiences:
            raise InvalidToken("aud must be this server's issuer or token endpoint")
        if claims["exp"] > (now + LONGEST_LIFE + self._skew).timestamp():
            raise InvalidToken("exp is too far ahead")
        if not isinstance(claims.get("jti"), str) or not 0 < len(claims["jti"]) <= 256:
            raise InvalidToken("jti is missing or too long")


def unverified_subject(assertion: str) -> str:
    """Whose assertion it claims to be, to find the keys it must verify with; empty when it does not say. Raises InvalidClient."""
    try:
        jose.decode_unverified_header(assertion)
        claims = strict_json.parse(jwk.decode(assertion.split(".")[1]))
    except (InvalidToken, ValueError, RecursionError) as error:
        raise InvalidClient(_FAILED, debug="the assertion cannot be read") from error
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else ""
