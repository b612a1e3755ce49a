"""/admin/audit: a bare array, the next page in the Link header, and a tail that stays open."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.admin.access import Operation
from services.admin.api.http.admission import AdmittedRoute, may
from services.admin.api.http.parameters import Moment, Text
from services.admin.model.audit import Entry, Filter, Verdict, Window
from services.admin.model.operators import Operator
from services.admin.operations.every import Operations

NDJSON = "application/x-ndjson"
Actions = Annotated[list[str], Query(max_length=50)]


def wanted(
    action: Actions = [],  # noqa: B006 - FastAPI copies it
    actor_id: Text = "",
    client_id: Text = "",
    user: Text = "",
    subject: Text = "",
    resource: Text = "",
    outcome: Text = "",
    q: Text = "",
    ip: Text = "",
    trace_id: Text = "",
    request_id: Text = "",
    since: Moment = None,
    until: Moment = None,
) -> Filter:
    """`action` may repeat; `user` is another name for `subject`; `q` is found anywhere."""
    return Filter(
        actions=tuple(action),
        actor_id=actor_id,
        client_id=client_id,
        subject=subject or user,
        resource=resource,
        outcome=outcome,
        text=q,
        ip=ip,
        trace_id=trace_id,
        request_id=request_id,
        since=since,
        until=until,
    )


Wanted = Annotated[Filter, Depends(wanted)]


def next_link(request: Request, cursor: str) -> str:
    """RFC 8288: the same question, further on. Relative, because the gateway's own name is not ours to know."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in {"cursor", "offset"}]
    return f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def routes(operations: Operations) -> APIRouter:
    """Searching, following and proving the log."""
    router = APIRouter(route_class=AdmittedRoute, prefix="/audit", tags=["audit"])
    audit = operations.audit

    @router.get("")
    async def search_audit(
        _: Annotated[Operator, may(Operation.AUDIT_SEARCH)],
        request: Request,
        response: Response,
        wanted: Wanted,
        limit: int | None = None,
        offset: int = 0,
        cursor: Text = "",
    ) -> tuple[Entry, ...]:
        page = await audit.search(wanted, Window(limit=limit, offset=offset, cursor=cursor))
        if page.next_cursor:
            response.headers["Link"] = next_link(request, page.next_cursor)
        return page.entries

    @router.get("/tail", response_class=StreamingResponse)
    async def tail_audit(
        _: Annotated[Operator, may(Operation.AUDIT_TAIL)], wanted: Wanted, after_seq: Annotated[int, Query(ge=0)] = 0
    ) -> StreamingResponse:
        return StreamingResponse(lines(audit.tail(wanted, after_seq)), media_type=NDJSON, headers={"X-Accel-Buffering": "no"})

    @router.get("/verify")
    async def verify_audit(
        _: Annotated[Operator, may(Operation.AUDIT_VERIFY)],
        from_seq: Annotated[int, Query(ge=0)] = 0,
        to_seq: Annotated[int, Query(ge=0)] = 0,
    ) -> Verdict:
        return await audit.verify(from_seq, to_seq)

    return router


async def lines(entries: AsyncIterator[Entry]) -> AsyncIterator[bytes]:
    """One JSON object per line."""
    async for entry in entries:
        yield orjson.dumps(asdict(entry), option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
