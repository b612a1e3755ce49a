"""Errors across a service boundary: the kit's tree to gRPC status and Fault, and back to the same class with the same words."""

from typing import Final

import grpc
from authserver.fault.v1.fault_pb2 import Fault

from kit.errors import AuthPlaneError, DeadlineSpent, SlowDown, Unavailable, error_named

FAULT_KEY: Final = "authserver-fault-bin"
INTERNAL_TEXT: Final = "internal error"
# Metadata is limited in total; explanations beyond this say nothing a reader would miss.
_LONGEST_TEXT = 2048

Status = grpc.StatusCode
_STATUS: Final = {
    400: Status.INVALID_ARGUMENT,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.NOT_FOUND,
    405: Status.UNIMPLEMENTED,
    409: Status.ALREADY_EXISTS,
    412: Status.FAILED_PRECONDITION,
    429: Status.RESOURCE_EXHAUSTED,
    500: Status.INTERNAL,
    503: Status.UNAVAILABLE,
}
# What gRPC itself says when the peer is gone, restarting or overloaded: the caller may try again.
_PEER_DOWN: Final = frozenset({Status.UNAVAILABLE, Status.CANCELLED, Status.RESOURCE_EXHAUSTED, Status.ABORTED})


class PeerFailed(RuntimeError):
    """The peer answered something no correct peer answers: its bug, or ours. Rendered as a plain server error."""


def status_of(error: AuthPlaneError) -> grpc.StatusCode:
    """The gRPC status of an error; for readers of gRPC, since our own callers go by the Fault."""
    if isinstance(error, DeadlineSpent):
        return Status.DEADLINE_EXCEEDED
    return _STATUS.get(error.status, Status.INTERNAL)


def to_metadata(error: AuthPlaneError) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata with the public half of `error`; `debug` stays in this process's log."""
    members = {name: value[:_LONGEST_TEXT] for name, value in error.members.items()}
    if isinstance(error, Unavailable | SlowDown):
        members["retry_after"] = str(error.retry_after)
    fault = Fault(kind=error.kind, detail=error.detail[:_LONGEST_TEXT], members=members)
    return ((FAULT_KEY, fault.SerializeToString()),)


def from_rpc(error: grpc.aio.AioRpcError, method: str) -> Exception:
    """The error the peer raised, or what the failure of the call itself means: DeadlineSpent, Unavailable or PeerFailed."""
    debug = f"{method}: {error.code().name}: {error.details()}"
    for key, value in error.trailing_metadata() or ():
        if key == FAULT_KEY and isinstance(value, bytes):
            return _from_fault(Fault.FromString(value), debug)
    if error.code() is Status.DEADLINE_EXCEEDED:
        return DeadlineSpent("a part of the service did not answer in time", debug=debug)
    if error.code() in _PEER_DOWN:
        return Unavailable("a part of the service cannot be reached", debug=debug)
    return PeerFailed(debug)


def _from_fault(fault: Fault, debug: str) -> Exception:
    try:
        kind = error_named(fault.kind)
    except KeyError:
        return PeerFailed(debug)
    members = dict(fault.members)
    if issubclass(kind, Unavailable | SlowDown):
        after = members.pop("retry_after", "")
        return kind(fault.detail, debug=debug, members=members, retry_after=int(after) if after.isdecimal() else 1)
    return kind(fault.detail, debug=debug, members=members)
