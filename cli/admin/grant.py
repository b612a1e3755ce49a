"""`authserver admin grant`: what people have allowed."""

from typing import Annotated

import typer

from cli.admin.grouping import group
from cli.connection import Address, admin_api
from cli.output import AsJson, line, plain, print_json, print_list

app = group("What people have allowed clients.")
COLUMNS = ("id", "user_id", "client_id", "resource_id", "scopes", "created_at", "revoked_at")


@app.command("list-user-grants")
def list_user_grants(
    user: Annotated[str, typer.Option("--user", help="User id.")], address: Address = None, as_json: AsJson = False
) -> None:
    """List a person's grants, active and revoked."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.tokens.ListUserGrants(pb.ListUserGrantsRequest(user_id=user))
    if as_json:
        print_json({"consent_grants": [plain(each) for each in answer.consent_grants], "broker_grants": []})
    else:
        print_list(answer.consent_grants, as_json, COLUMNS, "grants")


@app.command("revoke-consent")
def revoke_consent(grant_id: Annotated[str, typer.Option("--id", help="Grant id.")], address: Address = None) -> None:
    """Revoke a grant and every token that descends from it."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        api.tokens.RevokeConsentGrant(pb.RevokeConsentGrantRequest(grant_id=grant_id))
    typer.echo("consent grant revoked: " + line({"id": grant_id}))
