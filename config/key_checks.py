"""Rules about keys: a store that cannot be opened, or a seal that is missing, is found before the first request."""

import re
from collections.abc import Iterator

from config.schema import Configuration

_KEY = re.compile(r"[0-9A-Fa-f]{64}")


def signing_store_is_complete(configuration: Configuration) -> Iterator[str]:
    """Each key store has what it needs."""
    signing = configuration.signing
    if signing.key_store == "keyfile" and not signing.key_path:
        yield "signing.key_path is required when signing.key_store is keyfile"
    if signing.key_store == "postgres_key" and not configuration.data_encryption.driver:
        yield "data_encryption.driver is required when signing.key_store is postgres_key"
    if signing.key_store == "vault_transit":
        yield from _transit_login(configuration)


def encryption_is_complete(configuration: Configuration) -> Iterator[str]:
    """Each driver has what it needs, and keys are keys."""
    encryption = configuration.data_encryption
    if encryption.driver == "aes_master":
        yield from _master_keys(configuration)
    if encryption.driver == "vault_transit_encrypt":
        transit = encryption.vault_transit_encrypt
        required = {"address": transit.address, "key_name": transit.key_name, "auth_method": transit.auth_method}
        if transit.auth_method == "token":
            required["token_env"] = transit.token_env
        if transit.auth_method == "approle":
            required |= {"approle.role_id_env": transit.approle.role_id_env, "approle.secret_id_env": transit.approle.secret_id_env}
        for key, value in required.items():
            if not value:
                yield f"data_encryption.vault_transit_encrypt.{key} is required"


def _transit_login(configuration: Configuration) -> Iterator[str]:
    transit = configuration.signing.vault_transit
    if not transit.address:
        yield "signing.vault_transit.address is required when signing.key_store is vault_transit"
    if bool(transit.token) == bool(transit.approle.role_id):
        yield "signing.vault_transit needs either token or approle.role_id, not both"
    if transit.approle.role_id and not transit.approle.secret_id:
        yield "signing.vault_transit.approle.secret_id is required with approle.role_id"


def _master_keys(configuration: Configuration) -> Iterator[str]:
    named = configuration.data_encryption.aes_master
    if not named.key_env:
        yield "data_encryption.aes_master.key_env is required when data_encryption.driver is aes_master"
    if named.key_env and named.key_env == named.old_key_env:
        yield "data_encryption.aes_master.old_key_env must differ from key_env"
    values = [configuration.referenced(name) for name in (named.key_env, named.old_key_env) if name]
    for name, value in zip([name for name in (named.key_env, named.old_key_env) if name], values, strict=True):
        if value and _KEY.fullmatch(value) is None:
            yield f"{name} must hold 64 hexadecimal digits"
    if len(values) == 2 and values[0] and values[0] == values[1] and named.key_env != named.old_key_env:
        yield "data_encryption.aes_master: the old key and the new key are the same"
