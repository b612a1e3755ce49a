"""Signing keys in Postgres: created once, sealed, rotated without breaking a token, followed by everybody."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from kit import jose
from kit.audit import Recorder
from kit.credentials import SealBroken, Sealer
from kit.pg import Pool, open_pool
from services.token.adapters.key_feed import KeyFeed
from services.token.adapters.key_postgres import PostgresKeys
from services.token.keyring import Keyring
from services.token.model import Operator
from tests.support.clock import FrozenClock
from tests.support.postgres_token import PostgresStore
from tests.support.servers import Database

OLD, NEW = Sealer("old", b"o" * 32), Sealer("new", b"n" * 32)


@dataclass
class Replica:
    """One process's view of the keys."""

    keys: PostgresKeys
    keyring: Keyring
    feed: KeyFeed
    pool: Pool


def keys_on(pool: Pool, clock: FrozenClock, *sealers: Sealer, alg: jose.Alg = jose.Alg.ES256) -> PostgresKeys:
    return PostgresKeys(pool=pool, recorder=Recorder("token", clock), sealers=sealers or (OLD,), alg=alg, clock=clock)


@pytest.fixture
async def replicas(database: Database, store: PostgresStore) -> AsyncIterator[list[Replica]]:
    made: list[Replica] = []
    clock = FrozenClock()
    for number in range(3):
        pool = await open_pool(database.dsn_for("token"), application_name=f"replica {number}")
        keys, keyring = keys_on(pool, clock), Keyring()
        made.append(Replica(keys, keyring, KeyFeed(pool=pool, store=keys, keyring=keyring, kept=timedelta(hours=2)), pool))
    yield made
    for replica in made:
        await replica.pool.close()


async def test_replicas_that_start_together_agree_on_one_key(replicas: list[Replica], store: PostgresStore) -> None:
    await asyncio.gather(*(replica.feed.start() for replica in replicas))
    assert len({replica.keyring.signer.kid for replica in replicas}) == 1
    assert await store.count("signing_keys") == 1
    assert await store.actions() == ["key.created"]


async def test_rotation_reaches_everybody_and_breaks_no_token(replicas: list[Replica], store: PostgresStore) -> None:
    """O4."""
    await asyncio.gather(*(replica.feed.start() for replica in replicas))
    following = [asyncio.create_task(replica.feed.run()) for replica in replicas]
    before = replicas[0].keyring.signer
    token = before.sign({"sub": "ada"}, "at+jwt")
    made = await replicas[0].keys.rotate(Operator("root"))
    for _ in range(250):
        if {replica.keyring.signer.kid for replica in replicas} == {made.kid}:
            break
        await asyncio.sleep(0.02)
    assert {replica.keyring.signer.kid for replica in replicas} == {made.kid}
    for replica in replicas:
        assert jose.verify(token, keys=replica.keyring.verification, algs=replica.keyring.algs, typ="at+jwt") == {"sub": "ada"}
        assert replica.keyring.jwks.count(b'"kid"') == 2
    assert await store.actions() == ["key.created", "key.rotated"]
    for task in following:
        task.cancel()


async def test_private_keys_are_sealed_and_bound_to_their_row(store: PostgresStore) -> None:
    """Law 9."""
    clock = FrozenClock()
    keys = keys_on(store.pool, clock)
    (made,) = await keys.ensure()
    sealed = await store.superuser.fetchval("SELECT private_key FROM token.signing_keys")
    pem = jose.private_key_to_pem(made.private_key)
    assert pem not in sealed
    assert b"PRIVATE KEY" not in sealed
    await store.superuser.execute("UPDATE token.signing_keys SET kid = 'moved'")
    with pytest.raises(SealBroken):
        await keys.load()


async def test_a_replaced_data_key_still_opens_what_it_sealed(store: PostgresStore) -> None:
    clock = FrozenClock()
    (made,) = await keys_on(store.pool, clock, OLD).ensure()
    (same,) = await keys_on(store.pool, clock, NEW, OLD).ensure()
    assert same.kid == made.kid
    with pytest.raises(SealBroken):
        await keys_on(store.pool, clock, NEW).ensure()


async def test_another_algorithm_is_a_rotation(store: PostgresStore) -> None:
    clock = FrozenClock()
    await keys_on(store.pool, clock).ensure()
    first, second = await keys_on(store.pool, clock, alg=jose.Alg.EDDSA).ensure()
    assert (first.alg, first.retired_at) == (jose.Alg.EDDSA, None)
    assert (second.alg, second.retired_at is not None) == (jose.Alg.ES256, True)


async def test_retired_keys_leave_when_nothing_they_signed_lives(store: PostgresStore) -> None:
    """O4."""
    clock = FrozenClock()
    keys = keys_on(store.pool, clock)
    await keys.ensure()
    await keys.rotate(Operator("root"))
    clock.advance(timedelta(minutes=119))
    await keys.drop_retired(timedelta(hours=2))
    assert len(await keys.load()) == 2
    clock.advance(timedelta(minutes=2))
    await keys.drop_retired(timedelta(hours=2))
    assert len(await keys.load()) == 1
    assert (await store.actions())[-1] == "key.retired"
