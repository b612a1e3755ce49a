"""The operator's side.

Owns API keys, the REST and gRPC operator API.
Leaves every object it shows to the service that owns it.
"""
