"""Reading settings: what is doubtful is fatal, and all of it is said at once."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.settings import Duration, Env, Model, PositiveDuration, Secret, SettingsError, load, parse_duration, variables


class Inner(Model):
    """A part."""

    flag: bool = True
    names: tuple[str, ...] = ("a",)
    wait: PositiveDuration = timedelta(seconds=1)
    password: Secret = ""
    count: Annotated[int, Env("SHORT")] = 1


class Item(Model):
    """An item of a list."""

    key_env: str = ""


class Root(Model):
    """The whole."""

    inner: Inner = Inner()
    items: tuple[Item, ...] = ()
    top: str = "x"
    replaced: ClassVar[dict[str, str]] = {"inner.former": "use inner.flag"}
    open_prefixes: ClassVar[tuple[str, ...]] = ("AUTHPLANE_OPEN_",)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path | None, environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load(Root, path, environ)
    return raised.value.problems


def test_defaults_then_file_then_environment(tmp_path: Path) -> None:
    path = written(tmp_path, "inner: {names: [b], count: 2}\ntop: y\n")
    assert load(Root, None, {}) == Root()
    settings = load(Root, path, {"AUTHPLANE_SHORT": "3", "AUTHPLANE_INNER_WAIT": "2m"})
    assert (settings.top, settings.inner.names, settings.inner.count, settings.inner.wait) == ("y", ("b",), 3, timedelta(minutes=2))


def test_a_key_with_nothing_behind_it_keeps_its_defaults(tmp_path: Path) -> None:
    assert load(Root, written(tmp_path, "inner:\ntop:\n"), {}) == Root()
    assert load(Root, written(tmp_path, ""), {}) == Root()


def test_variables_are_named_by_path_unless_said_otherwise() -> None:
    named = {variable.name: variable.path for variable in variables(Root)}
    assert named == {
        "AUTHPLANE_INNER_FLAG": ("inner", "flag"),
        "AUTHPLANE_INNER_NAMES": ("inner", "names"),
        "AUTHPLANE_INNER_WAIT": ("inner", "wait"),
        "AUTHPLANE_INNER_PASSWORD": ("inner", "password"),
        "AUTHPLANE_SHORT": ("inner", "count"),
        "AUTHPLANE_TOP": ("top",),
    }


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("1", True), ("YES", True), ("false", False), ("0", False), ("no", False)])
def test_flags_are_read(text: str, flag: bool) -> None:
    assert load(Root, None, {"AUTHPLANE_INNER_FLAG": text}).inner.flag is flag


def test_lists_are_split_at_commas_and_an_empty_one_is_none() -> None:
    assert load(Root, None, {"AUTHPLANE_INNER_NAMES": "a, b,"}).inner.names == ("a", "b")
    assert load(Root, None, {"AUTHPLANE_INNER_NAMES": ""}).inner.names == ()


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "inner: {former: 1, flg: true, wait: soon}\ntop: ${HOME}\nwhat: 1\n")
    found = problems(path, {"AUTHPLANE_INNER_FLAG": "maybe", "AUTHPLANE_INNER_FLAGG": "true", "AUTHPLANE_SHORT": "many", "OTHER": "x"})
    expected = (
        "inner.former is no longer read: use inner.flag",
        "AUTHPLANE_INNER_FLAG must be true or false",
        "AUTHPLANE_INNER_FLAGG is not a known variable; did you mean AUTHPLANE_INNER_FLAG?",
        "top still contains ${HOME}: placeholders are not expanded, set the variable instead",
        "inner.wait: 'soon' is not a duration such as 90s, 15m or 1h30m",
        "inner.flg is not a known key; did you mean flag?",
        "what is not a known key",
    )
    for sentence in expected:
        assert sentence in found
    assert any(sentence.startswith("inner.count:") for sentence in found)
    assert len(found) == len(expected) + 1


def test_problems_are_numbered() -> None:
    assert str(SettingsError(["a", "b"])) == "1. a\n2. b"


@pytest.mark.parametrize("text", ["${NAME}", "x${NAME:-y}", "${NAME:?why}"])
def test_a_placeholder_that_was_meant_to_be_expanded_is_fatal_unless_overridden(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, f"top: '{text}'\n")
    assert len(problems(path, {})) == 1
    assert load(Root, path, {"AUTHPLANE_TOP": "z"}).top == "z"


@pytest.mark.parametrize("text", ["[1]", "a", "a: [", "\t", "a: 1\na: 2", "inner: {flag: true, flag: false}", "\x00"])
def test_a_file_that_is_not_keys_and_values_is_fatal(tmp_path: Path, text: str) -> None:
    assert len(problems(written(tmp_path, text), {})) == 1


def test_a_broken_file_is_not_quoted(tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, "inner:\n  password: hunter2: x\n"), {})
    assert "hunter2" not in problem
    assert "line 2" in problem


def test_a_missing_file_is_fatal(tmp_path: Path) -> None:
    assert "FileNotFoundError" in problems(tmp_path / "absent.yaml", {})[0]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n", encoding="utf-8")
    assert load(Root, None, {"AUTHPLANE_INNER_PASSWORD_FILE": str(secret)}).inner.password == "hunter2"
    both = problems(None, {"AUTHPLANE_INNER_PASSWORD_FILE": str(secret), "AUTHPLANE_INNER_PASSWORD": "x"})
    assert both == ("AUTHPLANE_INNER_PASSWORD and AUTHPLANE_INNER_PASSWORD_FILE are both set",)
    assert "AUTHPLANE_INNER_PASSWORD_FILE" in problems(None, {"AUTHPLANE_INNER_PASSWORD_FILE": str(tmp_path / "absent")})[0]
    assert "AUTHPLANE_TOP_FILE" in problems(None, {"AUTHPLANE_TOP_FILE": str(secret)})[0]


def test_a_secret_is_not_shown() -> None:
    assert "hunter2" not in repr(load(Root, None, {"AUTHPLANE_INNER_PASSWORD": "hunter2"}))


def test_a_variable_that_a_key_names_is_known(tmp_path: Path) -> None:
    path = written(tmp_path, "items: [{key_env: AUTHPLANE_MY_KEY}]\n")
    load(Root, path, {"AUTHPLANE_MY_KEY": "x", "AUTHPLANE_OPEN_ANYTHING": "y"})
    assert problems(None, {"AUTHPLANE_MY_KEY": "x"}) == ("AUTHPLANE_MY_KEY is not a known variable",)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)),
        ("168h", timedelta(days=7)),
        ("250ms", timedelta(milliseconds=250)),
        ("1.5s", timedelta(seconds=1.5)),
        ("0", timedelta()),
        ("-5s", timedelta(seconds=-5)),
    ],
)
def test_durations_are_written_as_in_go(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1d", "1h 5m", "٣s", "1e3s", 5, None, True, False, "9" * 400 + "h"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError:
        return


def test_bounds_are_told_in_seconds() -> None:
    assert problems(None, {"AUTHPLANE_INNER_WAIT": "0s"}) == ("inner.wait: Input should be greater than 0s",)


def test_settings_cannot_be_changed() -> None:
    class One(Model):
        wait: Duration = timedelta()

    with pytest.raises(ValueError):
        One().wait = timedelta(1)
