"""A Redis that takes connections and never answers: the state of a stopped or overwhelmed server (law 10)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kit.errors import Unavailable
from kit.replay import RedisReplay, open_redis

# Two tries of connecting and greeting, two seconds each, and slack for a busy machine; well below what the gateway waits.
LONGEST = 10


async def test_a_silent_redis_is_unavailable_to_everybody_at_once_within_seconds(tmp_path: Path) -> None:
    """Whoever asks while connections are being made anew waits no longer than the others."""
    server = await asyncio.start_unix_server(lambda *_: asyncio.sleep(3600), str(tmp_path / "redis.sock"))
    redis = open_redis(f"unix://{tmp_path}/redis.sock")
    replay = RedisReplay(redis)

    async def ask(number: int) -> BaseException | bool:
        await asyncio.sleep(number / 100)  # not in one pipeline: each on a connection of its own
        return (
            await asyncio.gather(replay.once("dpop", "issuer", str(number), datetime.now(UTC) + timedelta(60)), return_exceptions=True)
        )[0]

    started = time.monotonic()
    async with server:
        async with asyncio.timeout(3 * LONGEST):
            answers = await asyncio.gather(*(ask(number) for number in range(10)))
        took = time.monotonic() - started
        await redis.aclose()
    assert {type(answer) for answer in answers} == {Unavailable}
    assert took < LONGEST
