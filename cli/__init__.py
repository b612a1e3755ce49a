"""The `authserver` command: runs a plane locally, serves one service, and speaks gRPC to the operator's API."""
