"""Metrics sent to an OTLP collector: the process's Prometheus registry, translated family by family. Only where configured."""

import asyncio
import os
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from kit import log

_SECONDS: Final = 60.0
_EXPORT_SECONDS: Final = 10.0
_CUMULATIVE: Final = otlp.AGGREGATION_TEMPORALITY_CUMULATIVE

logger = log.get(__name__)


class MetricsPush:
    """Sends every minute, and a last time when cancelled; a collector that is away is logged and tried again."""

    def __init__(self, service: str, endpoint: str, *, insecure: bool) -> None:
        self._target = urlsplit(endpoint).netloc if "://" in endpoint else endpoint
        self._insecure = insecure
        self._resource = Resource(
            attributes=_attributes(
                {"service.name": f"authplane-{service}", "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}.items()
            )
        )
        self._since = time.time_ns()

    async def run(self) -> None:
        """Until cancelled."""
        options = [("grpc.enable_http_proxy", 0), ("grpc.service_config_disable_resolution", 1)]
        opened = (
            grpc.aio.insecure_channel(self._target, options=options)
            if self._insecure
            else grpc.aio.secure_channel(self._target, grpc.ssl_channel_credentials(), options=options)
        )
        async with opened as channel:
            export: Any = MetricsServiceStub(channel).Export  # type: ignore[no-untyped-call]
            try:
                while True:
                    await asyncio.sleep(_SECONDS)
                    await self._send(export)
            finally:
                await self._send(export)

    async def _send(self, export: Any) -> None:
        try:
            await export(self.request(REGISTRY.collect()), timeout=_EXPORT_SECONDS)
        except grpc.aio.AioRpcError as error:
            logger.warning("metrics.not_delivered", status=error.code().name, debug=error.details())

    def request(self, families: Iterable[Metric]) -> ExportMetricsServiceRequest:
        """What is sent for these families, as of now."""
        now = time.time_ns()
        metrics = [metric for family in families if (metric := self._metric(family, now)) is not None]
        scope = otlp.ScopeMetrics(scope=InstrumentationScope(name="authplane"), metrics=metrics)
        return ExportMetricsServiceRequest(resource_metrics=[otlp.ResourceMetrics(resource=self._resource, scope_metrics=[scope])])

    def _metric(self, family: Metric, now: int) -> otlp.Metric | None:
        if family.type == "counter":
            totals = [sample for sample in family.samples if sample.name.endswith("_total")]
            points = [self._number(sample, now) for sample in totals]
            counted = otlp.Sum(data_points=points, aggregation_temporality=_CUMULATIVE, is_monotonic=True)
            return otlp.Metric(name=f"{family.name}_total", description=family.documentation, sum=counted)
        if family.type == "gauge":
            gauge = otlp.Gauge(data_points=[self._number(sample, now) for sample in family.samples])
            return otlp.Metric(name=family.name, description=family.documentation, gauge=gauge)
        if family.type == "histogram":
            spread = otlp.Histogram(data_points=list(self._spread(family, now)), aggregation_temporality=_CUMULATIVE)
            return otlp.Metric(name=family.name, description=family.documentation, unit="s", histogram=spread)
        return None

    def _number(self, sample: Sample, now: int) -> otlp.NumberDataPoint:
        return otlp.NumberDataPoint(
            attributes=_attributes(sample.labels.items()),
            start_time_unix_nano=self._since,
            time_unix_nano=now,
            as_double=sample.value,
        )

    def _spread(self, family: Metric, now: int) -> Iterator[otlp.HistogramDataPoint]:
        """Prometheus' buckets count everything below their bound; OTLP's count what lies between two bounds."""
        series: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        for sample in family.samples:
            labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
            one = series.setdefault(labels, {"bounds": [], "below": [], "_sum": 0.0, "_count": 0.0})
            if sample.name.endswith("_bucket"):
                one["bounds"].append(float(sample.labels["le"]))
                one["below"].append(int(sample.value))
            elif sample.name.endswith(("_sum", "_count")):
                one[sample.name[len(family.name) :]] = sample.value
        for labels, one in series.items():
            below = one["below"]
            yield otlp.HistogramDataPoint(
                attributes=_attributes(labels),
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                count=int(one["_count"]),
                sum=one["_sum"],
                bucket_counts=[upper - lower for lower, upper in zip([0, *below], below, strict=False)],
                explicit_bounds=one["bounds"][:-1],
            )


def _attributes(pairs: Iterable[tuple[str, str]]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in pairs]
