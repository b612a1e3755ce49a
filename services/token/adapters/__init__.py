"""Outbound: Postgres, registry and strangers, behind the ports of the token service."""
