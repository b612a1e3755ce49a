"""Variables that the configuration names instead of holding their value, and which service needs each."""

from collections.abc import Iterator
from dataclasses import dataclass

from config.schema import Configuration


@dataclass(frozen=True, slots=True)
class Reference:
    """`key` names `variable`; `services` cannot start without its value."""

    key: str
    variable: str
    services: frozenset[str]
    # Secrets that configuration text may name are kept apart by prefix, so a key cannot be pointed at, say, PATH or a database password.
    prefixed: bool = False


_SEALING = frozenset({"token", "vault", "audit"})


def expected(configuration: Configuration) -> Iterator[Reference]:
    """Every reference in use."""
    yield from _encryption(configuration)
    for name, provider in configuration.oidc.all_providers():
        where = "oidc" if provider is configuration.oidc else f"oidc.providers[{name}]"
        if provider.client_secret_ref:
            yield Reference(f"{where}.client_secret_ref", provider.client_secret_ref, frozenset({"authorize"}), prefixed=True)
        elif provider.client_secret_env:
            yield Reference(f"{where}.client_secret_env", provider.client_secret_env, frozenset({"authorize"}))
    for seed in configuration.broker_providers:
        if isinstance(named := seed.config_data.get("client_secret_ref"), str) and named:
            yield Reference(f"broker_providers[{seed.slug}].config_data.client_secret_ref", named, frozenset({"vault"}), prefixed=True)
    for user in configuration.users:
        if user.password_ref:
            yield Reference(f"users[{user.email}].password_ref", user.password_ref, frozenset({"authorize"}), prefixed=True)
    for client in configuration.clients:
        if client.client_secret_ref:
            key = f"clients[{client.client_name}].client_secret_ref"
            yield Reference(key, client.client_secret_ref, frozenset({"registry"}), prefixed=True)


def _encryption(configuration: Configuration) -> Iterator[Reference]:
    encryption = configuration.data_encryption
    named: dict[str, str] = {}
    if encryption.driver == "aes_master":
        named = {"aes_master.key_env": encryption.aes_master.key_env, "aes_master.old_key_env": encryption.aes_master.old_key_env}
    elif encryption.driver == "vault_transit_encrypt":
        transit = encryption.vault_transit_encrypt
        if transit.auth_method == "token":
            named = {"vault_transit_encrypt.token_env": transit.token_env}
        else:
            role = transit.approle
            named = {
                "vault_transit_encrypt.approle.role_id_env": role.role_id_env,
                "vault_transit_encrypt.approle.secret_id_env": role.secret_id_env,
            }
    for key, variable in named.items():
        if variable:
            yield Reference(f"data_encryption.{key}", variable, _SEALING)
