"""What stands before every RPC handler: who is calling, what they carry along, and how their refusals travel."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import grpc
import structlog

from kit import log, telemetry
from kit.errors import AuthPlaneError, Unavailable
from kit.rpc_faults import INTERNAL_TEXT, status_of, to_metadata

PLANE: Final = "spiffe://authplane/"
REQUEST_ID_KEY: Final = "x-request-id"
TRACEPARENT_KEY: Final = "traceparent"
_LONGEST_REQUEST_ID = 128

# When the RPC being handled must be answered, on the loop's clock; calls made on its behalf end no later.
handled_until: ContextVar[float | None] = ContextVar("handled_until", default=None)

logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Anyone:
    """A row for services that every certificate of the plane may call, such as health."""

    def __contains__(self, name: object) -> bool:
        return True


Row = frozenset[str] | Anyone


def caller_of(names: Mapping[str, Any]) -> str:
    """The caller's name from a peer certificate: its only URI SAN `spiffe://authplane/<name>`; empty when there is no such name.

    `names` is gRPC's auth context; a certificate with two identities has none.
    """
    found = {san.decode("utf-8", "replace") for san in names.get("x509_subject_alternative_name", ())}
    plane = [name.removeprefix(PLANE) for name in found if name.startswith(PLANE)]
    return plane[0] if len(plane) == 1 and "/" not in plane[0] else ""


class Streams:
    """The response streams being served, so that a drain can end them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.ended = False

    def enter(self) -> asyncio.Task[Any]:
        """Count the current task in, and answer it."""
        task = asyncio.current_task()
        assert task is not None, "handlers run in tasks"
        self._tasks.add(task)
        return task

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Count it out."""
        self._tasks.discard(task)

    def end(self) -> None:
        """Interrupt them all."""
        self.ended = True
        for task in self._tasks:
            task.cancel()


class Gate(grpc.aio.ServerInterceptor):
    """Admits callers by table, carries request id and trace, turns errors into faults and writes one log line per RPC."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows
        self._gated: dict[str, Any] = {}
        self._streams = Streams()

    def end_streams(self) -> None:
        """Send the readers of open streams elsewhere; a stream has no end of its own that a drain could wait for."""
        self._streams.end()

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """The handler behind the gate; None where no such method exists, which gRPC answers with UNIMPLEMENTED."""
        method: str = handler_call_details.method
        known = self._gated.get(method)
        if known is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            known = self._gated[method] = _behind(handler, method, self._rows.get(method.split("/")[1], frozenset()), self._streams)
        return known


def _behind(handler: Any, method: str, row: Row, streams: Streams) -> Any:
    kwargs = {"request_deserializer": handler.request_deserializer, "response_serializer": handler.response_serializer}
    if handler.response_streaming:
        make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        return make(_streaming(handler.stream_stream or handler.unary_stream, method, row, streams), **kwargs)
    make_unary = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
    return make_unary(_unary(handler.stream_unary or handler.unary_unary, method, row), **kwargs)


def _unary(behaviour: Callable[..., Any], method: str, row: Row) -> Any:
    async def handle(request: Any, context: Any) -> Any:
        started = time.perf_counter()
        caller = await _admit(context, method, row)
        try:
            with telemetry.span(method, kind="server"):
                response = await behaviour(request, context)
        except Exception as error:
            await _refuse(context, method, caller, started, error)
        _done(method, caller, "OK", started)
        return response

    return handle


def _streaming(behaviour: Callable[..., Any], method: str, row: Row, streams: Streams) -> Any:
    async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
        started = time.perf_counter()
        caller = await _admit(context, method, row)
        task = streams.enter()
        try:
            produced = behaviour(request, context)
            if hasattr(produced, "__aiter__"):
                async for response in produced:
                    yield response
            else:
                await produced  # it writes through the context
        except asyncio.CancelledError:
            if not streams.ended:
                raise
            task.uncancel()
            await _refuse(context, method, caller, started, Unavailable("this replica is going away; read from another"))
        except Exception as error:
            await _refuse(context, method, caller, started, error)
        finally:
            streams.leave(task)
        _done(method, caller, "OK", started)

    return handle


async def _admit(context: Any, method: str, row: Row) -> str:
    caller = caller_of(context.auth_context())
    if not caller or caller not in row:
        logger.warning("rpc.refused_caller", method=method, caller=caller or "none")
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this caller may not use this service")
    _carry(context)
    return caller


def _carry(context: Any) -> None:
    carried = {key: value for key, value in context.invocation_metadata() or () if key in {REQUEST_ID_KEY, TRACEPARENT_KEY}}
    request_id = carried.get(REQUEST_ID_KEY, "")
    if request_id and len(request_id) <= _LONGEST_REQUEST_ID:
        structlog.contextvars.bind_contextvars(request_id=request_id)
    telemetry.accept_traceparent(carried.get(TRACEPARENT_KEY))
    remaining = context.time_remaining()
    handled_until.set(None if remaining is None else time.monotonic() + remaining)


async def _refuse(context: Any, method: str, caller: str, started: float, error: Exception) -> None:
    """End the RPC with what `error` means to the caller. Always raises."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, AuthPlaneError):
        logger.error("rpc.failed", method=method, caller=caller, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, INTERNAL_TEXT)
        return
    status = status_of(error)
    if status is grpc.StatusCode.INTERNAL:
        logger.error("rpc.failed", method=method, caller=caller, debug=error.debug, exc_info=error)
    _done(method, caller, status.name, started, error=type(error).__name__, detail=error.detail, debug=error.debug)
    await context.abort(status, error.detail, to_metadata(error))


def _done(method: str, caller: str, status: str, started: float, **more: str) -> None:
    milliseconds = round((time.perf_counter() - started) * 1000, 2)
    # Health probes come every few seconds from every neighbour; they are not news.
    write = logger.debug if method.startswith("/grpc.health.") else logger.info
    write("rpc.done", method=method, caller=caller, status=status, ms=milliseconds, **more)
