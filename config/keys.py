"""Signing keys, sealing keys, and the pepper."""

from typing import Annotated, Literal

from pydantic import Field

from kit.settings import Duration, Env, Model, PositiveDuration, Secret, parse_duration


class PostgresKey(Model):
    """Signing keys sealed in the database; sealing itself is `data_encryption`."""

    encryption_key_env: Annotated[str, Env("SIGNING_PG_ENCRYPTION_KEY_ENV")] = ""


class SigningAppRole(Model):
    """AppRole credentials for Transit."""

    role_id: Annotated[str, Env("VAULT_APPROLE_ROLE_ID")] = ""
    secret_id: Annotated[Secret, Env("VAULT_APPROLE_SECRET_ID")] = ""
    mount: Annotated[str, Env("VAULT_APPROLE_MOUNT")] = "approle"


class SigningTransit(Model):
    """Signing keys that never leave a Transit engine."""

    address: Annotated[str, Env("VAULT_ADDR")] = ""
    mount: Annotated[str, Env("VAULT_TRANSIT_MOUNT")] = "transit"
    key_name: Annotated[str, Env("VAULT_TRANSIT_KEY_NAME")] = "authserver-signing"
    timeout: Annotated[PositiveDuration, Env("VAULT_TIMEOUT")] = parse_duration("10s")
    token: Annotated[Secret, Env("VAULT_TOKEN")] = ""
    approle: SigningAppRole = SigningAppRole()


class Signing(Model):
    """What tokens are signed with."""

    algorithm: Literal["ES256", "RS256", "EdDSA"] = "ES256"
    key_store: Literal["keyfile", "postgres_key", "vault_transit"] = "keyfile"
    key_path: str = "data/keys"
    rotation_period: Duration = parse_duration("2160h")
    """Age at which a key is replaced on its own; 0 = only on demand."""
    prepublish_period: Annotated[Duration, Field(ge=parse_duration("5m"))] = parse_duration("24h")
    """How long a new key is in the JWKS before it signs; at least as long as a JWKS may be cached."""
    postgres_key: PostgresKey = PostgresKey()
    vault_transit: SigningTransit = SigningTransit()


class AesMaster(Model):
    """A master key held by the process: the variables named here hold 64 hexadecimal digits."""

    key_env: Annotated[str, Env("DATA_ENCRYPTION_KEY_ENV")] = ""
    old_key_env: str = ""
    """The previous key: still opens, seals nothing new."""


class EncryptionAppRole(Model):
    """Names of the variables that hold AppRole credentials."""

    role_id_env: Annotated[str, Env("DATA_ENCRYPTION_VAULT_ROLE_ID_ENV")] = ""
    secret_id_env: Annotated[str, Env("DATA_ENCRYPTION_VAULT_SECRET_ID_ENV")] = ""


class TransitEncrypt(Model):
    """Sealing by a Transit engine."""

    address: Annotated[str, Env("DATA_ENCRYPTION_VAULT_ADDRESS")] = ""
    auth_method: Annotated[Literal["", "token", "approle"], Env("DATA_ENCRYPTION_VAULT_AUTH_METHOD")] = ""
    token_env: Annotated[str, Env("DATA_ENCRYPTION_VAULT_TOKEN_ENV")] = ""
    mount_path: Annotated[str, Env("DATA_ENCRYPTION_VAULT_MOUNT_PATH")] = "transit"
    key_name: Annotated[str, Env("DATA_ENCRYPTION_VAULT_KEY_NAME")] = ""
    approle: EncryptionAppRole = EncryptionAppRole()


class DataEncryption(Model):
    """What seals signing keys and upstream credentials at rest; empty driver = nothing that needs sealing may be used."""

    driver: Literal["", "aes_master", "vault_transit_encrypt"] = ""
    aes_master: AesMaster = AesMaster()
    vault_transit_encrypt: TransitEncrypt = TransitEncrypt()
