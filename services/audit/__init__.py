"""What happened, provably.

Owns the outbox, the hash-chained log, search, tail, export and verification.
Leaves deciding what is worth recording to the service that did it.
"""
