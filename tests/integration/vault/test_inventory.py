"""What operators see of the vault, from its real tables; and what those tables refuse."""

from datetime import UTC, datetime

import asyncpg
import pytest

from kit.credentials import sealing_key_id
from kit.errors import Conflict
from kit.pg import Pool
from services.vault.adapters.store import PostgresInventory
from services.vault.model import Holdings, Protocol
from services.vault.sealing import Keyring, Owner, Place, Purpose

PROVIDER = "INSERT INTO vault.providers (id, slug, display_name, protocol) VALUES ($1, $2, $3, $4)"
DATA_KEY = "INSERT INTO vault.data_keys (id, driver, master_key_id, sealed) VALUES ($1, 'aes_master', 'm1', '\\x00')"
GRANT = """
INSERT INTO vault.upstream_grants (id, user_id, provider_id, scopes_granted, sealed, key_id, revoked_at)
VALUES ($1, $2, $3, '{repo}', $4, 'k1', $5::timestamptz)
"""


async def two_providers(pool: Pool) -> PostgresInventory:
    await pool.execute(PROVIDER, "p2", "slack", "Slack", "oauth")
    await pool.execute(PROVIDER, "p1", "github", "GitHub", "api_key")
    return PostgresInventory(pool)


async def test_providers_are_listed_by_slug(pool: Pool) -> None:
    inventory = await two_providers(pool)
    assert [(found.slug, found.protocol) for found in await inventory.providers()] == [
        ("github", Protocol.API_KEY),
        ("slack", Protocol.OAUTH),
    ]
    assert [found.id for found in await inventory.providers("slack")] == ["p2"]
    assert await inventory.providers("nobody") == ()


async def test_an_empty_vault_counts_nothing(pool: Pool) -> None:
    assert await PostgresInventory(pool).holdings() == Holdings(0, 0)


async def test_only_standing_connections_count(pool: Pool) -> None:
    inventory = await two_providers(pool)
    await pool.execute(DATA_KEY, "k1")
    for number, revoked in enumerate((None, None, datetime.now(UTC))):
        await pool.execute(GRANT, f"g{number}", f"user-{number}", "p1", b"sealed", revoked)
    assert await inventory.holdings() == Holdings(2, 2)


async def test_a_slug_is_taken_once(pool: Pool) -> None:
    await two_providers(pool)
    with pytest.raises(Conflict) as raised:
        await pool.execute(PROVIDER, "p3", "slack", "Another", "oauth")
    assert raised.value.members == {"constraint": "providers_slug"}


async def test_one_connection_per_person_and_provider(pool: Pool) -> None:
    await two_providers(pool)
    await pool.execute(DATA_KEY, "k1")
    await pool.execute(GRANT, "g1", "user-1", "p1", b"sealed", None)
    with pytest.raises(Conflict):
        await pool.execute(GRANT, "g2", "user-1", "p1", b"sealed", None)


async def test_one_data_key_seals_anew(pool: Pool) -> None:
    await pool.execute(DATA_KEY, "k1")
    with pytest.raises(Conflict):
        await pool.execute(DATA_KEY, "k2")
    await pool.execute("UPDATE vault.data_keys SET retired_at = now()")
    await pool.execute(DATA_KEY, "k2")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO vault.providers (id, slug, display_name, protocol) VALUES ('a', 'a', 'A', 'telepathy')",
        "INSERT INTO vault.providers (id, slug, display_name, protocol) VALUES ('a', 'a', '', 'oauth')",
        "INSERT INTO vault.providers (id, slug, display_name, protocol, config_data) VALUES ('a', 'a', 'A', 'oauth', '[]')",
        "INSERT INTO vault.providers (id, slug, display_name, protocol, sealed) VALUES ('a', 'a', 'A', 'oauth', '\\x00')",
    ],
)
async def test_a_provider_that_makes_no_sense_is_refused_by_the_table(pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(statement)


async def test_a_sealed_credential_survives_the_database_and_names_its_key(pool: Pool) -> None:
    await two_providers(pool)
    await pool.execute(DATA_KEY, "k1")
    ring = Keyring("k1", {"k1": bytes(32)})
    owner, place = Owner(Purpose.UPSTREAM_CREDENTIAL, "p1", "user-1"), Place("upstream_grants", "g1", 1)
    await pool.execute(GRANT, "g1", "user-1", "p1", ring.seal(b"token", owner, place), None)
    row = await pool.fetchrow("SELECT sealed, key_id FROM vault.upstream_grants")
    assert row is not None
    assert (ring.open(row["sealed"], owner, place), sealing_key_id(row["sealed"])) == (b"token", row["key_id"])
