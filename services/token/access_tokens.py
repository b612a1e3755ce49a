"""Reading our own access tokens back: signature and claims (RFC 9068 §4), before the store is asked what became of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from kit import jose
from kit.clock import Clock
from kit.errors import InvalidToken
from services.token.issuer import ACCESS_TOKEN_TYPE
from services.token.keyring import Keyring
from services.token.model import issuance_id_of


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A token of ours whose signature and times hold."""

    issuance_id: UUID
    client_id: str
    subject: str
    audience: tuple[str, ...]
    claims: dict[str, Any]


class AccessTokens:
    """`skew` is tolerated in exp, nbf and iat (T14)."""

    def __init__(self, *, issuer: str, keys: Keyring, clock: Clock, skew: timedelta) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock
        self._skew = skew

    def read(self, token: str) -> ReadToken:
        """Raises InvalidToken unless this server signed it, for this issuer, and it is in force."""
        claims = jose.verify(token, keys=self._keys.verification, algs=self._keys.algs, typ=ACCESS_TOKEN_TYPE)
        if claims.get("iss") != self._issuer:
            raise InvalidToken("the token was issued by somebody else")
        jose.require_times(claims, self._clock.now(), self._skew)
        issuance_id = issuance_id_of(claims.get("jti"))
        client_id, subject, audience = claims.get("client_id"), claims.get("sub"), claims.get("aud")
        if issuance_id is None or not isinstance(client_id, str) or not isinstance(subject, str) or not isinstance(audience, list):
            raise InvalidToken("the token's claims are not those of an access token")
        return ReadToken(issuance_id, client_id, subject, tuple(str(entry) for entry in audience), claims)
