"""The shape of the house: sizes a reader can hold in mind, and a standards table that points at things that exist."""

import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HAND_WRITTEN = sorted(
    path for folder in ("kit", "config", "services", "cli", "deploy", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
)
STANDARDS = ROOT / "docs" / "standards.md"
REFERENCE = re.compile(r"`((?:tests|services|kit|config|gateway|deploy|cli|examples|proto)/[\w./-]+)(?:::(\w+))?`")


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_module_is_longer_than_three_hundred_and_fifty_lines() -> None:
    assert [str(path.relative_to(ROOT)) for path in HAND_WRITTEN if lines(path) > 350] == []


def test_the_median_module_has_at_most_ninety_lines() -> None:
    assert statistics.median(lines(path) for path in HAND_WRITTEN if path.name != "__init__.py") <= 90


def test_no_module_is_named_for_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    assert [str(path.relative_to(ROOT)) for path in HAND_WRITTEN if path.stem in nameless] == []


def references() -> list[tuple[str, str]]:
    return REFERENCE.findall(STANDARDS.read_text())


def test_the_standards_table_has_something_to_say() -> None:
    assert len(references()) > 60


@pytest.mark.parametrize(("path", "test"), references())
def test_every_module_and_test_the_standards_name_exists(path: str, test: str) -> None:
    assert (ROOT / path).exists(), f"docs/standards.md names {path}"
    if test:
        assert re.search(rf"^\s*(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE), f"docs/standards.md names {path}::{test}"
