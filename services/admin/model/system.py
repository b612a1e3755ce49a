"""The plane itself as operators see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subsystem:
    """`status` is `healthy`, `unhealthy` or `not_configured`; `driver` names the implementation where there are several."""

    name: str
    status: str
    driver: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What runs, since when, and how it feels."""

    version: str
    uptime: str
    uptime_secs: int
    subsystems: tuple[Subsystem, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures for an overview. The token figures count from midnight UTC."""

    clients: int
    users: int
    active_tokens_24h: int
    revoked_tokens: int
    connections: int


@dataclass(frozen=True, slots=True)
class VaultState:
    """What seals upstream credentials (empty = nothing does) and how many connections there are."""

    driver: str
    connections: int


def duration_text(seconds: int) -> str:
    """`1d 2h 3m 4s`, without the leading parts that are zero."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count}{unit}" for count, unit in parts)
