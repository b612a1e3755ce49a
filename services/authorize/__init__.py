"""People and their browser.

Owns users, sessions, login, pending authorizations, the consent page and the authorization response.
Leaves grants and codes to token, client and resource records to registry, upstream credentials to vault.
"""
