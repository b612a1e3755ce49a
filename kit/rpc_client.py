"""Channels to the plane's other services: their identity checked, a deadline on every call, their errors raised as our own."""

import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Final

import grpc
import structlog

from kit import telemetry
from kit.errors import DeadlineSpent
from kit.rpc_faults import from_rpc
from kit.rpc_interceptors import REQUEST_ID_KEY, TRACEPARENT_KEY, handled_until
from kit.rpc_server import LARGEST_MESSAGE, TlsFiles

SHORT: Final = 2.0
LONG: Final = 10.0

Metadata = Sequence[tuple[str, str | bytes]]


def open_channel(target: str, tls: TlsFiles, peer: str) -> grpc.aio.Channel:
    """A channel to `target` (host:port) that speaks only to a server whose certificate names `<peer>.authplane`.

    Connects when first used and reconnects by itself. Calls end after SHORT unless given another `timeout` in seconds, and never
    later than the RPC on whose behalf they are made; streams of responses have no deadline unless given one. Calls raise the
    peer's error (kit.errors), Unavailable, DeadlineSpent, or PeerFailed.
    """
    credentials = grpc.ssl_channel_credentials(tls.ca.read_bytes(), tls.key.read_bytes(), tls.cert.read_bytes())
    return _Channel(grpc.aio.secure_channel(target, credentials, options=_options(peer)))


def _options(peer: str) -> list[tuple[str, Any]]:
    return [
        ("grpc.ssl_target_name_override", f"{peer}.authplane"),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ("grpc.max_metadata_size", 32 * 1024),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # A peer that restarts is back within a second or two; gRPC's default would look again after minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.lb_policy_name", "round_robin"),
        # Neither a proxy from the environment nor a TXT record decides where our calls go.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),
    ]


def _budget(timeout: float | None, default: float | None, method: str) -> float | None:
    wanted = default if timeout is None else timeout
    until = handled_until.get()
    if until is None:
        return wanted
    left = until - time.monotonic()
    if left <= 0:
        raise DeadlineSpent("the request took too long", debug=f"no time left for {method}")
    return left if wanted is None else min(wanted, left)


def _outgoing(more: Metadata | None) -> tuple[tuple[str, str | bytes], ...]:
    carried: list[tuple[str, str | bytes]] = list(more or ())
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        carried.append((REQUEST_ID_KEY, str(request_id)))
    context = telemetry.traceparent()
    if context is not None:
        carried.append((TRACEPARENT_KEY, context))
    return tuple(carried)


class _Unary:
    """A unary method; awaiting a call gives the response itself."""

    __slots__ = ("_call", "_method")

    def __init__(self, call: Any, method: str) -> None:
        self._call = call
        self._method = method

    async def __call__(self, request: Any, *, timeout: float | None = None, metadata: Metadata | None = None, **options: Any) -> Any:
        budget = _budget(timeout, SHORT, self._method)
        with telemetry.span(self._method, kind="client"):
            try:
                return await self._call(request, timeout=budget, metadata=_outgoing(metadata), **options)
            except grpc.aio.AioRpcError as error:
                raise from_rpc(error, self._method) from error


class _Streaming:
    """A method with a stream of responses; a call is an async iterator, and leaving it cancels the RPC."""

    __slots__ = ("_call", "_method")

    def __init__(self, call: Any, method: str) -> None:
        self._call = call
        self._method = method

    async def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: Metadata | None = None, **options: Any
    ) -> AsyncIterator[Any]:
        call = self._call(request, timeout=_budget(timeout, None, self._method), metadata=_outgoing(metadata), **options)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error, self._method) from error
        finally:
            call.cancel()


class _Channel(grpc.aio.Channel):
    """gRPC's channel with our methods instead of its own. Interceptors would do the same at three times the cost per call."""

    def __init__(self, inner: grpc.aio.Channel) -> None:
        self._inner = inner

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A unary method as generated stubs ask for it."""
        return _Unary(self._inner.unary_unary(method, *args, **kwargs), method)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method with a stream of responses."""
        return _Streaming(self._inner.unary_stream(method, *args, **kwargs), method)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method with a stream of requests, as `unary_unary`."""
        return _Unary(self._inner.stream_unary(method, *args, **kwargs), method)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method with streams both ways, as `unary_stream`."""
        return _Streaming(self._inner.stream_stream(method, *args, **kwargs), method)

    async def close(self, grace: float | None = None) -> None:
        """End the connection; calls in flight get `grace` seconds."""
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """As gRPC's."""
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """As gRPC's."""
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """As gRPC's."""
        await self._inner.channel_ready()

    async def __aenter__(self) -> "_Channel":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._inner.close(None)
