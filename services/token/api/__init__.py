"""Inbound: HTTP and gRPC to values of the token service and back."""
