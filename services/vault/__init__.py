"""Other people's tokens.

Owns upstream providers, connections and sealed credentials.
Leaves who may ask for them to token, the browser's steps to authorize.

The operator's side (VaultAdminService) answers. Connecting an account (LinkService) and vending its tokens (BrokerService) are described
in the proto and have their tables and their sealing here, but this release does not offer them: a call to either is answered
UNIMPLEMENTED by gRPC.
"""
