"""Migrations against a real Postgres, and by several processes at once."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from kit.errors import Unavailable
from kit.migrate import MigrationRefused, migrate
from tests.support.servers import Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_create_things.sql").write_text("CREATE TABLE vault.things (id int PRIMARY KEY);")
    (tmp_path / "0002_fill_things.sql").write_text("INSERT INTO vault.things VALUES (1); INSERT INTO vault.things VALUES (2);")
    return tmp_path


async def test_eight_starting_at_once_apply_each_file_once(database: Database, folder: Path) -> None:
    dsn = database.dsn_for("vault")
    done = await asyncio.gather(*(migrate(dsn, folder, "vault") for _ in range(8)))
    assert sorted(name for names in done for name in names) == ["0001_create_things", "0002_fill_things"]
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT count(*) FROM vault.things") == 2
    await connection.close()


async def test_a_changed_file_is_refused(database: Database, folder: Path) -> None:
    await migrate(database.dsn_for("vault"), folder, "vault")
    (folder / "0001_create_things.sql").write_text("CREATE TABLE vault.things (id bigint PRIMARY KEY);")
    with pytest.raises(MigrationRefused, match="changed"):
        await migrate(database.dsn_for("vault"), folder, "vault")


async def test_a_failing_file_leaves_nothing_and_the_ones_before_it_stand(database: Database, folder: Path) -> None:
    (folder / "0003_break_things.sql").write_text("CREATE TABLE vault.half (id int); SELECT nonsense;")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(database.dsn_for("vault"), folder, "vault")
    (folder / "0003_break_things.sql").write_text("CREATE TABLE vault.half (id int);")
    assert await migrate(database.dsn_for("vault"), folder, "vault") == ["0003_break_things"]


async def test_a_server_that_is_away_is_unavailable(folder: Path) -> None:
    with pytest.raises(Unavailable):
        await migrate("postgresql://u:p@/d?host=/nowhere", folder, "vault")
