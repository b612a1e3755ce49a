"""The error tree: total, spelled as the RFCs spell it, and the same after a round trip by name."""

import re

import pytest

from kit import errors
from kit.errors import AuthPlaneError, Conflict, DeadlineSpent, Forbidden, SlowDown, Unavailable, error_named


def tree() -> list[type[AuthPlaneError]]:
    found: list[type[AuthPlaneError]] = [AuthPlaneError]
    for kind in found:
        found.extend(child for child in kind.__subclasses__() if child.__module__ == "kit.errors")
    return found


@pytest.mark.parametrize("kind", tree())
def test_every_error_has_a_code_a_status_and_its_line_in_the_drawing(kind: type[AuthPlaneError]) -> None:
    assert re.fullmatch(r"[a-z_]+", kind.code)
    assert 400 <= kind.status < 600
    assert re.search(rf"\b{kind.__name__} +{kind.status} {kind.code}\b", errors.__doc__ or "") or kind.__name__ == "Refused"


@pytest.mark.parametrize("kind", tree())
def test_every_error_can_be_found_by_name_and_built_alike(kind: type[AuthPlaneError]) -> None:
    assert error_named(kind.__name__) is kind
    error = kind("public", debug="private", members={"cause": "x"})
    assert (error.detail, error.debug, error.members, str(error)) == ("public", "private", {"cause": "x"}, "public")


def test_an_error_defined_elsewhere_travels_as_its_nearest_ancestor_in_the_tree() -> None:
    class NameTaken(Conflict):
        """Known to one service only."""

    assert NameTaken.kind == "Conflict"
    with pytest.raises(KeyError):
        error_named("NameTaken")


def test_errors_that_ask_for_patience_say_for_how_long() -> None:
    assert SlowDown("x", retry_after=7).retry_after == 7
    assert Unavailable("x").retry_after == 1
    assert DeadlineSpent("x", retry_after=2).retry_after == 2


def test_a_missing_privilege_is_access_denied() -> None:
    assert (Forbidden.code, Forbidden.status) == ("access_denied", 403)
