"""Rows of the outbox: read when they make sense, kept whole when they do not."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import audit
from services.audit import events
from tests.support.clock import FrozenClock
from tests.support.fakes_audit import START, a_row


def test_a_well_formed_row_is_read() -> None:
    event = events.read(a_row(3, subject="user-1", detail={"scopes": ["a"], "n": 1, "force": True}), START)
    assert (event.action, event.subject, event.detail) == ("token.issued", "user-1", {"scopes": ["a"], "n": 1, "force": True})
    assert event.occurred_at.isoformat() == "2026-03-01T12:00:03+00:00"


def test_whatever_a_recorder_writes_is_read() -> None:
    """The kit cuts and replaces; nothing it lets through may be malformed here, or a stranger could hide from a search."""
    wild = "\x00\x01\ud800é" * 4000
    recorder = audit.Recorder("token", FrozenClock(START))
    detail: dict[str, audit.DetailValue] = {f"{number}{wild}": [wild] * 100 for number in range(30)}
    event = audit.Event(action=audit.Action.TOKEN_ISSUED, actor_id=wild, client_id=wild, resource=wild, reason=wild, detail=detail)
    read = events.read(recorder.encode(event), START)
    assert (read.action, read.occurred_at) == ("token.issued", START)


def test_a_row_too_long_to_keep_can_be_recognised_by_its_digest() -> None:
    row = a_row(1, detail={"n": "x" * 600_000})
    kept = events.read(row, START).detail
    assert kept["sha256"] == hashlib.sha256(row.encode()).hexdigest()
    assert len(kept["event"]) == events.LARGEST_KEPT


def test_what_is_not_said_is_empty() -> None:
    event = events.read(a_row(1, subject=None, ip=None, detail=None, outcome=None), START)
    assert (event.subject, event.ip, event.outcome, event.detail) == ("", "", "", {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "7"}, "badly formed"),
        ({"occurred_at": "yesterday"}, "isoformat"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "no time zone"),
        ({"occurred_at": "0001-01-01T00:00:00+23:00"}, "out of range"),
        ({"occurred_at": None}, "isoformat"),
        ({"action": "Issued"}, "dotted"),
        ({"action": "audit.malformed"}, "dotted"),
        ({"outcome": "maybe"}, "Outcome"),
        ({"subject": 7}, "not text"),
        ({"client_id": "x" * 2049}, "longer"),
        ({"resource": "é" * 1025}, "longer"),
        ({"detail": []}, "not an object"),
        ({"detail": {"n": 0.5}}, "detail.n"),
        ({"detail": {"n": 2**63}}, "detail.n"),
        ({"detail": {"n": None}}, "detail.n"),
        ({"detail": {"n": [1]}}, "detail.n"),
        ({"detail": {"n": {"deep": 1}}}, "detail.n"),
        ({"detail": {"n": "x" * 600_000}}, "larger"),
        ({"extra": 1}, "unknown members: extra"),
    ],
)
def test_a_row_that_breaks_the_form_is_kept_as_malformed(change: dict[str, Any], reason: str) -> None:
    row = a_row(1, **change)
    event = events.read(row, START)
    assert (event.action, event.service, event.occurred_at) == ("audit.malformed", "token", START)
    assert reason in event.reason
    assert event.detail["bytes"] == len(row.encode())
    assert row.startswith(event.detail["event"])


@pytest.mark.parametrize("raw", ["", "{", "[]", "7", "null", '"text"', "[" * 100_000, '{"service": 7}'])
def test_a_row_that_is_no_object_is_kept_as_malformed(raw: str) -> None:
    event = events.read(raw, START)
    assert event.action == "audit.malformed"
    assert raw.startswith(event.detail["event"])


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(json.loads(a_row()))) | st.text(), inner),
        max_leaves=8,
    )
)
def test_no_row_stops_the_reader(value: object) -> None:
    events.read(json.dumps(value), START)
    if isinstance(value, dict):
        events.read(a_row(1, **{f"{name}": member for name, member in value.items() if name != "number"}), START)
