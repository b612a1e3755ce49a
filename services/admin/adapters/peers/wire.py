"""Turning timestamps and enumerations of the peers' messages into ours and back."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

E = TypeVar("E", bound=StrEnum)


def moment(message: Message, field: str) -> datetime:
    """A timestamp its owner always sets."""
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(UTC)


def moment_or_none(message: Message, field: str) -> datetime | None:
    """A timestamp that may be absent."""
    return moment(message, field) if message.HasField(field) else None


def stamped(value: datetime | None) -> Timestamp | None:
    """A timestamp message, or None for none."""
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def word(kind: type[E], prefix: str, name: str) -> E:
    """The member of `kind` for an enumeration value's name such as `CLIENT_STATUS_ACTIVE`."""
    return kind(name.removeprefix(prefix).lower())
