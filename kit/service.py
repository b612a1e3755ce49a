"""Running a service: configuration, resources, listeners, readiness, and an end that loses nothing.

`run(name, build)` is the whole of a service's `__main__`; `build` is its composition (app.py).
"""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

import config
from kit import http_server, log, telemetry, workers
from kit.clock import SystemClock
from kit.errors import AuthPlaneError
from kit.front import ASGIApp, Front
from kit.migrate import MigrationRefused, migrate
from kit.resources import BootFailed, Resources, patiently
from kit.rpc_server import CallersIncomplete, RpcServer, Servicer
from kit.settings import SettingsError

__all__ = ["Resources", "Service", "run"]

_GATEWAY = "spiffe://authplane/gateway"
_LONGEST_PAUSE = 30.0

logger = log.get(__name__)


async def _nothing_to_check() -> Mapping[str, str]:
    return {}


async def _nothing_to_close() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Service:
    """What a service consists of once built.

    `callers` has one row per entry of `rpc`. `background` runs from start to end; what fails there is logged and started again.
    `ready` names the service's own conditions, each `ok` or what is wrong. `close` releases what the service itself opened.
    """

    http: ASGIApp
    rpc: Sequence[Servicer] = ()
    callers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    ready: Callable[[], Awaitable[Mapping[str, str]]] = _nothing_to_check
    close: Callable[[], Awaitable[None]] = _nothing_to_close
    reflection: bool = False


Build = Callable[[Resources], Awaitable[Service]]


def run(name: str, build: Build, *, default_workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT; exits the process: 0 after a drain, 1 with plain words when it cannot start.

    `default_workers` processes share the listeners unless `runtime.workers` says otherwise.
    """
    try:
        configuration = config.load(os.environ.get("AUTHPLANE_CONFIG"), os.environ, service=name)
    except SettingsError as error:
        sys.exit(f"{name}: the configuration cannot be used\n{error}")
    logging = configuration.observability.logging
    log.setup(name, logging.level, logging.format, add_source=logging.add_source)
    try:
        sys.exit(_supervise_or_serve(name, build, configuration, default_workers))
    except (BootFailed, MigrationRefused, CallersIncomplete, AuthPlaneError, OSError, ValueError) as error:
        # The words say it; a trace would bury them.
        logger.error("service.cannot_start", error=str(error), debug=getattr(error, "debug", ""))  # noqa: TRY400
        sys.exit(f"{name}: {error}")
    except Exception:
        logger.exception("service.crashed")
        sys.exit(1)


def _supervise_or_serve(name: str, build: Build, configuration: Any, default_workers: int) -> int:
    listening = workers.inherited(os.environ)
    count = configuration.runtime.workers or default_workers
    wait = configuration.server.shutdown_wait.total_seconds()
    if listening is None and count > 1:
        listening = http_server.bind(configuration.listen.http)
        environ = {**os.environ, **_shared_metrics(name, configuration)}
        return workers.Workers(count, listening, environ, patience=wait + 5).run()
    return uvloop.run(_Process(name, build, configuration, listening).serve())


def _shared_metrics(name: str, configuration: Any) -> dict[str, str]:
    """Workers add up their counters in files of this folder (Prometheus' multiprocess mode), which starts empty."""
    folder = Path(configuration.runtime.state_dir) / "metrics" / name
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


class _Process:
    """One process of a service from start to end."""

    def __init__(self, name: str, build: Build, configuration: Any, listening: Any) -> None:
        self._name = name
        self._build = build
        self._configuration = configuration
        self._listening = listening
        self._is_worker = listening is not None
        self._resources = Resources(configuration, name, SystemClock())
        self._stop = asyncio.Event()
        self._service: Service | None = None
        self._front: Front | None = None
        self._http: http_server.HttpServer | None = None
        self._rpc: RpcServer | None = None
        self._background: list[asyncio.Task[None]] = []

    async def serve(self) -> int:
        """Start, wait for a signal, drain. Raises what keeps it from starting."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        stopped = asyncio.create_task(self._stop.wait())
        booting = asyncio.create_task(self._boot())
        try:
            await asyncio.wait({booting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if booting.done():
                booting.result()
                logger.info("service.ready", http=self._configuration.listen.http, rpc=self._rpc.port if self._rpc else None)
                await stopped
        finally:
            booting.cancel()
            await asyncio.gather(booting, return_exceptions=True)
            stopped.cancel()
            await self._end()
        logger.info("service.stopped")
        return 0

    def _on_signal(self) -> None:
        if self._stop.is_set():
            os._exit(1)
        self._stop.set()

    async def _boot(self) -> None:
        configuration = self._configuration
        tracing = configuration.observability.tracing
        if tracing.enabled:
            telemetry.enable_tracing(self._name, endpoint=tracing.endpoint, insecure=tracing.insecure, sample_rate=tracing.sample_rate)
        await self._migrate()
        self._service = service = await self._build(self._resources)
        await self._start_rpc(service)
        metrics = configuration.observability.metrics
        scraped = metrics.path if metrics.provider in {"prometheus", "both"} else None
        self._front = Front(service.http, clock=self._resources.clock, check=service.ready, ping=self._resources.ping, metrics_path=scraped)
        self._start_http(self._front)
        background = list(service.background)
        if metrics.provider in {"otel", "both"}:
            from kit.metrics_push import MetricsPush

            background.append(MetricsPush(self._name, metrics.otel_endpoint, insecure=metrics.insecure).run)
        self._background = [asyncio.create_task(_keep(work)) for work in background]

    async def _migrate(self) -> None:
        """The service's migrations lie beside its composition."""
        directory = Path(inspect.getfile(self._build)).parent / "migrations"
        dsn = self._configuration.storage.postgres.dsn
        if directory.is_dir() and dsn:
            await patiently("Postgres", lambda: migrate(dsn, directory, self._name))

    async def _start_rpc(self, service: Service) -> None:
        listen = self._configuration.listen.rpc
        if not listen:
            if service.rpc:
                raise BootFailed("listen.rpc is not set, but this service is called by others")
            return
        rpc = RpcServer(
            service.rpc, service.callers, self._resources.tls(), listen, reflection=service.reflection, reuse_port=self._is_worker
        )
        await rpc.start()
        self._rpc = rpc

    def _start_http(self, front: Front) -> None:
        listen = self._configuration.listen.http
        tls = None
        if not listen.startswith("unix:") and self._resources.has_tls():
            tls = http_server.mutual_tls(self._resources.tls())
        elif not http_server.is_loopback(listen):
            raise BootFailed(f"listen.http is {listen}: beyond this machine the listener needs rpc.ca_file, rpc.cert_file and rpc.key_file")
        idle = self._configuration.server.idle_timeout.total_seconds()
        listening = self._listening or http_server.bind(listen)
        self._http = http_server.HttpServer(front, listening, tls=tls, peer=_GATEWAY, keep_alive=idle)
        self._http.start()

    async def _end(self) -> None:
        wait = self._configuration.server.shutdown_wait.total_seconds()
        if self._front is not None:
            self._front.draining = True
        drains = [part for part in (self._http and self._http.drain(wait), self._rpc and self._rpc.stop(wait)) if part]
        await asyncio.gather(*drains)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._service is not None:
            await self._service.close()
        await self._resources.close()
        await asyncio.to_thread(telemetry.close_tracing)


async def _keep(work: Callable[[], Awaitable[None]]) -> None:
    """Run until it returns; after a failure again, with growing pauses."""
    pause = 1.0
    while True:
        try:
            await work()
        except Exception:
            logger.exception("background.failed", work=getattr(work, "__qualname__", repr(work)), again_in=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return
