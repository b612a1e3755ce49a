"""Logs: one JSON object per line on stdout (coloured text on a terminal), constant event names, facts in fields, never a credential.

`get()` may be called at import time. A level that is filtered out costs a method call that does nothing.
"""

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, Final, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

REDACTED: Final = "[redacted]"
LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "warning": logging.WARNING, "error": logging.ERROR}

_SECRET_NAMES = frozenset(
    {"code", "dpop", "otp", "state", "nonce", "authorization_code", "device_code", "user_code", "form", "query", "body"}
)
_SECRET_ENDINGS = (
    "token",
    "secret",
    "password",
    "authorization",
    "cookie",
    "assertion",
    "api_key",
    "pepper",
    "verifier",
    "dsn",
    "private_key",
)


def setup(service: str, level: str, fmt: str, *, add_source: bool = False) -> None:
    """Configure this process. `level` is one of LEVELS, `fmt` is `json` or `text`; libraries' own logs join, from WARNING up."""
    threshold = LEVELS[level]
    shared: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _stamp(service)]
    if add_source:
        places = structlog.processors.CallsiteParameter
        shared.append(structlog.processors.CallsiteParameterAdder({places.FILENAME, places.LINENO}))
    shared.append(redact)
    pretty = fmt == "text"
    ending: list[Processor] = [_console()] if pretty else [_exception_as_text, _json]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout) if pretty else structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    _adopt_library_logs(shared, ending, max(threshold, logging.WARNING))


def get(name: str) -> FilteringBoundLogger:
    """The logger of a module: `get(__name__)`."""
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what is named like a credential, at any depth. A last line of defence: nothing should log one to begin with."""
    for name, value in event.items():
        if isinstance(name, str) and is_secret_name(name):
            event[name] = REDACTED
        elif isinstance(value, dict):
            event[name] = redact(None, "", dict(value))
    return event


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a field of this name would hold a credential."""
    lowered = name.lower().replace("-", "_")
    return lowered in _SECRET_NAMES or lowered.endswith(_SECRET_ENDINGS)


def _console() -> Processor:
    # The renderer's own tracebacks show local variables, and those of a request hold its credentials.
    return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _stamp(service: str) -> Processor:
    second, written = -1, ""

    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        # The date changes once a second; writing it anew for every line costs more than all the rest of the line.
        nonlocal second, written
        now, microsecond = divmod(time.time_ns() // 1000, 1_000_000)
        if now != second:
            second, written = now, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        event["service"] = service
        event["time"] = f"{written}.{microsecond:06d}Z"
        return event

    return add


def _exception_as_text(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.processors.format_exc_info(logger, method, event) if "exc_info" in event else event


def _json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        # A lone surrogate or an enormous number in a fact must cost neither the line nor the request.
        return json.dumps(event, default=str, skipkeys=True).encode()


def _adopt_library_logs(shared: list[Processor], ending: list[Processor], threshold: int) -> None:
    def as_text(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        result: Any = event
        for processor in ending:
            result = processor(logger, method, result)
        return result.decode() if isinstance(result, bytes) else str(result)

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, as_text]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
