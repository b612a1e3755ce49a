"""Every token's whole life.

Owns grants, codes, refresh families, issuances, signing keys, discovery; the only service that redeems a credential.
Leaves client and resource records to registry, upstream tokens to vault, people and their browser to authorize.
"""
