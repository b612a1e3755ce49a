"""The words Envoy and the callers' tooling put beside a call."""

ADDRESS = "x-authplane-client-address"
REQUEST_ID = "x-request-id"
TRACEPARENT = "traceparent"
LONGEST = 128


def trace_id_of(traceparent: str) -> str:
    """The trace id inside a W3C `traceparent`, or empty."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else ""
