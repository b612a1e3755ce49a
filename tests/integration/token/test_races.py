"""Single use under fire, on real Postgres: law 4, K3 of the known attacks, targets T1 and T6."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from kit.audit import Action
from services.token.model import Operator
from tests.support.fakes_token import MACHINE, SECRET, Answer, TokenPlane, basic
from tests.support.postgres_token import PostgresStore


def winners(answers: Iterable[Answer]) -> list[Answer]:
    answers = list(answers)
    assert {answer.status for answer in answers} <= {200, 400}
    assert all(answer.error == "invalid_grant" for answer in answers if answer.status == 400)
    return [answer for answer in answers if answer.status == 200]


async def test_of_fifty_racing_redemptions_exactly_one_wins(plane: TokenPlane, store: PostgresStore) -> None:
    code = await plane.code()
    won = winners(await asyncio.gather(*(plane.redeem(code) for _ in range(50))))
    assert len(won) == 1
    assert await store.count("issuances") == 1
    assert await store.count("refresh_families") == 1
    told = await store.actions()
    assert told.count(Action.TOKEN_ISSUED) == 1
    assert told.count(Action.AUTH_CODE_REUSED) == 49
    # RFC 6749 §4.1.2: forty-nine others held the same code and verifier, so what the first got is not safe to keep.
    assert not await plane.active(won[0].json["access_token"])


async def test_of_fifty_racing_refreshes_exactly_one_wins_without_a_window(store: PostgresStore) -> None:
    plane = TokenPlane(store=store, reuse_window=timedelta())
    first = (await plane.redeem(await plane.code())).json["refresh_token"]
    won = winners(await asyncio.gather(*(plane.refresh(first) for _ in range(50))))
    assert len(won) == 1
    assert await store.count("refresh_tokens") == 2
    assert (await store.actions()).count(Action.TOKEN_REFRESHED) == 1


async def test_fifty_racing_refreshes_see_one_successor(plane: TokenPlane, store: PostgresStore) -> None:
    """T1: parallel tool calls do not kill a session."""
    first = (await plane.redeem(await plane.code())).json["refresh_token"]
    won = winners(await asyncio.gather(*(plane.refresh(first) for _ in range(50))))
    assert len(won) == 50
    assert len({answer.json["refresh_token"] for answer in won}) == 1
    assert len({answer.json["access_token"] for answer in won}) == 50
    assert await store.count("refresh_tokens") == 2
    told = await store.actions()
    assert (told.count(Action.TOKEN_REFRESHED), told.count(Action.TOKEN_REFRESH_RACED)) == (1, 49)
    assert (await plane.refresh(won[0].json["refresh_token"])).status == 200


async def test_revoking_a_grant_while_it_is_used_leaves_nothing_alive(plane: TokenPlane, store: PostgresStore) -> None:
    """T4: whatever commits first, nothing issued under the grant survives it."""
    codes = [await plane.code() for _ in range(10)]
    refresh_token = (await plane.redeem(codes.pop())).json["refresh_token"]

    async def revoke() -> None:
        await plane.endings.client("public", Operator("root"))

    await asyncio.gather(
        *(plane.redeem(code) for code in codes[:5]), plane.refresh(refresh_token), revoke(), *(plane.redeem(code) for code in codes[5:])
    )
    assert await store.superuser.fetchval("SELECT count(*) FROM token.refresh_families WHERE ended_at IS NULL") == 0
    assert await store.superuser.fetchval("SELECT count(*) FROM token.issuances WHERE revoked_at IS NULL") == 0


@pytest.mark.parametrize("what", ["code", "refresh", "machine"])
async def test_a_commit_that_fails_leaves_nothing_behind(plane: TokenPlane, store: PostgresStore, what: str) -> None:
    """Laws 5 and 6: without its audit row nothing is spent, written or answered."""
    code = await plane.code()
    refresh_token = (await plane.redeem(await plane.code())).json["refresh_token"]
    before = await store.count("issuances")

    async def attempt() -> Answer:
        if what == "code":
            return await plane.redeem(code)
        if what == "refresh":
            return await plane.refresh(refresh_token)
        return await plane.token({"grant_type": "client_credentials"}, basic(MACHINE.id, SECRET))

    await store.superuser.execute("REVOKE EXECUTE ON FUNCTION audit.append(jsonb[]) FROM authplane_token")
    failed = await attempt()
    assert failed.status == 500
    assert b"access_token" not in failed.body
    assert await store.count("issuances") == before
    await store.superuser.execute("GRANT EXECUTE ON FUNCTION audit.append(jsonb[]) TO authplane_token")
    assert (await attempt()).status == 200


async def test_machine_tokens_share_commits_and_are_all_durable(plane: TokenPlane, store: PostgresStore) -> None:
    """Group commit: every answer follows its own commit, and a hundred of them need far fewer."""
    credentials = basic(MACHINE.id, SECRET)
    answers = await asyncio.gather(*(plane.token({"grant_type": "client_credentials"}, credentials) for _ in range(100)))
    ids = {plane.access_tokens.read(answer.json["access_token"]).issuance_id for answer in answers}
    assert len(ids) == 100
    rows = await store.superuser.fetch("SELECT id, xmin::text AS xmin FROM token.issuances")
    assert {row["id"] for row in rows} == ids
    assert len({row["xmin"] for row in rows}) < 20
    assert (await store.actions()).count(Action.CLIENT_CREDENTIALS_ISSUED) == 100
