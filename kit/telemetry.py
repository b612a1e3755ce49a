"""Traces and metrics. Nothing leaves the process unless an operator configured where to: without tracing no exporter is even imported.

The trace context of a request (W3C `traceparent`) is handed on in either case, so a trace begun in front of us survives us.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY as _OWN_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"
# Labels whose values an operator chooses (a provider's name) are bounded by number, since their set is not known here.
_MOST_SERIES = 200
# W3C Trace Context, version 00.
_TRACEPARENT = re.compile(r"00-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_context: ContextVar[str | None] = ContextVar("traceparent", default=None)


class _Tracing:
    """The process's tracer, None while off. Not OpenTelemetry's global: frameworks instrument themselves when they see that one."""

    provider: "TracerProvider | None" = None
    tracer: "Tracer | None" = None


def enable_tracing(service: str, *, endpoint: str, insecure: bool, sample_rate: float) -> None:
    """Send spans to an OTLP/gRPC collector; `sample_rate` 0…1 applies to traces that begin here."""
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource({SERVICE_NAME: f"authplane-{service}"}), sampler=ParentBased(TraceIdRatioBased(sample_rate))
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=insecure)))
    _Tracing.provider = provider
    _Tracing.tracer = provider.get_tracer("authplane")


def close_tracing() -> None:
    """Deliver what is waiting and stop; blocks for as long as the collector takes, at most the exporter's own timeout."""
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
        _Tracing.provider = _Tracing.tracer = None


def tracing() -> bool:
    """Whether spans are made at all."""
    return _Tracing.tracer is not None


def accept_traceparent(header: str | None) -> None:
    """Continue the caller's trace in this task; a malformed header starts a new one (W3C Trace Context §3.2.2.5)."""
    _context.set(header if header is not None and _TRACEPARENT.fullmatch(header) else None)


def traceparent() -> str | None:
    """The header to send on: the current span's, or the caller's unchanged while tracing is off."""
    return _context.get()


def trace_id() -> str:
    """The current trace's id in 32 hexadecimal digits, or an empty string."""
    match = _TRACEPARENT.fullmatch(_context.get() or "")
    return match["trace"] if match else ""


@contextmanager
def span(name: str, *, kind: str = "internal", attributes: Mapping[str, str | int] | None = None) -> Iterator[Any]:
    """A span around the block, child of the current one; `kind` is internal, server or client. Yields None while tracing is off."""
    if _Tracing.tracer is None:
        yield None
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    parent = propagator.extract({"traceparent": _context.get() or ""})
    with _Tracing.tracer.start_as_current_span(
        name, context=parent, kind=trace.SpanKind[kind.upper()], attributes=dict(attributes or {}), record_exception=False
    ) as current:
        carrier: dict[str, str] = {}
        propagator.inject(carrier, context=trace.set_span_in_context(current))
        before = _context.get()
        _context.set(carrier.get("traceparent"))
        try:
            yield current
        finally:
            _context.set(before)


class _Bounded:
    """Children of a metric by label values, remembered, and never more of them than declared."""

    def __init__(self, metric: Any, labels: Mapping[str, Collection[str] | None]) -> None:
        self._metric = metric
        self._allowed = tuple(None if values is None else frozenset(values) for values in labels.values())
        self._children: dict[tuple[str, ...], Any] = {}

    def child(self, values: tuple[str, ...]) -> Any:
        known = self._children.get(values)
        if known is not None:
            return known
        if not self._allowed:
            return self._metric
        bounded = tuple(self._bound(value, allowed) for value, allowed in zip(values, self._allowed, strict=True))
        child = self._metric.labels(*bounded)
        if bounded == values:
            self._children[values] = child
        return child

    def _bound(self, value: str, allowed: frozenset[str] | None) -> str:
        if allowed is not None:
            return value if value in allowed else OTHER
        return value if len(self._children) < _MOST_SERIES else OTHER


class Count:
    """A counter: `Count(name, help, {"reason": REASONS}).add("expired")`; a value outside its set counts as `other`.

    A label's set may be None where operators choose the values: then the number of series is bounded.
    """

    def __init__(self, name: str, text: str, labels: Mapping[str, Collection[str] | None] | None = None) -> None:
        self._series = _Bounded(Counter(name, text, tuple(labels or ())), labels or {})

    def add(self, *values: str, amount: float = 1) -> None:
        """Count once, with one value per label in the order declared."""
        self._series.child(values).inc(amount)


class Duration:
    """A histogram of seconds with the plane's buckets; labels as in `Count`."""

    def __init__(self, name: str, text: str, labels: Mapping[str, Collection[str] | None] | None = None) -> None:
        self._series = _Bounded(Histogram(name, text, tuple(labels or ()), buckets=BUCKETS), labels or {})

    def observe(self, seconds: float, *values: str) -> None:
        """Record one duration."""
        self._series.child(values).observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HTTP_LABELS: dict[str, Collection[str] | None] = {"http_method": _METHODS, "http_route": None, "http_status_code": None}
_http_requests = Count("authserver_http_requests_total", "Requests answered.", _HTTP_LABELS)
_http_seconds = Duration("authserver_http_request_duration_seconds", "Time from request to response.", _HTTP_LABELS)


def http_done(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request: `HttpApp(…, on_done=http_done)`. `route` is the template, never the path asked for."""
    _http_requests.add(method, route, str(status))
    _http_seconds.observe(seconds, method, route, str(status))


def exposition() -> bytes:
    """Every metric in Prometheus' text format; with several workers, the sum over all of them."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(_OWN_REGISTRY)
