"""The values of the vault. None of them holds a secret in the clear."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Protocol(StrEnum):
    """How a provider gives out tokens."""

    OAUTH = "oauth"
    API_KEY = "api_key"
    SERVICE_ACCOUNT = "service_account"


class Driver(StrEnum):
    """What seals secrets at rest; NONE until the operator has configured one."""

    AES_MASTER = "aes_master"
    VAULT_TRANSIT = "vault_transit_encrypt"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An upstream provider as operators see it; its configuration and secrets stay in the store."""

    id: str
    slug: str
    display_name: str
    protocol: Protocol
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Holdings:
    """How many providers there are, and how many connections of people to them stand."""

    providers: int
    connections: int
