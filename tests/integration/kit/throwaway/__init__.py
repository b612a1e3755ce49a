"""A service that exists to be started, drained and killed by tests."""
