"""`authserver admin key`: the keys tokens are signed with."""

import typer

from cli.admin.grouping import group
from cli.connection import Address, admin_api
from cli.output import AsJson, line, plain, print_json, print_list

app = group("Signing keys.")


@app.command("list")
def list_(address: Address = None, as_json: AsJson = False) -> None:
    """List the keys that are published."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.tokens.ListKeys(pb.ListKeysRequest())
    print_list(answer.keys, as_json, ("kid", "alg", "use", "status"), "signing keys")


@app.command()
def rotate(address: Address = None, as_json: AsJson = False) -> None:
    """Sign with a new key from now on; what the old one signed stays good."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.tokens.RotateKey(pb.RotateKeyRequest())
    if as_json:
        print_json(plain(answer))
    else:
        typer.echo("key rotated: " + line(plain(answer)))
