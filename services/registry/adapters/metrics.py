"""What operators count here, under the names their dashboards have always known."""

from typing import Final

from kit.telemetry import Count, Duration
from services.registry.model import Source

SUPPRESSED_REASONS: Final = ("negative_cache", "single_flight", "capacity")

_REGISTERED = Count("authserver_clients_registered_total", "Clients that became known.", {"source": tuple(Source)})
_SUPPRESSED = Count("authserver_cimd_fetch_suppressed_total", "Fetches of metadata documents avoided.", {"reason": SUPPRESSED_REASONS})
_FETCH = Duration("authserver_cimd_fetch_duration_seconds", "Round trips for metadata documents.")


def client_registered(source: Source) -> None:
    """Count one new client."""
    _REGISTERED.add(source.value)


def fetch_suppressed(reason: str) -> None:
    """Count one fetch that was not made."""
    _SUPPRESSED.add(reason)


def fetched(seconds: float) -> None:
    """Record one round trip."""
    _FETCH.observe(seconds)
