"""Mechanisms every service needs, and no policy: a file here names no service, table, route or RPC."""
