"""Values to messages. The messages of authserver.admin.v1 carry the values' own field names, so one rule writes them all."""

from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import InvalidRequest

M = TypeVar("M", bound=Message)
E = TypeVar("E", bound=StrEnum)


def written(kind: type[M], value: Any) -> M:
    """A message of `kind` with every field of the value that the message has too; None leaves a field unset."""
    known = kind.DESCRIPTOR.fields_by_name
    return kind(**{field.name: _wire(getattr(value, field.name)) for field in fields(value) if field.name in known})


def _wire(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return value.value if isinstance(value, StrEnum) else value


def stamp(when: datetime) -> Timestamp:
    """A timestamp message."""
    message = Timestamp()
    message.FromDatetime(when)
    return message


def chosen(kind: type[E], text: str, name: str) -> E:
    """The member of a closed set. Raises InvalidRequest naming the choices."""
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidRequest(f"{name} must be one of {', '.join(kind)}") from error


def chosen_or_none(kind: type[E], text: str, name: str) -> E | None:
    """As `chosen`; empty means none."""
    return chosen(kind, text, name) if text else None


def moment_or_none(message: Message, field: str) -> datetime | None:
    """A timestamp that may be absent. Raises InvalidRequest for one outside the calendar."""
    if not message.HasField(field):
        return None
    try:
        when: datetime = getattr(message, field).ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{field} is not a time") from error
    return when


def identifier(text: str, name: str) -> str:
    """An id from a request. Raises InvalidRequest unless it has 1 to 256 characters."""
    if not 1 <= len(text) <= 256:
        raise InvalidRequest(f"{name} must have 1 to 256 characters")
    return text
