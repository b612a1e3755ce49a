"""Inbound transport: the public HTTP routes and gRPC."""
