"""Traces and metrics as a collector receives them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from kit import telemetry
from kit.metrics_push import MetricsPush


class Collector(metrics_service_pb2_grpc.MetricsServiceServicer, trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.port = 0

    async def Export(self, request: Any, context: Any) -> Any:
        self.received.append(request)
        if isinstance(request, trace_service_pb2.ExportTraceServiceRequest):
            return trace_service_pb2.ExportTraceServiceResponse()
        return metrics_service_pb2.ExportMetricsServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    server = grpc.aio.server()
    metrics: Any = metrics_service_pb2_grpc
    traces: Any = trace_service_pb2_grpc
    metrics.add_MetricsServiceServicer_to_server(made, server)
    traces.add_TraceServiceServicer_to_server(made, server)
    made.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield made
    await server.stop(0)


async def test_a_finished_span_reaches_the_collector(collector: Collector) -> None:
    telemetry.enable_tracing("test", endpoint=f"http://127.0.0.1:{collector.port}", insecure=True, sample_rate=1.0)
    with telemetry.span("work", kind="server"):
        pass
    await asyncio.to_thread(telemetry.close_tracing)
    (resource,) = collector.received[0].resource_spans
    assert resource.resource.attributes[0].value.string_value == "authplane-test"
    assert resource.scope_spans[0].spans[0].name == "work"


async def test_metrics_are_sent_every_so_often_and_when_it_ends(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.metrics_push._SECONDS", 0.1)
    task = asyncio.create_task(MetricsPush("test", f"http://127.0.0.1:{collector.port}", insecure=True).run())
    async with asyncio.timeout(5):
        while len(collector.received) < 2:  # noqa: ASYNC110 - the collector tells nobody
            await asyncio.sleep(0.02)
    seen = len(collector.received)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(collector.received) == seen + 1
    names = {metric.name for metric in collector.received[-1].resource_metrics[0].scope_metrics[0].metrics}
    assert "process_cpu_seconds_total" in names
