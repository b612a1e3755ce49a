"""The device grant under fire, on real Postgres (T9, law 4)."""

import asyncio

from kit.audit import Action
from kit.errors import Missing
from services.token.model import Operator
from tests.integration.token.test_races import winners
from tests.support.fakes_token import TokenPlane
from tests.support.postgres_token import PostgresStore


async def test_of_fifty_polls_of_an_approved_code_exactly_one_wins(plane: TokenPlane, store: PostgresStore) -> None:
    """RFC 8628 §3.5; the winner keeps what it won, because a device repeats itself when an answer gets lost."""
    code = await plane.approved()
    (won,) = winners(await asyncio.gather(*(plane.poll(code) for _ in range(50))))
    assert await store.count("issuances") == 1
    assert await store.count("refresh_families") == 1
    assert (await store.actions()).count(Action.TOKEN_ISSUED) == 1
    assert await plane.active(won.json["access_token"])


async def test_of_fifty_polls_of_a_pending_code_one_is_in_time(plane: TokenPlane) -> None:
    code = (await plane.device()).json["device_code"]
    answers = await asyncio.gather(*(plane.poll(code) for _ in range(50)))
    assert sorted(answer.error for answer in answers) == ["authorization_pending"] + ["slow_down"] * 49


async def test_of_twenty_decisions_exactly_one_counts(plane: TokenPlane, store: PostgresStore) -> None:
    begun = (await plane.device()).json
    verdicts = [plane.decide(begun["user_code"], user=f"user-{n}", approve=n % 2 == 0) for n in range(20)]
    results = await asyncio.gather(*verdicts, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Missing] * 19
    told = await store.actions()
    assert told.count(Action.DEVICE_CODE_APPROVED) + told.count(Action.DEVICE_CODE_DENIED) == 1


async def test_a_redemption_racing_the_end_of_its_grant_leaves_nothing_alive(plane: TokenPlane, store: PostgresStore) -> None:
    """T4: whichever came first, what is alive in the end is nothing."""
    for _ in range(10):
        code = await plane.approved()
        polled, _ = await asyncio.gather(plane.poll(code), plane.endings.client("television", Operator("root")))
        if polled.status == 200:
            assert not await plane.active(polled.json["access_token"])
            assert (await plane.refresh(polled.json["refresh_token"], plane.registry.clients["television"])).error == "invalid_grant"
    assert await store.superuser.fetchval("SELECT count(*) FROM token.refresh_families WHERE ended_at IS NULL") == 0
