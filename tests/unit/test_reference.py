"""The reference page is what the schema says."""

from pathlib import Path

from config.reference import markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "configuration.md"


def test_the_configuration_page_is_the_schema() -> None:
    """O7; rewrite it with `python -m config.reference > docs/reference/configuration.md`."""
    assert PAGE.read_text(encoding="utf-8") == markdown()
