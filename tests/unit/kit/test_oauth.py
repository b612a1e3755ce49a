"""Scope syntax: RFC 6749 §3.3."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidScope
from kit.oauth import describable, join_scope, parse_scope

SCOPE_CHARACTERS = [chr(code) for code in (0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F))]
tokens = st.lists(st.text(st.sampled_from(SCOPE_CHARACTERS), min_size=1, max_size=12), max_size=8)


@given(tokens)
def test_a_scope_survives_the_wire_with_its_order_and_without_repeats(given_tokens: list[str]) -> None:
    assert parse_scope(join_scope(given_tokens)) == tuple(dict.fromkeys(given_tokens))


@given(st.text())
def test_any_text_is_either_a_scope_or_refused(text: str) -> None:
    try:
        parsed = parse_scope(text)
    except InvalidScope:
        assert set(text) - set(SCOPE_CHARACTERS) - {" "}
    else:
        assert parse_scope(join_scope(parsed)) == parsed


@pytest.mark.parametrize("scope", ['a"b', "a\\b", "a\tb", "a\nb", "é", "a\x00"])
def test_characters_outside_the_grammar_are_refused(scope: str) -> None:
    with pytest.raises(InvalidScope):
        parse_scope(scope)


def test_surplus_spaces_are_forgiven() -> None:
    assert parse_scope(" a  b ") == ("a", "b")
    assert parse_scope("") == ()


@given(st.text())
def test_a_description_holds_only_what_rfc_6749_5_2_allows(text: str) -> None:
    allowed = set(string.printable) - set('"\\\t\n\r\x0b\x0c')
    assert set(describable(text)) <= allowed
