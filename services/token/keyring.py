"""The signing keys in memory: one signs, all verify and are published until nothing they signed lives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from kit import jose
from kit.errors import Unavailable


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair; `retired_at` is None for the one that signs."""

    kid: str
    alg: jose.Alg
    private_key: jose.PrivateKey
    created_at: datetime
    retired_at: datetime | None = None


class Keyring:
    """Replaced as a whole by `load`, so that a reader never sees half of a rotation."""

    def __init__(self) -> None:
        self._signer: jose.Signer | None = None
        self._verification: Mapping[str, jose.VerificationKey] = {}
        self._algs: frozenset[str] = frozenset()
        self._jwks = b'{"keys":[]}'

    def load(self, keys: Sequence[SigningKey]) -> None:
        """Take over `keys`, newest first. A set without a current key keeps verifying and stops signing."""
        published = [_published(key) for key in keys]
        current = next((key for key in keys if key.retired_at is None), None)
        self._verification = {jwk["kid"]: jose.jwk_to_key(jwk) for jwk in published}
        self._algs = frozenset(key.alg.value for key in keys)
        self._jwks = orjson.dumps({"keys": published})
        self._signer = jose.Signer(current.kid, current.alg, current.private_key) if current else None

    @property
    def signer(self) -> jose.Signer:
        """The key that signs from now on. Raises Unavailable when none is loaded."""
        if self._signer is None:
            raise Unavailable("no signing key is available")
        return self._signer

    @property
    def verification(self) -> Mapping[str, jose.VerificationKey]:
        """Public keys by `kid`."""
        return self._verification

    @property
    def algs(self) -> frozenset[str]:
        """The algorithms of the keys held; nothing else is accepted from a token's header."""
        return self._algs

    @property
    def jwks(self) -> bytes:
        """The JWK Set document (RFC 7517 §5)."""
        return self._jwks


def _published(key: SigningKey) -> dict[str, Any]:
    return {**jose.public_jwk(key.private_key), "kid": key.kid, "alg": key.alg.value, "use": "sig"}
