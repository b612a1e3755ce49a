"""`authserver admin system`."""

import typer

from cli.admin.grouping import group
from cli.connection import Address, admin_api
from cli.output import AsJson, fail, line, plain, print_json, print_one, print_rows

app = group("The plane itself.")


@app.command()
def status(address: Address = None, as_json: AsJson = False) -> None:
    """Ask every part how it feels; exit code 1 when one is unwell."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.system.GetStatus(pb.GetStatusRequest())
    shown = plain(answer)
    if as_json:
        print_json(shown)
    else:
        typer.echo(line(shown, "version", "uptime_secs"))
        print_rows(shown["subsystems"], ("name", "status", "driver"))
    if unwell := [each.name for each in answer.subsystems if each.status == "unhealthy"]:
        fail(f"unhealthy: {' '.join(unwell)}", "they did not answer", "look at their logs")


@app.command()
def stats(address: Address = None, as_json: AsJson = False) -> None:
    """How much there is, and today's tokens."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.system.GetStats(pb.GetStatsRequest())
    print_one(answer, as_json)


@app.command("verify-key")
def verify_key(address: Address = None, as_json: AsJson = False) -> None:
    """Say whose key this is and what it may do."""
    with admin_api(address) as api:
        from authserver.admin.v1 import admin_pb2 as pb

        answer = api.system.VerifyKey(pb.VerifyKeyRequest())
    print_one(answer, as_json)
