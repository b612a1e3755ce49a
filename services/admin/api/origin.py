"""Where a call came from, from what the gateway puts beside it and what the kit has already understood of it."""

import structlog

from kit import telemetry
from services.admin.model.operators import Origin

ADDRESS = "x-authplane-client-address"
LONGEST_ADDRESS = 45  # an IPv6 address with an embedded IPv4 one


def origin(address: str) -> Origin:
    """The gateway's word for the client's address, beside this task's request id and trace."""
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    return Origin(ip=address[:LONGEST_ADDRESS], request_id=request_id, trace_id=telemetry.trace_id())
