"""`authserver admin audit`."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.admin.grouping import group
from cli.admin.issuance import duration
from cli.connection import Address, admin_api
from cli.output import AsJson, fail, line, plain, print_json, print_list

if TYPE_CHECKING:
    from authserver.admin.v1 import admin_pb2 as pb

app = group("The audit log.")

COLUMNS = ("created_at", "action", "actor_id", "client_id", "subject", "resource", "outcome", "ip", "detail")
Actions = Annotated[list[str] | None, typer.Option("--action", help="Repeat for several.")]
Client = Annotated[str, typer.Option("--client", help="Client id.")]
Actor = Annotated[str, typer.Option("--actor", help="User id, client id, or name of an API key.")]


@app.command()
def search(
    action: Actions = None,
    actor: Actor = "",
    client: Client = "",
    user: Annotated[str, typer.Option("--user", help="The person it is about.")] = "",
    resource: Annotated[str, typer.Option("--resource")] = "",
    outcome: Annotated[str, typer.Option("--outcome", help="success or denied.")] = "",
    text: Annotated[str, typer.Option("--text", help="Found anywhere, without regard to case.")] = "",
    ip: Annotated[str, typer.Option("--ip")] = "",
    trace_id: Annotated[str, typer.Option("--trace-id")] = "",
    request_id: Annotated[str, typer.Option("--request-id")] = "",
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 90m, 7d, 2w.")] = "24h",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 50,
    cursor: Annotated[str, typer.Option("--cursor", help="From a previous answer.")] = "",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Search the log, newest first."""
    start = datetime.now(UTC) - duration(since) + timedelta(seconds=1)
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.SearchAuditRequest(
            actions=action or (),
            actor_id=actor,
            client_id=client,
            subject=user,
            resource=resource,
            outcome=outcome,
            text=text,
            ip=ip,
            trace_id=trace_id,
            request_id=request_id,
            limit=limit,
            cursor=cursor,
        )
        request.since.FromDatetime(start)
        answer = api.audit.SearchAudit(request)
    print_list(answer.entries, as_json, COLUMNS, "audit entries")
    if answer.next_cursor:
        # Not on stdout: a program reads entries there.
        typer.echo(f"more: --cursor {answer.next_cursor}", err=True)


@app.command()
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print entries as they come.")] = False,
    action: Actions = None,
    actor: Actor = "",
    client: Client = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=1000, help="How many to begin with.")] = 10,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Print the newest entries, oldest first; with --follow, what comes after them too. Ctrl-C ends it."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        wanted = pb.SearchAuditRequest(actions=action or (), actor_id=actor, client_id=client, limit=max(lines, 1))
        recent = list(api.audit.SearchAudit(wanted).entries)
        for entry in reversed(recent[:lines]):
            _print(entry, as_json)
        if not follow:
            return
        after = recent[0].seq if recent else 0
        stream = api.audit.TailAudit(pb.TailAuditRequest(actions=action or (), actor_id=actor, client_id=client, after_seq=after))
        try:
            for answer in stream:
                _print(answer.entry, as_json)
        except KeyboardInterrupt:
            stream.cancel()


def _print(entry: "pb.AuditEntry", as_json: bool) -> None:
    values = plain(entry)
    # One object a line: a stream has no end to close an array with.
    typer.echo(json.dumps(values, ensure_ascii=False) if as_json else line(values, *COLUMNS))


@app.command()
def verify(address: Address = None, as_json: AsJson = False) -> None:
    """Recompute the hash chain; exit code 1 when an entry does not fit."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.audit.VerifyAudit(pb.VerifyAuditRequest(), timeout=70)
    if as_json:
        print_json(plain(answer))
    elif answer.intact:
        typer.echo(line(plain(answer), "intact", "checked"))
    if not answer.intact:
        fail(f"the audit log is not intact at entry {answer.first_bad_seq}", answer.explanation, "compare with an earlier export")
