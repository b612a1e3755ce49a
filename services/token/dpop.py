"""Sender constraint (RFC 9449): the proof of possession a request must bring before anything is spent for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from kit import jose
from kit.clock import Clock
from kit.credentials import Mac, equal
from kit.errors import InvalidDpopProof, InvalidToken, UseDpopNonce
from services.token.model import Client, Proof, TokenRequest
from services.token.ports import Replay

ALGS = ("ES256", "ES384", "Ed25519", "EdDSA", "PS256", "RS256")
_ALGS = frozenset(ALGS)
_TYPE = "dpop+jwt"
_LONGEST_JTI = 256
_REPLAY_KIND = "dpop"
_DEFAULT_PORTS = {"https": 443, "http": 80}


class NonceSource(Protocol):
    """Where the nonce a client should use next comes from."""

    def current(self) -> str:
        """The nonce to send in `DPoP-Nonce`."""


class Nonces:
    """Stateless nonces (RFC 9449 §8): a MAC over the current span of time, so every worker accepts what any worker gave.

    A nonce lives between one and two lifetimes.
    """

    def __init__(self, *, key: bytes, lifetime: timedelta, clock: Clock) -> None:
        self._mac = Mac(key, "dpop nonce")
        self._seconds = lifetime.total_seconds()
        self._clock = clock

    def current(self) -> str:
        """The nonce to send in `DPoP-Nonce`."""
        return self._mac.tag(str(self._span()))

    def require(self, nonce: object) -> None:
        """Raises UseDpopNonce unless `nonce` was given in this span or the one before."""
        span = self._span()
        if not isinstance(nonce, str) or not any(equal(nonce, self._mac.tag(str(known))) for known in (span, span - 1)):
            raise UseDpopNonce("the proof must carry the nonce of the DPoP-Nonce header")

    def _span(self) -> int:
        return int(self._clock.now().timestamp() / self._seconds)


class DpopProofs:
    """`htu` is the token endpoint as clients know it, taken from the issuer and never from the request.

    `lifetime` is how old a proof may be and `skew` how far clocks may differ (T14); `require_nonce` refuses proofs without a nonce of ours.
    """

    def __init__(
        self, *, htu: str, lifetime: timedelta, skew: timedelta, nonces: Nonces, require_nonce: bool, replay: Replay, clock: Clock
    ) -> None:
        self._htu = _target(htu)
        self._lifetime = lifetime
        self._skew = skew
        self._nonces = nonces
        self._require_nonce = require_nonce
        self._replay = replay
        self._clock = clock

    async def require(self, request: TokenRequest, client: Client) -> Proof | None:
        """RFC 9449 §4.3 and §5. Raises InvalidDpopProof, UseDpopNonce, Unavailable."""
        if not request.proofs:
            if client.dpop_bound:
                raise InvalidDpopProof("this client's tokens must be bound to a key: a DPoP proof is required")
            return None
        if len(request.proofs) > 1:
            raise InvalidDpopProof("the request must carry exactly one DPoP header")
        try:
            jkt, claims = verified(request.proofs[0])
        except InvalidToken as error:
            raise InvalidDpopProof("the DPoP proof is not valid", debug=error.detail) from error
        self._require_claims(claims)
        if self._require_nonce:
            self._nonces.require(claims.get("nonce"))
        remembered_until = self._clock.now() + self._lifetime + 2 * self._skew
        if not await self._replay.once(_REPLAY_KIND, jkt, claims["jti"], remembered_until):
            raise InvalidDpopProof("the DPoP proof was used before")
        return Proof(jkt)

    def _require_claims(self, claims: Mapping[str, Any]) -> None:
        jti, htm, htu, iat = (claims.get(name) for name in ("jti", "htm", "htu", "iat"))
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            raise InvalidDpopProof("the DPoP proof has no usable jti")
        if not isinstance(htm, str) or htm.upper() != "POST":
            raise InvalidDpopProof("the DPoP proof is for another method")
        if not isinstance(htu, str) or _target(htu) != self._htu:
            raise InvalidDpopProof("the DPoP proof is for another URL")
        if isinstance(iat, bool) or not isinstance(iat, int | float):
            raise InvalidDpopProof("the DPoP proof has no iat")
        age, skew = self._clock.now().timestamp() - iat, self._skew.total_seconds()
        if not -skew <= age <= self._lifetime.total_seconds() + skew:
            raise InvalidDpopProof("the DPoP proof is too old, or from the future")


class ProofsIgnored:
    """A deployment without DPoP answers a request that carries a proof as any server that never heard of DPoP does."""

    async def require(self, _: TokenRequest, client: Client) -> Proof | None:
        """Raises InvalidDpopProof for a client whose tokens must be bound (RFC 9449 §5.2): here they cannot be."""
        if client.dpop_bound:
            raise InvalidDpopProof("this client's tokens must be bound to a key, which this server does not do")
        return None


def verified(proof: str) -> tuple[str, dict[str, Any]]:
    """Thumbprint of the key a proof brings, and its claims once that key has verified them. Raises InvalidToken."""
    header = jose.decode_unverified_header(proof)
    if header.jwk is None:
        raise InvalidToken("the proof brings no key")
    key = jose.jwk_to_key(header.jwk)
    keys = {header.kid or "its own": key}
    claims = jose.verify(proof, keys=keys, algs=_ALGS, typ=_TYPE, allow_missing_kid=True, allow_jwk=True)
    return jose.thumbprint(header.jwk), claims


def _target(url: str) -> tuple[str, str, int | None, str] | None:
    """What RFC 9449 §4.3 compares: everything but query and fragment; None for what is no such URL."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not url.isprintable() or not parts.hostname or parts.username is not None or parts.password is not None:
        return None
    return (parts.scheme, parts.hostname, port, parts.path)
