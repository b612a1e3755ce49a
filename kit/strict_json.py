"""JSON from strangers, read in the one way every reader would: no member twice, no NaN, no text that cannot be stored."""

import json
from typing import Any

import orjson


def parse(data: bytes) -> Any:
    """The value of a JSON text. Raises ValueError, also for duplicate members (RFC 8259 §4, RFC 7515 §4) and for NUL in a string."""
    value = orjson.loads(data)
    # orjson keeps the last of two equal members; another reader might keep the first, and be shown something else.
    json.loads(data, object_pairs_hook=_once)
    if b"\\u0000" in data:
        raise ValueError("a string contains NUL")
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member occurs twice")
