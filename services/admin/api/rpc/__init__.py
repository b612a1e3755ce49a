"""gRPC: authserver.admin.v1, for the command line and other tooling. Each method is admitted, asks the operations and words the answer."""
