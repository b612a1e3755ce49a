"""`authserver admin issuance`: tokens that were handed out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.admin.grouping import group
from cli.connection import Address, admin_api
from cli.output import AsJson, fail, line, plain, print_json, print_one

app = group("Tokens that were handed out.")

Id = Annotated[str, typer.Option("--id", help="Issuance id.")]
UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
PART = re.compile(r"(\d+)([wdhms])")
COLUMNS = ("id", "jti", "subject_user_id", "client_id", "resource_id", "backend_kind", "issued_at", "expires_at")


def duration(text: str) -> timedelta:
    """`90m`, `1h30m`, `7d`, `2w`."""
    parts = PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        fail(f"{text!r} is no duration", "it must be a number with a unit", "for example 24h, 90m, 7d or 2w", code=2)
    try:
        return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in parts))
    except OverflowError:
        fail(f"{text!r} is too long", "no calendar goes that far", "for example 30d", code=2)


@app.command("list")
def list_(
    user: Annotated[str, typer.Option("--user", help="User id.")] = "",
    client: Annotated[str, typer.Option("--client", help="Client id.")] = "",
    resource: Annotated[str, typer.Option("--resource", help="Resource id, slug or URI.")] = "",
    jti: Annotated[str, typer.Option("--jti", help="The token's own id.")] = "",
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 90m, 7d, 2w; at most 30d.")] = "24h",
    limit: Annotated[int, typer.Option("--limit", min=1, max=5000)] = 500,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """List issuances, newest first. At least one of --user, --client, --resource, --jti."""
    if not (user or client or resource or jti):
        fail("nothing to look for", "an issuance search needs a filter", "give --user, --client, --resource or --jti", code=2)
    # The start of the window is named without fractions, so that it can be repeated.
    start = (datetime.now(UTC) - duration(since)).replace(microsecond=0)
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.ListIssuancesRequest(user=user, client=client, resource=resource, jti=jti, limit=limit)
        if not jti:
            request.since.FromDatetime(start + timedelta(seconds=1))
        rows = [plain(each) for each in api.tokens.ListIssuances(request).issuances]
    began = "0001-01-01T00:00:00Z" if jti else start.isoformat().replace("+00:00", "Z")
    if as_json:
        print_json({"issuances": rows, "since": began, "count": len(rows)})
        return
    typer.echo(f"issuances ({len(rows)}) since={began}")
    for row in rows:
        revoked = f" revoked_at={row['revoked_at']}" if "revoked_at" in row else ""
        typer.echo("  " + line(row, *COLUMNS) + revoked)


@app.command()
def get(issuance_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Show an issuance."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        issuance = api.tokens.GetIssuance(pb.GetIssuanceRequest(issuance_id=issuance_id)).issuance
    print_one(issuance, as_json)


@app.command()
def revoke(issuance_id: Id, address: Address = None) -> None:
    """Revoke an issuance and what descends from it."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        api.tokens.RevokeIssuance(pb.RevokeIssuanceRequest(issuance_id=issuance_id))
    typer.echo("issuance revoked: " + line({"id": issuance_id}))
