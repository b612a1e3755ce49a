"""Postgres, and the other services through their gRPC stubs."""
