"""Sealing other people's secrets: AES-256-GCM under a key of its owner's own, bound to the very row it lies in.

Every data key is a secret from which a key per owner is derived (HKDF-SHA256), so one owner's key opens nothing of another's. The
additional data names table, row and version: a ciphertext copied into another row, or an old one put back into its own, does not open.
The envelope names the data key, so several can be in use while values are sealed anew with the current one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kit.credentials import SealBroken, Sealer, derive_key, sealing_key_id


class Purpose(StrEnum):
    """What a sealed value is; part of its key, so one kind cannot pass for another."""

    UPSTREAM_CREDENTIAL = "upstream credential"
    PROVIDER_SECRET = "provider secret"  # noqa: S105 - the name of a purpose
    CODE_VERIFIER = "code verifier"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose secret it is. A provider's own secrets belong to no user."""

    purpose: Purpose
    provider_id: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lies. `version` grows with every value put there."""

    table: str
    row: str
    version: int


class Keyring:
    """The data keys in use: `active` seals, all of them open. Raises ValueError for a key that is not 32 bytes or an unknown `active`."""

    __slots__ = ("_keys", "active")

    def __init__(self, active: str, keys: Mapping[str, bytes]) -> None:
        if active not in keys or any(len(key) != 32 for key in keys.values()):
            raise ValueError("a keyring needs its active key, and every key has 32 bytes")
        self.active = active
        self._keys = dict(keys)

    def seal(self, plaintext: bytes, owner: Owner, place: Place) -> bytes:
        """The envelope to store at `place`."""
        return self._sealer(self.active, owner).seal(plaintext, _context(place))

    def open(self, sealed: bytes, owner: Owner, place: Place) -> bytes:
        """The plaintext. Raises SealBroken, always in the same words, when anything about it is not as it was sealed."""
        key_id = sealing_key_id(sealed)
        if key_id not in self._keys:
            raise SealBroken("a stored secret cannot be opened", debug=f"data key {key_id} is not in the keyring")
        return self._sealer(key_id, owner).open(sealed, _context(place))

    def is_current(self, sealed: bytes) -> bool:
        """Whether the active key sealed it; if not, it should be sealed anew. Raises SealBroken for what is no envelope."""
        return sealing_key_id(sealed) == self.active

    def _sealer(self, key_id: str, owner: Owner) -> Sealer:
        purpose = _unambiguous("vault", owner.purpose, owner.provider_id, owner.user_id)
        return Sealer(key_id, derive_key(self._keys[key_id], purpose))


def _context(place: Place) -> bytes:
    return _unambiguous("vault", place.table, place.row, str(place.version)).encode()


def _unambiguous(*parts: str) -> str:
    # With its length before each part, no two different lists of parts are written alike.
    return "".join(f"{len(part)}:{part}" for part in parts)
