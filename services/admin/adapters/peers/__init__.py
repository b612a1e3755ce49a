"""The other services through their gRPC stubs. Their faults arrive as `kit.errors` (kit.rpc_client); here messages become values."""
