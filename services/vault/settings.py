"""What the vault takes from the operator's configuration."""

from dataclasses import dataclass
from typing import Any

from services.vault.model import Driver


@dataclass(frozen=True, slots=True)
class Settings:
    """`driver`: what seals secrets at rest."""

    driver: Driver


def of(configuration: Any) -> Settings:
    """The vault's part of the configuration."""
    return Settings(driver=Driver(configuration.data_encryption.driver or ""))
