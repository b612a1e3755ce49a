"""What may be spent once is spent once, however many ask at the same moment (OAuth 2.1 §4.1.3, §4.3.1; K3)."""

import asyncio
from collections import Counter

from tests.e2e.flows import Public, Started, authorize, code_form, public_client, signed_in, token_request

RACERS = 50


async def test_of_fifty_racing_redemptions_of_one_code_exactly_one_wins(public: Public) -> None:
    started = Started(await public_client(public))
    arrival = await authorize(public, started)
    form = code_form(started, arrival.parameters["code"])
    answers = await asyncio.gather(*(token_request(public, form) for _ in range(RACERS)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: RACERS - 1}
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}


async def test_of_fifty_racing_refreshes_one_wins_and_every_answer_carries_its_successor(public: Public) -> None:
    """T1: inside the reuse window the race is benign, and there is still exactly one successor."""
    started, tokens = await signed_in(public)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": started.client.client_id}
    answers = await asyncio.gather(*(token_request(public, form) for _ in range(RACERS)))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert successors != {tokens["refresh_token"]}


async def test_a_replayed_code_ends_what_the_code_produced(public: Public) -> None:
    """T6."""
    started = Started(await public_client(public))
    arrival = await authorize(public, started)
    form = code_form(started, arrival.parameters["code"])
    tokens = (await token_request(public, form)).json()
    replay = await token_request(public, form)
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    refreshed = await token_request(
        public, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": started.client.client_id}
    )
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")


async def test_another_client_can_neither_redeem_a_code_nor_hurt_its_owner(public: Public) -> None:
    """K1, K2: the code stays good for its owner."""
    started = Started(await public_client(public))
    thief = await public_client(public)
    arrival = await authorize(public, started)
    stolen = await token_request(public, code_form(started, arrival.parameters["code"], client_id=thief.client_id))
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    own = await token_request(public, code_form(started, arrival.parameters["code"]))
    assert own.status_code == 200, own.text
