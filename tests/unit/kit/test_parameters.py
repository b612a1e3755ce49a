"""Query and form parameters: RFC 6749 §3.1, §3.2 and the URL standard's form encoding, strictly."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidRequest
from kit.http import Parameters

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
pairs = st.lists(st.tuples(texts, texts), max_size=8)


@given(pairs)
def test_what_was_encoded_is_read_back(given_pairs: list[tuple[str, str]]) -> None:
    parameters = Parameters.parse(urlencode(given_pairs).encode())
    for name in {name for name, _ in given_pairs}:
        assert parameters.all(name) == tuple(value for other, value in given_pairs if other == name and value)
    assert set(parameters.names()) == {name for name, _ in given_pairs}


@given(st.binary(max_size=60))
def test_any_bytes_are_either_read_or_refused(raw: bytes) -> None:
    try:
        parameters = Parameters.parse(raw)
    except InvalidRequest:
        return
    expected = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=None)
    assert parameters.names() == tuple(dict.fromkeys(name for name, _ in expected))


@given(pairs)
def test_one_gives_the_only_value_or_refuses(given_pairs: list[tuple[str, str]]) -> None:
    parameters = Parameters(given_pairs)
    for name in {name for name, _ in given_pairs}:
        values = [value for other, value in given_pairs if other == name]
        if len(values) > 1:
            with pytest.raises(InvalidRequest):
                parameters.one(name)
        else:
            assert parameters.one(name) == (values[0] or None)


def test_a_parameter_without_value_counts_as_omitted() -> None:
    """RFC 6749 §3.1."""
    parameters = Parameters.parse(b"scope=&state&resource=a&resource=")
    assert parameters.one("scope") is None
    assert parameters.one("state") is None
    assert parameters.one("absent") is None
    assert parameters.all("resource") == ("a",)
    with pytest.raises(InvalidRequest, match="scope is required"):
        parameters.required("scope")


@pytest.mark.parametrize("raw", [b"a=%", b"a=%4", b"a=%zz", b"%g0=a", b"a=%ff", b"\xff=a", b"a=%00", b"a\x00=b", b"a=%ed%a0%80"])
def test_what_two_parsers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        Parameters.parse(raw)


def test_a_flood_of_parameters_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        Parameters.parse(b"&".join(b"a%d=" % number for number in range(600)))


def test_repeats_are_refused_except_where_allowed() -> None:
    """RFC 8707 §2 lets `resource` occur more than once."""
    parameters = Parameters.parse(b"resource=a&resource=b&x=1")
    parameters.refuse_repeats(frozenset({"resource"}))
    with pytest.raises(InvalidRequest, match="resource is given more than once"):
        parameters.refuse_repeats()


def test_a_strangers_parameter_name_is_not_echoed() -> None:
    with pytest.raises(InvalidRequest, match=r"^a parameter is given more than once$"):
        Parameters.parse(b"<script>=1&<script>=2").refuse_repeats()


def test_plus_is_a_space_and_escapes_are_bytes() -> None:
    assert Parameters.parse(b"scope=a+b%20c%2Bd&n=%C3%A9").required("scope") == "a b c+d"
    assert Parameters.parse(b"n=%C3%A9").required("n") == "é"
