"""`authserver version`."""

from importlib import metadata


def version() -> None:
    """Print the version."""
    print(f"authserver {metadata.version('authplane-plane')}")
