"""Other people's tokens.

Owns upstream providers, connections and sealed credentials.
Leaves who may ask for them to token, the browser's steps to authorize.
"""
