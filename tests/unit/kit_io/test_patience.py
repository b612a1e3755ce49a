"""Waiting for what a service needs at start."""

import pytest

from kit.errors import Conflict, Unavailable
from kit.resources import BootFailed, patiently


async def test_what_comes_back_in_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.resources._PAUSE_SECONDS", 0.01)
    attempts = 0

    async def connect() -> str:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise Unavailable("down")
        return "open"

    assert await patiently("Postgres", connect) == "open"


async def test_what_stays_away_is_named_with_the_reason() -> None:
    async def connect() -> None:
        raise Unavailable("down", debug="no route to host")

    with pytest.raises(BootFailed, match=r"Postgres cannot be reached after 0 s: no route to host"):
        await patiently("Postgres", connect, seconds=0)


async def test_anything_else_is_not_waited_for() -> None:
    async def connect() -> None:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await patiently("Postgres", connect)
