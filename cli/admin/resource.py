"""`authserver admin resource`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.admin.grouping import group, separated
from cli.admin.resource_shapes import flat, messages, scopes_from, shown
from cli.connection import Address, admin_api
from cli.output import AsJson, fail, line, print_json, print_rows

if TYPE_CHECKING:
    from authserver.admin.v1 import admin_pb2 as pb

app = group("Protected resources: the MCP servers tokens are for.")

Id = Annotated[str, typer.Option("--id", help="Resource id or slug.")]
Scopes = Annotated[list[str] | None, typer.Option("--scopes", help="name|upstream|description; repeat for each scope.")]
ScopesFile = Annotated[Path | None, typer.Option("--scopes-file", help="A JSON array of {name, upstream, description}.")]
Exchange = Annotated[str | None, typer.Option("--policy-allowed-clients", help="Clients that may exchange into it, separated by commas.")]
Returns = Annotated[str | None, typer.Option("--policy-allowed-return-urls", help="Separated by commas.")]
Runtime = Annotated[str | None, typer.Option("--policy-runtime-client-ids", help="Clients that act as the resource, separated by commas.")]
COLUMNS = ("id", "slug", "uri", "backend_kind", "display_name", "scopes")


def _print(resource: "pb.Resource", as_json: bool) -> None:
    if as_json:
        print_json(shown(resource))
    else:
        typer.echo(line(flat(resource)))


@app.command()
def create(
    slug: Annotated[str, typer.Option("--slug", help="Short name, unique.")],
    backend_kind: Annotated[str, typer.Option("--backend-kind", help="mint or broker.")],
    uri: Annotated[str, typer.Option("--uri", help="The resource's identifier (RFC 8707).")] = "",
    display_name: Annotated[str, typer.Option("--display-name")] = "",
    description: Annotated[str, typer.Option("--description")] = "",
    broker_provider: Annotated[str, typer.Option("--broker-provider", help="Provider id; broker only.")] = "",
    scopes: Scopes = None,
    scopes_file: ScopesFile = None,
    allowed_clients: Exchange = None,
    allowed_return_urls: Returns = None,
    runtime_client_ids: Runtime = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Describe a resource."""
    wanted = scopes_from(scopes or (), scopes_file) or []
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.CreateResourceRequest(
            slug=slug,
            backend_kind=backend_kind,
            uri=uri,
            display_name=display_name,
            description=description,
            broker_provider_id=broker_provider,
            scopes=messages(wanted),
            policy=pb.ResourcePolicy(
                exchange_allowed_client_ids=separated(allowed_clients),
                connect_allowed_return_urls=separated(allowed_return_urls),
                runtime_client_ids=separated(runtime_client_ids),
            ),
        )
        resource = api.resources.CreateResource(request).resource
    if as_json:
        print_json(shown(resource))
    else:
        typer.echo("resource created: " + line(flat(resource), "id", "slug", "uri", "backend_kind"))


@app.command("list")
def list_(
    backend_kind: Annotated[str, typer.Option("--backend-kind", help="mint or broker.")] = "",
    broker_provider: Annotated[str, typer.Option("--broker-provider", help="Provider id.")] = "",
    slug: Annotated[str, typer.Option("--slug")] = "",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """List resources in registration order."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.resources.ListResources(pb.ListResourcesRequest(slug=slug, backend_kind=backend_kind))
    resources = [each for each in answer.resources if broker_provider in {"", each.broker_provider_id}]
    if as_json:
        print_json([shown(each) for each in resources])
    elif not resources:
        typer.echo("no resources found")
    else:
        print_rows([flat(each) for each in resources], COLUMNS)


@app.command()
def get(resource_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Show a resource."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        resource = api.resources.GetResource(pb.GetResourceRequest(resource_id=resource_id)).resource
    _print(resource, as_json)


@app.command()
def update(
    resource_id: Id,
    slug: Annotated[str | None, typer.Option("--slug")] = None,
    uri: Annotated[str | None, typer.Option("--uri")] = None,
    display_name: Annotated[str | None, typer.Option("--display-name")] = None,
    description: Annotated[str | None, typer.Option("--description")] = None,
    scopes: Scopes = None,
    scopes_file: ScopesFile = None,
    scopes_clear: Annotated[bool, typer.Option("--scopes-clear", help="Remove every scope.")] = False,
    allowed_clients: Exchange = None,
    allowed_return_urls: Returns = None,
    runtime_client_ids: Runtime = None,
    policy_clear: Annotated[bool, typer.Option("--policy-clear", help="Empty the policy's lists.")] = False,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; lists replace wholesale."""
    wanted = scopes_from(scopes or (), scopes_file)
    if scopes_clear and wanted is not None:
        fail("--scopes-clear and new scopes exclude each other", "", "give one of them", code=2)
    lists = {
        "exchange_allowed_client_ids": allowed_clients,
        "connect_allowed_return_urls": allowed_return_urls,
        "runtime_client_ids": runtime_client_ids,
    }
    if policy_clear and any(each is not None for each in lists.values()):
        fail("--policy-clear and new policy lists exclude each other", "", "give one of them", code=2)
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        request = pb.UpdateResourceRequest(
            resource_id=resource_id,
            slug=slug,
            uri=uri,
            display_name=display_name,
            description=description,
            scopes=pb.ScopeList(scopes=messages(wanted or [])) if scopes_clear or wanted is not None else None,
        )
        if policy_clear:
            request.policy.SetInParent()
        elif any(each is not None for each in lists.values()):
            # The API replaces the policy as a whole: lists that were not given stay, against the version they were read from.
            before = api.resources.GetResource(pb.GetResourceRequest(resource_id=resource_id)).resource
            request.policy.CopyFrom(_changed(before.policy, lists))
            request.expected_version = before.version
        resource = api.resources.UpdateResource(request).resource
    _print(resource, as_json)


def _changed(policy: "pb.ResourcePolicy", lists: dict[str, str | None]) -> "pb.ResourcePolicy":
    for name, text in lists.items():
        if text is not None:
            policy.ClearField(name)  # type: ignore[arg-type]
            getattr(policy, name).extend(separated(text))
    return policy


@app.command()
def delete(
    resource_id: Id,
    cascade: Annotated[bool, typer.Option("--cascade", help="With what refers to it.")] = False,
    address: Address = None,
) -> None:
    """Remove a resource."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        api.resources.DeleteResource(pb.DeleteResourceRequest(resource_id=resource_id, cascade=cascade))
    typer.echo("resource deleted: " + line({"id": resource_id}))
