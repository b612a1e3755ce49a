"""What every service answers before its own routes: is it alive, is it well, is it ready, and its metrics."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import orjson

from kit import log, telemetry
from kit.clock import Clock
from kit.errors import AuthPlaneError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Check = Callable[[], Awaitable[Mapping[str, str]]]
Ping = Callable[[float], Awaitable[None]]

OK: Final = "ok"
_HEALTH_SECONDS = 5.0
_READY_SECONDS = 3.0

logger = log.get(__name__)


class Front:
    """`/livez`, `/health`, `/ready` and `/metrics`; everything else goes to the service's application untouched.

    `ping` asks the database within the seconds given, or is None for a service without one; `check` is the service's own readiness:
    names with `ok` or what is wrong. `metrics_path` is None where metrics are not collected here.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock, check: Check, ping: Ping | None, metrics_path: str | None = "/metrics") -> None:
        self._app = app
        self._clock = clock
        self._check = check
        self._ping = ping
        self.draining = False
        self._routes: dict[str, Callable[[], Awaitable[tuple[int, bytes, bytes]]]] = {
            "/livez": self._live,
            "/health": self._health,
            "/ready": self._ready,
        }
        if metrics_path is not None:
            self._routes[metrics_path] = self._metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        answer = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None or scope["method"] not in {"GET", "HEAD"}:
            await self._pass_on(scope, receive, send)
            return
        status, content_type, body = await answer()
        headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
        headers.append((b"x-content-type-options", b"nosniff"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"traceparent":
                telemetry.accept_traceparent(value.decode("latin-1"))
        if telemetry.tracing():
            with telemetry.span(f"HTTP {scope.get('method', '')}", kind="server"):
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self) -> tuple[int, bytes, bytes]:
        return self._json(200, {"status": "alive"})

    async def _health(self) -> tuple[int, bytes, bytes]:
        database = await self._database(_HEALTH_SECONDS)
        well = all(value == OK for value in database.values())
        return self._json(200 if well else 503, {"status": OK if well else "degraded", **database})

    async def _ready(self) -> tuple[int, bytes, bytes]:
        checks = {**await self._database(_READY_SECONDS), **await self._own()}
        ready = not self.draining and all(value == OK for value in checks.values())
        return self._json(200 if ready else 503, {"status": "ready" if ready else "not_ready", **checks})

    async def _database(self, seconds: float) -> dict[str, str]:
        if self._ping is None:
            return {}
        try:
            await self._ping(seconds)
        except AuthPlaneError as error:
            logger.warning("health.db_failed", debug=error.debug)
            return {"db": "error"}
        return {"db": OK}

    async def _own(self) -> Mapping[str, str]:
        try:
            return await self._check()
        except AuthPlaneError as error:
            logger.warning("health.check_failed", detail=error.detail, debug=error.debug)
            return {"service": error.detail}

    async def _metrics(self) -> tuple[int, bytes, bytes]:
        return 200, telemetry.METRICS_CONTENT_TYPE.encode(), telemetry.exposition()

    def _json(self, status: int, members: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return status, b"application/json", orjson.dumps({"status": members["status"], "time": now, **members})
