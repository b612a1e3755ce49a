"""A gRPC server in which every service says who may call it, and nobody without a certificate of the plane gets in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from kit.rpc_interceptors import Anyone, Gate, Row

LARGEST_MESSAGE: Final = 1024 * 1024
_LARGEST_METADATA: Final = 32 * 1024
_MOST_RPCS: Final = 1000
_HEALTH: Final = str(health.SERVICE_NAME)
_REFLECTION: Final = str(reflection.SERVICE_NAME)

# (the stub module's add_…Servicer_to_server, the servicer, the full service name such as "authserver.vault.v1.LinkService")
Servicer = tuple[Callable[[Any, Any], None], Any, str]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the plane's certificate authority, this process's certificate chain and its private key."""

    ca: Path
    cert: Path
    key: Path


class CallersIncomplete(ValueError):
    """The callers table and the services offered do not match row by row."""


class RpcServer:
    """`listen` is host:port; port 0 asks for a free one. Raises CallersIncomplete unless `callers` has exactly one row per service."""

    def __init__(
        self,
        services: Sequence[Servicer],
        callers: Mapping[str, frozenset[str]],
        tls: TlsFiles,
        listen: str,
        *,
        reflection: bool = False,
        reuse_port: bool = False,
    ) -> None:
        names = [name for _, _, name in services]
        self._rows = _rows(names, callers, reflection=reflection)
        self._gate = Gate(self._rows)
        self._services = services
        self._tls = tls
        self._listen = listen
        self._reflection = reflection
        self._reuse_port = reuse_port
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen and serve. Raises OSError when the address is taken or the TLS files cannot be read."""
        server = grpc.aio.server(interceptors=(self._gate,), options=_options(self._reuse_port), maximum_concurrent_rpcs=_MOST_RPCS)
        for add, servicer, name in self._services:
            add(servicer, server)
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._reflection:
            _enable_reflection([name for _, _, name in self._services], server)
        try:
            self.port = server.add_secure_port(_every_interface(self._listen), _credentials(self._tls))
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._listen} for gRPC: {error}") from error
        await server.start()
        self._server = server

    async def set_ready(self, ready: bool) -> None:
        """Answer health probes accordingly."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *(name for _, _, name in self._services)):
            await self._health.set(name, status)

    async def stop(self, seconds: float) -> None:
        """Refuse new RPCs at once, let running ones finish for `seconds`, then cancel them. Streams end at once as Unavailable."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            self._gate.end_streams()
            await self._server.stop(seconds)
            self._server = None


def _every_interface(listen: str) -> str:
    """`:9090` as gRPC writes it."""
    return f"[::]{listen}" if listen.startswith(":") else listen


def _rows(names: Sequence[str], callers: Mapping[str, frozenset[str]], *, reflection: bool) -> dict[str, Row]:
    if missing := [name for name in names if name not in callers]:
        raise CallersIncomplete(f"no callers row for: {', '.join(missing)}")
    if extra := sorted(set(callers) - set(names)):
        raise CallersIncomplete(f"callers rows without a service: {', '.join(extra)}")
    rows: dict[str, Row] = dict(callers)
    rows[_HEALTH] = Anyone()
    if reflection:
        rows[_REFLECTION] = rows[_REFLECTION.replace("v1alpha", "v1")] = frozenset[str]().union(*callers.values())
    return rows


def _enable_reflection(names: Sequence[str], server: grpc.aio.Server) -> None:
    reflection.enable_server_reflection((*names, _HEALTH, _REFLECTION), server)


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.cert.read_bytes())], root_certificates=tls.ca.read_bytes(), require_client_auth=True
    )


def _options(reuse_port: bool) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", int(reuse_port)),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ("grpc.max_metadata_size", _LARGEST_METADATA),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 3),
    ]
