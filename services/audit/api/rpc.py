"""AuditService over gRPC: wire to value, call, value to wire."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from authserver.audit.v1 import audit_pb2 as pb
from authserver.audit.v1.audit_pb2_grpc import AuditServiceServicer, add_AuditServiceServicer_to_server
from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import InvalidRequest
from kit.rpc_server import Servicer
from services.audit import model
from services.audit.ports import Entries, Growth
from services.audit.search import require_sensible, search
from services.audit.tail import follow
from services.audit.verification import verify
from services.audit.walk import export

AUDIT_SERVICE: Final = "authserver.audit.v1.AuditService"


def servicers(entries: Entries, growth: Growth) -> tuple[Servicer, ...]:
    """Every gRPC service of the log."""
    return ((add_AuditServiceServicer_to_server, AuditReader(entries, growth), AUDIT_SERVICE),)


class AuditReader(AuditServiceServicer):
    """Reads only: appending is SQL, in the transaction of whoever has something to record."""

    def __init__(self, entries: Entries, growth: Growth) -> None:
        self._entries = entries
        self._growth = growth

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:  # noqa: N802 - the proto's name
        """Newest first, by cursor."""
        wanted = _filter(request.filter)
        page = await search(self._entries, wanted, limit=request.limit, cursor=request.cursor, offset=request.offset)
        return pb.SearchResponse(entries=map(to_wire, page.entries), next_cursor=page.next_cursor)

    async def Tail(self, request: pb.TailRequest, context: Any) -> AsyncIterator[pb.TailResponse]:  # noqa: N802
        """Every matching entry as it is chained."""
        wanted = _filter(request.filter)
        require_sensible(wanted)
        if request.after_seq < 0:
            raise InvalidRequest("after_seq must not be negative")
        async for entry in follow(self._entries, self._growth, wanted, after_seq=request.after_seq):
            yield pb.TailResponse(entry=to_wire(entry))

    async def Export(self, request: pb.ExportRequest, context: Any) -> AsyncIterator[pb.ExportResponse]:  # noqa: N802
        """Everything that matches, oldest first."""
        wanted = _filter(request.filter)
        require_sensible(wanted)
        async for batch in export(self._entries, wanted):
            yield pb.ExportResponse(entries=map(to_wire, batch))

    async def Verify(self, request: pb.VerifyRequest, context: Any) -> pb.VerifyResponse:  # noqa: N802
        """Recompute the chain over a range."""
        verdict = await verify(self._entries, from_seq=request.from_seq, to_seq=request.to_seq)
        return pb.VerifyResponse(
            intact=verdict.intact, checked=verdict.checked, first_bad_seq=verdict.first_bad_seq, explanation=verdict.explanation
        )

    async def GetLag(self, request: pb.GetLagRequest, context: Any) -> pb.GetLagResponse:  # noqa: N802
        """How far the chain is behind."""
        lag = await self._entries.lag()
        return pb.GetLagResponse(outbox_length=lag.waiting, oldest_seconds=lag.oldest_seconds, newest_seq=lag.newest_seq)


def to_wire(entry: model.Entry) -> pb.Entry:
    """An entry as the proto has it."""
    event = entry.event
    return pb.Entry(
        seq=entry.seq,
        id=str(event.id),
        action=event.action,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        client_id=event.client_id,
        subject=event.subject,
        resource=event.resource,
        outcome=event.outcome,
        reason=event.reason,
        ip=event.ip,
        request_id=event.request_id,
        trace_id=event.trace_id,
        detail=orjson.dumps(event.detail).decode(),
        service=event.service,
        occurred_at=_timestamp(event.occurred_at),
        hash=entry.hash.hex(),
        recorded_at=_timestamp(entry.recorded_at),
    )


def _timestamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def _filter(wire: pb.Filter) -> model.Filter:
    return model.Filter(
        actions=tuple(wire.actions),
        actor_id=wire.actor_id,
        client_id=wire.client_id,
        subject=wire.subject,
        resource=wire.resource,
        outcome=wire.outcome,
        text=wire.text,
        ip=wire.ip,
        trace_id=wire.trace_id,
        request_id=wire.request_id,
        since=_moment(wire, "since"),
        until=_moment(wire, "until"),
    )


def _moment(wire: pb.Filter, name: str) -> datetime | None:
    if not wire.HasField(name):  # type: ignore[arg-type]  # the stub lists the names, and both callers use listed ones
        return None
    try:
        moment: datetime = getattr(wire, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} is not a time") from error
    return moment
