"""Outbound I/O: Postgres and the hosts of metadata documents."""
