"""`authserver admin dcr`: who may register clients dynamically."""

from typing import Annotated

import typer

from cli.admin.grouping import group
from cli.connection import Address, admin_api
from cli.output import AsJson, print_one

app = group("Dynamic client registration.")


@app.command()
def get(address: Address = None, as_json: AsJson = False) -> None:
    """Show the mode in force."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.GetRegistrationMode(pb.GetRegistrationModeRequest())
    print_one(answer, as_json)


@app.command("set")
def set_(
    mode: Annotated[str, typer.Option("--mode", help="open, approved_redirects or admin_only.")],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Change the mode, on every replica at once."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.clients.SetRegistrationMode(pb.SetRegistrationModeRequest(mode=mode))
    print_one(answer, as_json)
