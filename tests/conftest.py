"""Fixtures every test may ask for by name; the servers start only when a test asks."""

from tests.support.servers import database, postgres_dsn_for, postgres_server, valkey_server, valkey_url

__all__ = ["database", "postgres_dsn_for", "postgres_server", "valkey_server", "valkey_url"]
