"""`authserver admin client`."""

from typing import Annotated

import typer

from cli.admin.grouping import group, separated
from cli.connection import Address, admin_api
from cli.output import AsJson, line, plain, print_json, print_list, print_one

app = group("OAuth clients.")

Id = Annotated[str, typer.Option("--id", help="Client id.", envvar="AUTHSERVER_CLIENT_ID")]
Uris = Annotated[str | None, typer.Option("--redirect-uris", help="Separated by commas.", envvar="AUTHSERVER_CLIENT_REDIRECT_URIS")]
Grants = Annotated[str | None, typer.Option("--grant-types", help="Separated by commas.", envvar="AUTHSERVER_CLIENT_GRANT_TYPES")]
Ceiling = Annotated[
    str | None, typer.Option("--scope", help="The most the client may ask for, separated by blanks.", envvar="AUTHSERVER_CLIENT_SCOPE")
]
PerMinute = Annotated[
    int | None, typer.Option("--tokens-per-minute", min=0, help="The most tokens it is issued in a minute; 0 = any number.")
]
PerDay = Annotated[int | None, typer.Option("--tokens-per-day", min=0, help="The most tokens it is issued in a day (UTC); 0 = any number.")]
LOOPBACK = "http://127.0.0.1/callback"
COLUMNS = ("id", "name", "status", "registration_source", "grant_types", "scope")


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="Shown on the consent page.", envvar="AUTHSERVER_CLIENT_NAME")],
    grant_types: Grants = "authorization_code,refresh_token",
    redirect_uris: Uris = None,
    scope: Ceiling = None,
    auth_method: Annotated[
        str,
        typer.Option(
            "--auth-method",
            help="none, client_secret_basic, client_secret_post or private_key_jwt.",
            envvar="AUTHSERVER_CLIENT_AUTH_METHOD",
        ),
    ] = "none",
    agent: Annotated[bool, typer.Option("--agent", help="The client is an AI agent.")] = False,
    agent_description: Annotated[str, typer.Option("--agent-description")] = "",
    application_type: Annotated[str, typer.Option("--application-type", help="web or native.")] = "",
    jwks_uri: Annotated[str, typer.Option("--jwks-uri", help="Where the client publishes its keys.")] = "",
    tokens_per_minute: PerMinute = None,
    tokens_per_day: PerDay = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Register a client. A confidential client's secret is printed once.

    A public client that signs people in and names no redirect URI gets the loopback one of native apps, on any port (RFC 8252 §7.3).
    """
    uris = separated(redirect_uris)
    if not uris and auth_method == "none" and "authorization_code" in separated(grant_types):
        uris = [LOOPBACK]
        typer.echo(f"note: no --redirect-uris given, so the client may use {LOOPBACK} on any port", err=True)
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        created = api.clients.CreateClient(
            pb.CreateClientRequest(
                client_name=name,
                grant_types=separated(grant_types),
                redirect_uris=uris,
                scope=scope or "",
                token_endpoint_auth_method=auth_method,
                agent=agent,
                agent_description=agent_description,
                application_type=application_type,
                jwks_uri=jwks_uri,
                tokens_per_minute=tokens_per_minute or 0,
                tokens_per_day=tokens_per_day or 0,
            )
        )
    if as_json:
        print_json({"client_id": created.client.id, **plain(created.client), "client_secret": created.client_secret})
        return
    typer.echo("client created: " + line({"id": created.client.id, "name": created.client.name}))
    if created.client_secret:
        typer.echo(line({"client_secret": created.client_secret}))


@app.command("list")
def list_(
    status: Annotated[str, typer.Option("--status", help="active, suspended or revoked.")] = "",
    source: Annotated[str, typer.Option("--source", help="dcr, admin or cimd.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    offset: Annotated[int, typer.Option("--offset", min=0)] = 0,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """List clients, newest first."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.ListClientsRequest(status=status, registration_source=source, limit=limit, offset=offset)
        answer = api.clients.ListClients(request)
    print_list(answer.clients, as_json, COLUMNS, "clients")


@app.command()
def get(client_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Show a client."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.GetClient(pb.GetClientRequest(client_id=client_id))
    print_one(answer.client, as_json)


@app.command()
def update(
    client_id: Id,
    name: Annotated[str | None, typer.Option("--name", envvar="AUTHSERVER_CLIENT_NAME")] = None,
    redirect_uris: Uris = None,
    grant_types: Grants = None,
    scope: Ceiling = None,
    tokens_per_minute: PerMinute = None,
    tokens_per_day: PerDay = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; an empty value clears."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.UpdateClientRequest(
            client_id=client_id,
            client_name=name,
            scope=scope,
            redirect_uris=None if redirect_uris is None else pb.StringList(values=separated(redirect_uris)),
            grant_types=None if grant_types is None else pb.StringList(values=separated(grant_types)),
            tokens_per_minute=tokens_per_minute,
            tokens_per_day=tokens_per_day,
        )
        answer = api.clients.UpdateClient(request)
    print_one(answer.client, as_json)


@app.command()
def suspend(client_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Stop a client until it is reactivated; what it holds is kept."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.SuspendClient(pb.SuspendClientRequest(client_id=client_id))
    print_one(answer, as_json)


@app.command()
def revoke(client_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Stop a client and end everything it holds."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.RevokeClient(pb.RevokeClientRequest(client_id=client_id))
    print_one(answer, as_json)


@app.command()
def reactivate(client_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Let a suspended client ask for tokens again."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.ReactivateClient(pb.ReactivateClientRequest(client_id=client_id))
    print_one(answer, as_json)


@app.command("rotate-secret")
def rotate_secret(client_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Replace a client's secret; the new one is printed once, the old one stops working."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.RotateClientSecret(pb.RotateClientSecretRequest(client_id=client_id))
    print_one(answer, as_json)


@app.command()
def delete(
    client_id: Id,
    force: Annotated[bool, typer.Option("--force", help="Even while tokens live; they end too.")] = False,
    address: Address = None,
) -> None:
    """Remove a client for good."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        api.clients.DeleteClient(pb.DeleteClientRequest(client_id=client_id, force=force))
    typer.echo("client deleted: " + line({"id": client_id}))
