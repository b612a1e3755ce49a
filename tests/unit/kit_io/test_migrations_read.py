"""Which migrations wait, and which contradictions are refused; no database needed."""

from pathlib import Path

import pytest

from kit.migrate import Migration, MigrationRefused, pending, read


def one(version: int, checksum: str = "c") -> Migration:
    return Migration(version, "do_it", "", checksum)


def test_what_is_not_applied_waits_in_order() -> None:
    assert pending([one(1), one(2), one(3)], {1: "c"}) == [one(2), one(3)]


def test_versions_of_a_later_release_are_let_be() -> None:
    assert pending([one(1)], {1: "c", 2: "x"}) == []


@pytest.mark.parametrize(
    ("applied", "words"), [({1: "other"}, "changed"), ({1: "c", 3: "c"}, "later one"), ({1: "c", 2: "c", 0: "c"}, "gone")]
)
def test_contradictions_are_refused(applied: dict[int, str], words: str) -> None:
    with pytest.raises(MigrationRefused, match=words):
        pending([one(1), one(2)], applied)


@pytest.mark.parametrize("name", ["1_create_x.sql", "0001_create.sql", "0001_Create_x.sql", "0001-create-x.sql"])
def test_a_misnamed_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(MigrationRefused):
        read(tmp_path)


def test_a_number_used_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_create_x.sql").write_text("")
    (tmp_path / "0001_create_y.sql").write_text("")
    with pytest.raises(MigrationRefused, match="0001"):
        read(tmp_path)
