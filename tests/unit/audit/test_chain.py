"""The hash chain by hand."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit import chain
from services.audit.model import Entry, Head
from tests.support.fakes_audit import START, an_event

EMPTY = Head(0, chain.GENESIS)


def three() -> list[Entry]:
    return list(chain.extend(EMPTY, START, [an_event(number) for number in (1, 2, 3)]))


def flaw_of(entries: list[Entry]) -> tuple[int, str] | None:
    at = EMPTY
    for entry in entries:
        wrong = chain.flaw(entry, at)
        if wrong is not None:
            return wrong
        at = Head(entry.seq, entry.hash)
    return None


def test_the_canonical_form_is_json_anyone_can_write_again() -> None:
    """O3: the chain is proven from an export, without this program."""
    event = an_event(1, detail={"scopes": ["b", "a"], "name": 'Zoë "Z" \\ \u2028 \x7f\t', "n": -5, "yes": True}, reason="ä/b")
    written = chain.canonical(7, START, event)
    fields = json.loads(written)
    assert json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == written
    assert fields["recorded_at"] == "2026-03-01T12:00:00.000000Z"


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.booleans()))
def test_any_detail_has_the_same_canonical_form_in_plain_json(detail: dict[str, object]) -> None:
    written = chain.canonical(1, START, an_event(detail=detail))
    assert json.dumps(json.loads(written), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == written


def test_known_answer_of_the_first_link() -> None:
    """Written out by hand once, so that a change of the form cannot pass unnoticed."""
    written = (
        '{"action":"token.issued","actor_id":"client-1","actor_kind":"client","client_id":"client-1","detail":{},'
        '"id":"00000000-0000-0000-0000-000000000001","ip":"192.0.2.1","occurred_at":"2026-03-01T12:00:01.000000Z","outcome":"success",'
        '"reason":"","recorded_at":"2026-03-01T12:00:00.000000Z","request_id":"request-1","resource":"https://mcp.example/mcp","seq":1,'
        '"service":"token","subject":"","trace_id":""}'
    )
    first = chain.extend(EMPTY, START, [an_event(1, detail={})])[0]
    assert first.hash == hashlib.sha256(bytes(32) + written.encode()).digest()
    assert first.hash.hex() == "6c1f8b1fa404a4275bfd10fbce0f5982aa13a0736e46cec00f33b13be8495f0d"


def test_a_moment_hashes_the_same_in_every_time_zone() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5)))
    assert chain.canonical(1, elsewhere, an_event()) == chain.canonical(1, START, an_event())


def test_every_entry_continues_the_one_before() -> None:
    first, second, third = three()
    assert (first.prev_hash, second.prev_hash, third.prev_hash) == (chain.GENESIS, first.hash, second.hash)
    assert flaw_of([first, second, third]) is None


def test_a_changed_entry_is_named() -> None:
    entries = three()
    entries[1] = replace(entries[1], event=replace(entries[1].event, subject="somebody else"))
    assert flaw_of(entries) == (2, "entry 2 was changed after it had been recorded")


def test_a_removed_entry_is_named() -> None:
    entries = three()
    del entries[1]
    assert flaw_of(entries) == (2, "entry 2 is missing")


def test_an_inserted_entry_is_named() -> None:
    entries = three()
    entries.insert(1, entries[1])
    assert flaw_of(entries) == (2, "there is more than one entry 2")


def test_swapped_entries_are_named() -> None:
    first, second, third = three()
    swapped = [first, replace(third, seq=2), replace(second, seq=3)]
    assert flaw_of(swapped) == (2, "entry 2 does not continue entry 1")


@pytest.mark.parametrize(
    "change",
    [{"seq": 2}, {"recorded_at": datetime(2026, 3, 2, tzinfo=UTC)}, {"prev_hash": bytes(31) + b"\x01"}, {"hash": bytes(32)}],
)
def test_no_part_of_an_entry_can_change(change: dict[str, object]) -> None:
    entry = replace(three()[0], **change)  # type: ignore[arg-type]
    assert flaw_of([entry]) is not None


@pytest.mark.parametrize("name", [name for name in type(an_event()).__slots__ if name != "detail"])
def test_every_field_of_the_event_is_covered(name: str) -> None:
    event = an_event()
    changed = {"id": an_event(2).id, "occurred_at": START}.get(name, "changed")
    assert chain.canonical(1, START, event) != chain.canonical(1, START, replace(event, **{name: changed}))  # type: ignore[arg-type]
