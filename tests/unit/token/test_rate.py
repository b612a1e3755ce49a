"""How much one address may ask (C9), and how many tokens one client may have (T12)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.errors import SlowDown, Unavailable
from services.token import rate
from services.token.ports import Taken
from services.token.rate import LEASE, AddressRate
from tests.support.clock import FrozenClock
from tests.support.fakes_token import MACHINE, SECRET, FakeBudget, TokenPlane, basic

FORM = {"grant_type": "client_credentials"}
HEADER = basic(MACHINE.id, SECRET)


def limit(budget: FakeBudget, clock: FrozenClock | None = None) -> AddressRate:
    """With slices of ten at most."""
    return AddressRate(budget=budget, burst=80, clock=clock or FrozenClock())


async def ask(rate: AddressRate, address: str = "192.0.2.7") -> None:
    if not rate.admitted(address):
        await rate.admit(address)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/device_authorization"])
async def test_an_address_that_asked_too_often_is_told_when_to_come_back(path: str) -> None:
    """C9: before its request is even read."""
    plane = TokenPlane(budget=FakeBudget(0))
    answer = await plane.call("POST", path, b"%ff")
    assert (answer.status, answer.error, answer.headers["retry-after"]) == (429, "slow_down", "3")
    assert plane.store.events == []


async def test_keys_and_discovery_cost_nothing() -> None:
    plane = TokenPlane(budget=FakeBudget(0))
    assert (await plane.call("GET", "/.well-known/jwks.json")).status == 200
    assert (await plane.call("GET", "/.well-known/oauth-authorization-server")).status == 200


async def test_a_budget_nobody_can_count_refuses_for_now() -> None:
    """C9, law 10: Redis is a dependency of the decision."""

    class Down(FakeBudget):
        async def take(self, address: str, wanted: int) -> Taken:
            raise Unavailable("requests cannot be counted right now")

    answer = await TokenPlane(budget=Down(0)).token(FORM, HEADER)
    assert (answer.status, answer.error) == (503, "temporarily_unavailable")


async def test_whoever_asks_rarely_pays_for_one_request_at_a_time() -> None:
    budget, clock = FakeBudget(100), FrozenClock()
    limited = limit(budget, clock)
    for _ in range(5):
        await ask(limited)
        clock.advance(LEASE)
    assert (budget.asked, budget.left) == ([1] * 5, 95)


async def test_the_busy_pay_by_the_slice() -> None:
    """The slices double up to an eighth of the burst; every request was paid for before it was let in."""
    budget = FakeBudget(1000)
    limited = limit(budget)
    for _ in range(100):
        await ask(limited)
    assert budget.asked[:5] == [1, 2, 4, 8, 10]
    assert len(budget.asked) == 13
    assert 1000 - budget.left >= 100


async def test_a_slice_is_lost_after_its_time_and_the_next_is_as_large_as_it_was_needed() -> None:
    budget, clock = FakeBudget(1000), FrozenClock()
    limited = limit(budget, clock)
    for _ in range(18):
        await ask(limited)
    clock.advance(LEASE)
    await ask(limited)
    assert budget.asked == [1, 2, 4, 8, 10, 3]


async def test_no_more_are_let_in_than_were_paid_for() -> None:
    budget = FakeBudget(25)
    limited = limit(budget)
    answers = await asyncio.gather(*(ask(limited) for _ in range(60)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 25
    assert all(isinstance(answer, SlowDown) for answer in answers if answer is not None)


async def test_many_at_once_share_one_question() -> None:
    budget = FakeBudget(100)
    limited = limit(budget)
    await asyncio.gather(*(ask(limited) for _ in range(10)))
    assert budget.asked == [10] or len(budget.asked) <= 2


async def test_who_was_refused_is_refused_without_asking_until_the_wait_is_over() -> None:
    """A flood from one address costs Redis one question per wait."""
    budget, clock = FakeBudget(0), FrozenClock()
    limited = limit(budget, clock)
    for _ in range(50):
        with pytest.raises(SlowDown):
            await ask(limited)
    assert len(budget.asked) == 1
    clock.advance(budget.wait)
    budget.left = 1
    await ask(limited)
    with pytest.raises(SlowDown):
        await ask(limited)
    assert len(budget.asked) == 3


async def test_addresses_do_not_share_and_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MOST_ADDRESSES", 3)
    budget = FakeBudget(100)
    limited = limit(budget)
    for number in range(10):
        await ask(limited, f"192.0.2.{number}")
    assert budget.asked == [1] * 10
    assert len(limited._leases) == 3


async def test_a_client_that_had_its_tokens_is_told_when_to_come_back() -> None:
    """T12."""
    plane = TokenPlane()
    plane.registry.put(replace(MACHINE, tokens_per_minute=2))
    assert [(await plane.token(FORM, HEADER)).status for _ in range(3)] == [200, 200, 429]
    refused = await plane.token(FORM, HEADER)
    assert (refused.error, refused.headers["retry-after"]) == ("slow_down", "7")
    assert "minute" in refused.json["detail"]
    assert len(plane.store.issued) == 2


async def test_what_is_refused_for_another_reason_is_not_counted() -> None:
    """T12: tokens are counted, not attempts."""
    plane = TokenPlane()
    plane.registry.put(replace(MACHINE, tokens_per_day=1))
    assert (await plane.token({**FORM, "scope": "nothing"}, HEADER)).error == "invalid_scope"
    assert (await plane.token(FORM, basic(MACHINE.id, "wrong"))).error == "invalid_client"
    assert (await plane.token(FORM, HEADER)).status == 200
    assert "day" in (await plane.token(FORM, HEADER)).json["detail"]


async def test_clients_without_a_bound_are_not_counted() -> None:
    plane = TokenPlane()
    await plane.token(FORM, HEADER)
    assert plane.quotas.taken == {}


async def test_a_refused_quota_spends_no_code() -> None:
    """Law 5: everything that can refuse comes before the commit."""
    plane = TokenPlane()
    client = plane.registry.clients["public"]
    plane.registry.put(replace(client, tokens_per_minute=1))
    first, second = await plane.code(), await plane.code()
    assert (await plane.redeem(first)).status == 200
    assert (await plane.redeem(second)).status == 429
    plane.registry.put(client)
    assert (await plane.redeem(second)).status == 200


def test_the_bound_of_a_lease_is_a_second() -> None:
    """What the module promises about its bound rests on this."""
    assert timedelta(seconds=1) == LEASE
