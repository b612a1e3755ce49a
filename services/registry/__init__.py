"""Who and what is known.

Owns clients (pre-registered, DCR, CIMD), resources and their scopes, registration settings, the feed of changes.
Leaves tokens and grants to token, people to authorize, upstream providers to vault.
"""
