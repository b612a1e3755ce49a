"""Fixtures every test may ask for by name; the servers start only when a test asks."""

import jwt
from jwt.algorithms import OKPAlgorithm

from kit import log
from tests.support.servers import database, postgres_dsn_for, postgres_server, valkey_server, valkey_url

__all__ = ["database", "postgres_dsn_for", "postgres_server", "valkey_server", "valkey_url"]

# PyJWT knows this signature under its older name, EdDSA, only (RFC 9864 §2.2).
jwt.register_algorithm("Ed25519", OKPAlgorithm())

# As services log: without it, an expected crash renders a traceback with every local variable, for seconds.
log.setup("tests", "info", "json")
