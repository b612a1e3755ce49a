"""Logs, metrics, traces."""

from typing import Annotated, Literal

from pydantic import Field

from kit.settings import Env, Model


class LogOutputs(Model):
    """Where lines go."""

    stdout: Annotated[bool, Env("LOG_STDOUT")] = True
    otel: Annotated[bool, Env("LOG_OTEL")] = False
    otel_endpoint: Annotated[str, Env("LOG_OTEL_ENDPOINT")] = ""
    insecure: Annotated[bool, Env("LOG_OTEL_INSECURE")] = False


class Logging(Model):
    """What is logged."""

    level: Annotated[Literal["debug", "info", "warn", "error"], Env("LOG_LEVEL")] = "info"
    format: Annotated[Literal["json", "text"], Env("LOG_FORMAT")] = "json"
    add_source: Annotated[bool, Env("LOG_ADD_SOURCE")] = False
    outputs: LogOutputs = LogOutputs()


class Metrics(Model):
    """How figures are collected."""

    provider: Annotated[Literal["prometheus", "otel", "both", "none"], Env("METRICS_PROVIDER")] = "prometheus"
    path: Annotated[str, Env("METRICS_PATH")] = "/metrics"
    otel_endpoint: Annotated[str, Env("METRICS_OTEL_ENDPOINT")] = ""
    insecure: Annotated[bool, Env("METRICS_INSECURE")] = False


class Tracing(Model):
    """Spans to an OTLP collector."""

    enabled: Annotated[bool, Env("TRACING_ENABLED")] = False
    endpoint: Annotated[str, Env("TRACING_ENDPOINT")] = ""
    insecure: Annotated[bool, Env("TRACING_INSECURE")] = False
    sample_rate: Annotated[float, Env("TRACING_SAMPLE_RATE"), Field(ge=0, le=1)] = 1.0


class Observability(Model):
    """What can be seen from outside."""

    logging: Logging = Logging()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
