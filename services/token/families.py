"""Refresh families: how a family begins, how long it and its members live, and how a successor follows from its predecessor."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from kit import credentials
from services.token.model import FamilyId, NewFamily, Proof, RefreshHash, StoredRefresh

# One text for every way a refresh token can be wrong, so that an answer tells a guesser nothing.
NOT_VALID = "the refresh token is not valid"


class Successors:
    """Derives the next refresh token from the one being consumed, so that a repeated request can be given the same answer (T1).

    Nothing about a successor is stored but its hash; without the key a token says nothing about the next one. Several `masters`
    allow the key to be replaced: the first derives, the others only recognise what they derived before.
    """

    def __init__(self, masters: Sequence[bytes]) -> None:
        self._keys = [credentials.derive_key(master, "refresh token successor") for master in masters]

    def of(self, token: str) -> str:
        """The successor of `token`: 43 characters of base64url."""
        return self._derive(self._keys[0], token)

    def recognised(self, token: str, successor_hash: RefreshHash | None) -> str | None:
        """The successor of `token` whose hash is stored, or None when no key at hand derives it."""
        return next((made for made in (self._derive(key, token) for key in self._keys) if hash_of(made) == successor_hash), None)

    @staticmethod
    def _derive(key: bytes, token: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(key, token.encode(), "sha256")).rstrip(b"=").decode()


class Lifetimes:
    """`sliding` is renewed by every use, `absolute` never; `reuse_window` is how long a repeated request is taken for a race."""

    def __init__(self, *, sliding: timedelta, absolute: timedelta, reuse_window: timedelta) -> None:
        self._sliding = sliding
        self._absolute = absolute
        self._reuse_window = reuse_window

    def born(self, now: datetime, proof: Proof | None, *, bind: bool) -> NewFamily:
        """A new family; with `bind`, only the holder of the proof's key may refresh (RFC 9449 §5)."""
        ends = now + self._absolute
        return NewFamily(
            id=FamilyId(credentials.random_id()),
            token=credentials.random_secret(),
            expires_at=min(now + self._sliding, ends),
            family_expires_at=ends,
            dpop_jkt=proof.jkt if proof is not None and bind else None,
        )

    def renewed(self, stored: StoredRefresh, now: datetime) -> datetime:
        """When the successor of `stored` expires: never after its family (T2)."""
        return min(now + self._sliding, stored.family_expires_at)

    def raced(self, stored: StoredRefresh, now: datetime) -> bool:
        """Whether presenting the consumed `stored` again is a race: just now, and its successor not yet used by anybody."""
        if stored.consumed_at is None or not stored.successor_waits:
            return False
        return now < stored.consumed_at + self._reuse_window


def hash_of(token: str) -> RefreshHash:
    """Under which name a refresh token is stored."""
    return RefreshHash(credentials.digest(token))
