"""Device authorizations (RFC 8628): the values, and the two codes each of them goes by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kit import credentials
from kit.audit import Event
from services.token.consents import Approval
from services.token.model import ClientId, Context, DeviceHash, GrantId, UserId

# RFC 8628 §6.1: consonants spell no words, and none looks like another. 20^8 is 34 bits, guessed at by people who are signed in.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8
_EVEN = 256 - 256 % len(ALPHABET)
_LONGEST_TYPED = 64
# RFC 8628 §3.5: how much slower a client that polls too often is told to be.
SLOWER_SECONDS = 5


class Decision(StrEnum):
    """What the person said so far."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class NewDevice:
    """An authorization about to be asked for; `interval` in seconds."""

    code_hash: DeviceHash
    user_code_tag: str
    client_id: ClientId
    resource: str
    scopes: tuple[str, ...]
    interval: int
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """An authorization as stored, with what is true of its grant and subject at the moment of reading."""

    code_hash: DeviceHash
    client_id: ClientId
    resource: str
    scopes: tuple[str, ...]
    expires_at: datetime
    decision: Decision = Decision.PENDING
    user_id: UserId | None = None
    grant_id: GrantId | None = None
    consumed_at: datetime | None = None
    grant_live: bool = True
    subject_refused: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said on the page; `scopes` are those left ticked and mean nothing without `approve`."""

    user_id: UserId
    approve: bool
    scopes: tuple[str, ...]
    auth_time: datetime | None
    context: Context


@dataclass(frozen=True, slots=True)
class Settled:
    """What a verdict makes of an authorization; without `approval` it is denied."""

    event: Event
    grant_id: GrantId | None = None
    approval: Approval | None = None


class UserCodes:
    """The code a person types. Only its tag is kept; several `masters` allow the key to be replaced while codes are pending."""

    def __init__(self, masters: Sequence[bytes]) -> None:
        self._macs = [credentials.Mac(master, "device user code") for master in masters]

    def tag(self, user_code: str) -> str:
        """Under which name a new code is stored."""
        return self._macs[0].tag(letters(user_code))

    def tags(self, typed: str) -> list[str]:
        """Under which names a code may be stored; none for what cannot be one. Case and separators do not matter (RFC 8628 §6.1)."""
        code = letters(typed) if len(typed) <= _LONGEST_TYPED else ""
        return [mac.tag(code) for mac in self._macs] if len(code) == LENGTH else []


def new_user_code() -> str:
    """`XXXX-XXXX`."""
    code = ""
    while len(code) < LENGTH:
        # Bytes that would make some letters likelier than others are thrown away.
        code += "".join(ALPHABET[byte % len(ALPHABET)] for byte in credentials.digest(credentials.random_secret()) if byte < _EVEN)
    return f"{code[:4]}-{code[4:LENGTH]}"


def letters(typed: str) -> str:
    """What of a typed code belongs to the alphabet."""
    return "".join(letter for letter in typed.upper() if letter in ALPHABET)


def hash_of(device_code: str) -> DeviceHash:
    """Under which name a device code is stored."""
    return DeviceHash(credentials.digest(device_code))
