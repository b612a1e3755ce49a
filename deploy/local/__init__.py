"""The whole plane on one machine, as ordinary processes of one user.

Owns the start table, the real servers behind it, certificates and secrets. Leaves what a service does to the service.
"""
