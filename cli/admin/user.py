"""`authserver admin user`."""

from typing import Annotated

import typer

from cli.admin.grouping import group
from cli.connection import Address, admin_api
from cli.output import AsJson, line, print_list, print_one

app = group("People.")

Id = Annotated[str, typer.Option("--id", help="User id.")]
COLUMNS = ("id", "email", "name", "role", "status", "provider")


@app.command()
def create(
    email: Annotated[str, typer.Option("--email")],
    password: Annotated[
        str, typer.Option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when left out.")
    ],
    name: Annotated[str, typer.Option("--name")] = "",
    role: Annotated[str, typer.Option("--role", help="user or admin.")] = "user",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Add a person who signs in with a password."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        user = api.users.CreateUser(pb.CreateUserRequest(email=email, password=password, name=name, role=role)).user
    print_one(user, as_json)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=0, max=1000, help="0 = everybody.")] = 0,
    offset: Annotated[int, typer.Option("--offset", min=0)] = 0,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """List people in order of creation."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.users.ListUsers(pb.ListUsersRequest(limit=limit, offset=offset))
    print_list(answer.users, as_json, COLUMNS, "users")


@app.command()
def get(user_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Show a person."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        user = api.users.GetUser(pb.GetUserRequest(user_id=user_id)).user
    print_one(user, as_json)


@app.command()
def update(
    user_id: Id,
    email: Annotated[str | None, typer.Option("--email")] = None,
    name: Annotated[str | None, typer.Option("--name")] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        user = api.users.UpdateUser(pb.UpdateUserRequest(user_id=user_id, email=email, name=name)).user
    print_one(user, as_json)


@app.command()
def disable(user_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """End a person's sessions and refuse every token for them."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.users.DisableUser(pb.DisableUserRequest(user_id=user_id))
    print_one(answer, as_json)


@app.command()
def enable(user_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Let a disabled person sign in again."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.users.EnableUser(pb.EnableUserRequest(user_id=user_id))
    print_one(answer, as_json)


@app.command()
def delete(
    user_id: Id,
    force: Annotated[bool, typer.Option("--force", help="Even while tokens live; they end too.")] = False,
    address: Address = None,
) -> None:
    """Remove a person for good."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        api.users.DeleteUser(pb.DeleteUserRequest(user_id=user_id, force=force))
    typer.echo("user deleted: " + line({"id": user_id}))


@app.command("force-logout")
def force_logout(user_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """End every session and token of a person."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.users.ForceLogout(pb.ForceLogoutRequest(user_id=user_id))
    print_one(answer, as_json)
