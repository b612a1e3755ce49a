"""Traces and metrics: off means off, on means W3C, and labels stay few."""

import subprocess
import sys
from collections.abc import Iterator
from contextvars import copy_context

import pytest
from prometheus_client import REGISTRY

from kit import telemetry
from kit.metrics_push import MetricsPush

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_tracing_no_exporter_is_even_imported() -> None:
    """Target O10: nothing leaves unless configured."""
    script = "import kit.telemetry, sys; print(any('otlp' in name or 'opentelemetry.sdk' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_callers_trace_is_handed_on_unchanged_while_tracing_is_off() -> None:
    def check() -> None:
        telemetry.accept_traceparent(TRACE)
        with telemetry.span("x") as span:
            assert span is None
            assert telemetry.traceparent() == TRACE
        assert telemetry.trace_id() == "0af7651916cd43dd8448eb211c80319c"

    copy_context().run(check)


@pytest.mark.parametrize(
    "header", ["", "garbage", TRACE.upper(), TRACE + "-x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff" + TRACE[2:], TRACE + "\n"]
)
def test_a_malformed_trace_is_forgotten(header: str) -> None:
    """W3C Trace Context §3.2.2.5."""

    def check() -> None:
        telemetry.accept_traceparent(header)
        assert telemetry.traceparent() is None
        assert telemetry.trace_id() == ""

    copy_context().run(check)


@pytest.fixture
def tracing() -> Iterator[None]:
    telemetry.enable_tracing("test", endpoint="http://127.0.0.1:1", insecure=True, sample_rate=1.0)
    provider = telemetry._Tracing.provider
    assert provider is not None
    provider._active_span_processor._span_processors = ()  # the collector is not there to be waited for
    yield
    telemetry.close_tracing()


@pytest.mark.usefixtures("tracing")
def test_a_span_continues_the_callers_trace_and_names_itself_as_parent() -> None:
    def check() -> None:
        telemetry.accept_traceparent(TRACE)
        with telemetry.span("outer", kind="server"):
            outer = telemetry.traceparent()
            with telemetry.span("inner", kind="client"):
                inner = telemetry.traceparent()
        assert outer is not None
        assert inner is not None
        assert len({TRACE, outer, inner}) == 3
        assert {text.split("-")[1] for text in (TRACE, outer, inner)} == {"0af7651916cd43dd8448eb211c80319c"}
        assert telemetry.traceparent() == TRACE

    copy_context().run(check)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_value_outside_its_set_counts_as_other() -> None:
    count = telemetry.Count("test_refusals_total", "x", {"reason": ("expired", "replayed")})
    for reason in ("expired", "invented by a stranger", "invented by another"):
        count.add(reason)
    assert value("test_refusals_total", reason="expired") == 1
    assert value("test_refusals_total", reason="other") == 2
    assert value("test_refusals_total", reason="invented by a stranger") is None


def test_values_an_operator_chooses_are_bounded_by_number() -> None:
    count = telemetry.Count("test_vends_total", "x", {"provider": None})
    for n in range(1000):
        count.add(f"provider-{n}")
    assert value("test_vends_total", provider="other") == 800


def test_requests_are_counted_by_template() -> None:
    """Operator contract §6.1."""
    telemetry.http_done("/things/{id}", "GET", 200, 0.004)
    labels = {"http_method": "GET", "http_route": "/things/{id}", "http_status_code": "200"}
    assert value("authserver_http_requests_total", **labels) == 1
    assert value("authserver_http_request_duration_seconds_bucket", **labels, le="0.005") == 1
    telemetry.http_done("/things/{id}", "BREW", 405, 0.004)
    assert value("authserver_http_requests_total", **labels | {"http_method": "other", "http_status_code": "405"}) == 1


def test_what_is_pushed_is_what_is_scraped() -> None:
    telemetry.Count("test_pushed_total", "Things pushed.", {"kind": ("a",)}).add("a", amount=3)
    seconds = telemetry.Duration("test_pushed_seconds", "Time.")
    for spent in (0.002, 0.002, 0.3, 60):
        seconds.observe(spent)
    request = MetricsPush("test", "http://collector:4317", insecure=True).request(REGISTRY.collect())
    (resource,) = request.resource_metrics
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    (point,) = metrics["test_pushed_total"].sum.data_points
    assert (point.as_double, point.attributes[0].key, point.attributes[0].value.string_value) == (3, "kind", "a")
    (spread,) = metrics["test_pushed_seconds"].histogram.data_points
    assert (spread.count, len(spread.bucket_counts), len(spread.explicit_bounds)) == (4, 13, 12)
    assert list(spread.explicit_bounds) == list(telemetry.BUCKETS)
    counts = dict(zip([*spread.explicit_bounds, float("inf")], spread.bucket_counts, strict=True))
    assert (counts[0.005], counts[0.5], counts[float("inf")], sum(spread.bucket_counts)) == (2, 1, 1, 4)
