"""The chained log, at audit."""

import json
from collections.abc import AsyncIterator

import grpc.aio
from authserver.audit.v1 import audit_pb2 as pb
from authserver.audit.v1.audit_pb2_grpc import AuditServiceStub

from kit.rpc_client import LONG
from services.admin.adapters.peers.wire import moment, stamped
from services.admin.model.audit import Entry, Filter, Page, Verdict, Window, as_text

VERIFY_SECONDS = 60.0


def entry_of(message: pb.Entry) -> Entry:
    """The entry, its members written out as text."""
    return Entry(
        seq=message.seq,
        id=message.id,
        action=message.action,
        actor_kind=message.actor_kind,
        actor_id=message.actor_id,
        client_id=message.client_id,
        subject=message.subject,
        resource=message.resource,
        outcome=message.outcome,
        reason=message.reason,
        ip=message.ip,
        request_id=message.request_id,
        trace_id=message.trace_id,
        detail=as_text(json.loads(message.detail or "{}")),
        service=message.service,
        created_at=moment(message, "occurred_at"),
        hash=message.hash,
    )


def _filter(wanted: Filter) -> pb.Filter:
    return pb.Filter(
        actions=wanted.actions,
        actor_id=wanted.actor_id,
        client_id=wanted.client_id,
        subject=wanted.subject,
        resource=wanted.resource,
        outcome=wanted.outcome,
        text=wanted.text,
        ip=wanted.ip,
        trace_id=wanted.trace_id,
        request_id=wanted.request_id,
        since=stamped(wanted.since),
        until=stamped(wanted.until),
    )


class AuditReader:
    """Implements AuditLog."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = AuditServiceStub(channel)

    async def search(self, wanted: Filter, window: Window) -> Page:
        """Newest first. Raises InvalidRequest."""
        request = pb.SearchRequest(filter=_filter(wanted), limit=window.limit or 0, cursor=window.cursor, offset=window.offset)
        answer = await self._stub.Search(request, timeout=LONG)
        return Page(entries=tuple(entry_of(each) for each in answer.entries), next_cursor=answer.next_cursor)

    async def tail(self, wanted: Filter, after_seq: int) -> AsyncIterator[Entry]:
        """Oldest first, until the reader leaves."""
        async for answer in self._stub.Tail(pb.TailRequest(filter=_filter(wanted), after_seq=after_seq)):
            yield entry_of(answer.entry)

    async def verify(self, from_seq: int, to_seq: int) -> Verdict:
        """Raises InvalidRequest."""
        answer = await self._stub.Verify(pb.VerifyRequest(from_seq=from_seq, to_seq=to_seq), timeout=VERIFY_SECONDS)
        return Verdict(intact=answer.intact, checked=answer.checked, first_bad_seq=answer.first_bad_seq, explanation=answer.explanation)
