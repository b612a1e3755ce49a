"""`authserver admin api-key`: who may operate the plane."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.admin.grouping import group
from cli.admin.issuance import duration
from cli.connection import Address, admin_api
from cli.output import AsJson, line, plain, print_json, print_list, print_one

app = group("Named API keys with a role.")
COLUMNS = ("id", "name", "role", "created_by", "created_at", "last_used_at", "expires_at", "revoked_at")


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="Appears in the audit log.")],
    role: Annotated[str, typer.Option("--role", help="viewer, operator or admin.")] = "viewer",
    expires_in: Annotated[str | None, typer.Option("--expires-in", help="90m, 12h, 30d; never when left out.")] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its secret is printed once."""
    lasts = None if expires_in is None else duration(expires_in)
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.CreateApiKeyRequest(name=name, role=role)
        if lasts is not None:
            request.expires_at.FromDatetime(datetime.now(UTC) + lasts)
        made = api.api_keys.CreateApiKey(request)
    if as_json:
        print_json({**plain(made.api_key), "secret": made.secret})
        return
    typer.echo("api key created: " + line(plain(made.api_key), "id", "name", "role"))
    typer.echo(line({"secret": made.secret}))


@app.command("list")
def list_(address: Address = None, as_json: AsJson = False) -> None:
    """List keys, newest first."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.api_keys.ListApiKeys(pb.ListApiKeysRequest())
    print_list(answer.api_keys, as_json, COLUMNS, "API keys")


@app.command()
def revoke(key_id: Annotated[str, typer.Option("--id", help="Key id.")], address: Address = None, as_json: AsJson = False) -> None:
    """End a key at once."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.api_keys.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key_id))
    print_one(answer.api_key, as_json)
