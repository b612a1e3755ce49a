"""A gRPC interceptor that presents the API key, and keeps an unanswered call from hanging for ever."""

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class KeyedCalls(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """`seconds` bounds unary calls; a stream lasts until its reader leaves."""

    def __init__(self, key: str, seconds: float) -> None:
        self._key = key
        self._seconds = seconds

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """With the key and a deadline."""
        return continuation(self._keyed(details, details.timeout or self._seconds), request)

    def intercept_unary_stream(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """With the key."""
        return continuation(self._keyed(details, details.timeout), request)

    def _keyed(self, details: Any, timeout: float | None) -> _Details:
        metadata = [*(details.metadata or ()), ("authorization", f"Bearer {self._key}")]
        return _Details(
            details.method,
            timeout,
            metadata,
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )
