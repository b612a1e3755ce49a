"""What each process of the local plane is told: AUTHPLANE_* variables, composed in one place.

A process gets the secrets it needs and no others. Values an operator set in the environment or the configuration file win over the
development defaults; wiring (sockets, certificates, databases) is always the plane's own.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.local.certs import Authority
from deploy.local.places import RPC_ORDER, Places, Ports

DATA_KEY = "DATA_ENCRYPTION_KEY"
ADMIN_KEY = "ADMIN_API_KEY"
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
_OPERATORS = ("AUTHPLANE_", "CONNECTOR_")
_OURS_ALONE = ("AUTHPLANE_STATE_DIR", "AUTHPLANE_CONFIG")


def default_issuer(ports: Ports) -> str:
    """One origin for clients, browsers and tokens."""
    return f"http://localhost:{ports.public}"


def development_defaults(places: Places, ports: Ports) -> dict[str, tuple[str, str]]:
    """Environment name → (the key of the configuration file it stands for, its value on a developer's machine)."""
    return {
        "AUTHPLANE_SERVER_ISSUER": ("server.issuer", default_issuer(ports)),
        # A client metadata document is served from https://localhost by the demo.
        "AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES": ("cimd.allow_private_addresses", "true"),
        "AUTHPLANE_CIMD_CA_FILE": ("cimd.ca_file", str(Authority(places.certs).ca)),
        "AUTHPLANE_SIGNING_KEY_STORE": ("signing.key_store", "postgres_key"),
        "AUTHPLANE_CONNECT_REDIRECT_BASE_URL": ("connect.redirect_base_url", default_issuer(ports)),
        "AUTHPLANE_DATA_ENCRYPTION_DRIVER": ("data_encryption.driver", "aes_master"),
        "AUTHPLANE_DATA_ENCRYPTION_KEY_ENV": ("data_encryption.aes_master.key_env", DATA_KEY),
        "AUTHPLANE_WORKERS": ("runtime.workers", "1"),
        # Six services share one small Postgres.
        "AUTHPLANE_STORAGE_POSTGRES_MIN_CONNS": ("storage.postgres.min_conns", "1"),
        "AUTHPLANE_STORAGE_POSTGRES_MAX_CONNS": ("storage.postgres.max_conns", "12"),
        "AUTHPLANE_LOG_FORMAT": ("observability.logging.format", "json"),
    }


def secrets_of(service: str) -> dict[str, tuple[str, str]]:
    """Environment name → (key of the configuration file, name in the secrets file): as few as the service's work needs."""
    encryption = {DATA_KEY: ("", DATA_KEY)}
    session = {"AUTHPLANE_SESSION_SECRET": ("session.secret", "SESSION_SECRET")}
    connect = {"AUTHPLANE_CONNECT_STATE_SECRET": ("connect.state_secret", "CONNECT_STATE_SECRET")}
    pepper = {"AUTHPLANE_CLIENT_SECRET_PEPPER": ("client_secret_pepper", "CLIENT_SECRET_PEPPER")}
    table = {
        "registry": pepper | session,
        "authorize": session | connect,
        "token": encryption | pepper | session,
        "vault": encryption | connect,
        "audit": encryption,
        "admin": {"AUTHPLANE_ADMIN_API_KEY": ("admin.api_key", ADMIN_KEY)} | session,
    }
    return table[service]


def operators_admin_key(configuration: Mapping[str, Any]) -> str | None:
    """The bootstrap key the operator chose, if any; the plane's tools must use the same."""
    return os.environ.get("AUTHPLANE_ADMIN_API_KEY") or _at(configuration, "admin.api_key") or None


def configured(path: Path | None) -> Mapping[str, Any]:
    """The operator's YAML as a plain mapping; each service validates it for itself."""
    if path is None:
        return {}
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded if isinstance(loaded, dict) else {}


def issuer(ports: Ports, configuration: Mapping[str, Any]) -> str:
    """The issuer the plane will use: environment, then file, then localhost."""
    return os.environ.get("AUTHPLANE_SERVER_ISSUER") or str(_at(configuration, "server.issuer") or default_issuer(ports))


def of_service(
    service: str, places: Places, ports: Ports, secrets: Mapping[str, str], *, dsn: str, redis_url: str, config: Path | None
) -> dict[str, str]:
    """Everything `python -m services.<service>` reads."""
    given = {name: value for name, value in os.environ.items() if name.startswith(_OPERATORS) and name not in _OURS_ALONE}
    configuration = configured(config)
    own = {name: (key, secrets[secret]) for name, (key, secret) in secrets_of(service).items()}
    defaults = {
        name: value for name, (key, value) in (development_defaults(places, ports) | own).items() if _at(configuration, key) is None
    }
    # What the operator's shell holds reaches a service only if it is no secret, or the service's own.
    elsewhere = {name for peer in RPC_ORDER for name in secrets_of(peer)} - own.keys()
    pair = Authority(places.certs).pair(service)
    wiring = {
        "AUTHPLANE_LISTEN_HTTP": f"unix:{places.sockets / service}.sock",
        "AUTHPLANE_LISTEN_RPC": f"127.0.0.1:{ports.rpc(service)}",
        "AUTHPLANE_RPC_CA_FILE": str(Authority(places.certs).ca),
        "AUTHPLANE_RPC_CERT_FILE": str(pair.certificate),
        "AUTHPLANE_RPC_KEY_FILE": str(pair.key),
        **{f"AUTHPLANE_PEERS_{peer.upper()}": f"127.0.0.1:{ports.rpc(peer)}" for peer in RPC_ORDER if peer != "admin"},
        "AUTHPLANE_STORAGE_DRIVER": "postgres",
        "AUTHPLANE_STORAGE_POSTGRES_DSN": dsn,
        "AUTHPLANE_REDIS_URL": redis_url,
        "AUTHPLANE_STATE_DIR": str(places.state / "services"),
    }
    if config is not None:
        wiring["AUTHPLANE_CONFIG"] = str(config.resolve())
    return inherited() | defaults | {name: value for name, value in given.items() if name not in elsewhere} | wiring


def inherited() -> dict[str, str]:
    """What any child keeps from the shell that started the plane."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _at(configuration: Mapping[str, Any], key: str) -> Any:
    if not key:
        return None
    value: Any = configuration
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
