"""The operator's API twice: REST and gRPC, both calling `services.admin.operations`."""
