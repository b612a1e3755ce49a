"""The ASGI application around a service's handlers: dispatch, headers every response has, errors, CORS, one log line per request."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from kit import log
from kit.errors import AuthPlaneError, MethodNotAllowed, Missing
from kit.http.cors import Cors
from kit.http.reply import Reply, as_asked, problem
from kit.http.request import AsgiApp, ClientGone, Message, Receive, Request, Scope, Send
from kit.http.routes import Endpoint, Route, RouteTable

# (route, method, status, seconds); `route` is the template, so its values are few.
OnDone = Callable[[str, str, int, float], None]

UNMATCHED: Final = "unmatched"
CLIENT_GONE: Final = 499
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_DEFAULTS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    # Almost everything said here is about one person or one token; what may be kept says so itself.
    (b"cache-control", b"no-store"),
)

logger = log.get(__name__)


class HttpApp:
    """Answers the routes; hands other paths to `fallback` (a FastAPI app, say) or says 404.

    `secure`: browsers are told to insist on https. `allowed_origins`: who may call the `cors` routes from a script.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        fallback: AsgiApp | None = None,
        secure: bool,
        service: str,
        on_done: OnDone | None = None,
        allowed_origins: Sequence[str] = ("*",),
    ) -> None:
        self._routes = RouteTable(routes)
        self._fallback = fallback
        self._service = service
        self._on_done = on_done
        self._cors = Cors(allowed_origins)
        self._defaults = [*_DEFAULTS, _HSTS] if secure else list(_DEFAULTS)
        self._default_names = frozenset(name for name, _ in self._defaults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await _decline(scope, receive, send)
            return
        started = time.perf_counter()
        endpoint, path_params = self._routes.find(scope["path"])
        request = Request(scope, receive, path_params)
        # Whatever is logged or called on behalf of this request carries its id.
        structlog.contextvars.bind_contextvars(request_id=request.request_id)
        if endpoint is None and self._fallback is not None:
            route, status = await self._delegate(self._fallback, request, scope, receive, send)
        else:
            route = endpoint.path if endpoint is not None else UNMATCHED
            status = await self._respond(endpoint, request, send)
        self._done(request, route, status, time.perf_counter() - started)

    async def _respond(self, endpoint: Endpoint | None, request: Request, send: Send) -> int:
        try:
            reply = await self._answer(endpoint, request)
            if reply.status >= 400:
                reply = as_asked(reply, request.headers_all("accept"))
            head = self._head(reply, request, endpoint)
        except ClientGone:
            return CLIENT_GONE
        except Exception as error:
            reply = self._failure(None, request, error)
            head = self._head(reply, request, endpoint)
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        await send({"type": "http.response.body", "body": reply.body if request.method != "HEAD" else b""})
        return reply.status

    async def _answer(self, endpoint: Endpoint | None, request: Request) -> Reply:
        if endpoint is None:
            return self._failure(None, request, Missing("there is nothing at this path"))
        route = endpoint.by_method.get(request.method)
        if route is None:
            if endpoint.cors and request.method == "OPTIONS":
                return self._cors.preflight(endpoint.allow)
            refused = self._failure(None, request, MethodNotAllowed(f"this path answers {endpoint.allow}"))
            return refused.adding(("allow", endpoint.allow))
        try:
            return await route.handler(request)
        except ClientGone:
            raise
        except Exception as error:
            return self._failure(route, request, error)

    def _failure(self, route: Route | None, request: Request, error: Exception) -> Reply:
        if not isinstance(error, AuthPlaneError):
            logger.error("http.crashed", route=route.path if route else UNMATCHED, exc_info=error)
            error = AuthPlaneError("something went wrong on our side; quote the request id when asking about it")
        request.facts["error"] = error.code
        if error.debug:
            request.facts["debug"] = error.debug
        if route is not None and route.html_errors is not None:
            return route.html_errors(request, error)
        return problem(error)

    def _head(self, reply: Reply, request: Request, endpoint: Endpoint | None) -> list[tuple[bytes, bytes]]:
        own = [(name.lower().encode("ascii"), _field(value)) for name, value in reply.headers]
        names = {name for name, _ in own}
        defaults = self._defaults
        if not names.isdisjoint(self._default_names):
            defaults = [header for header in defaults if header[0] not in names]
        head = [*defaults, *own, (b"x-request-id", request.request_id.encode())]
        if reply.status != 204 and reply.status != 304:
            head.append((b"content-length", b"%d" % len(reply.body)))
        if endpoint is not None and endpoint.cors:
            head += self._cors.headers(request)
        return head

    async def _delegate(self, fallback: AsgiApp, request: Request, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        status = 0

        async def decorated(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._completed(list(message.get("headers", ())), request)
            await send(message)

        try:
            await fallback(scope, receive, decorated)
        except Exception as error:
            if status:
                # Headers are out: all that is left is to say so here and let the server cut the connection.
                logger.exception("http.crashed", route=_template(scope))
                raise
            reply = self._failure(None, request, error)
            status = reply.status
            await send({"type": "http.response.start", "status": status, "headers": self._head(reply, request, None)})
            await send({"type": "http.response.body", "body": reply.body})
        return _template(scope), status

    def _completed(self, headers: list[tuple[bytes, bytes]], request: Request) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in headers}
        headers += [header for header in self._defaults if header[0] not in names]
        headers.append((b"x-request-id", request.request_id.encode()))
        return headers

    def _done(self, request: Request, route: str, status: int, seconds: float) -> None:
        facts = request.facts
        facts["method"] = request.method
        facts["route"] = route
        facts["status"] = status
        facts["ms"] = round(seconds * 1000, 3)
        facts["client_address"] = request.client_address
        logger.info("http.done", **facts)
        if self._on_done is not None:
            self._on_done(route, request.method, status, seconds)


def _field(value: str) -> bytes:
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError("a header value would end its line")
    return value.encode("latin-1")


def _template(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", UNMATCHED))


async def _decline(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
