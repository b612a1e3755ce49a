"""`authserver dev`: the whole plane on this machine, with real servers and no container engine."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from deploy.local import dev as plane
from deploy.local import running
from deploy.local.places import Places

console = Console(highlight=False)


def dev(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Start in the background and return when ready.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say what is running; exit code 1 when nothing is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --status: everything, secrets included, as JSON.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the plane of this state directory.")] = False,
    state_dir: Annotated[Path | None, typer.Option(help="Where the plane keeps its files.", envvar="AUTHPLANE_STATE_DIR")] = None,
    port_base: Annotated[int | None, typer.Option(help="Use this port and the sixteen above it.", min=1024, max=65500)] = None,
    config: Annotated[Path | None, typer.Option(help="YAML configuration file.", exists=True, dir_okay=False)] = None,
    in_background: Annotated[bool, typer.Option("--in-background", hidden=True)] = False,
) -> None:
    """Run the whole plane on this machine: Postgres, Redis, Envoy, the six services and a demo MCP server. Ctrl-C stops all of it."""
    places = Places.at(state_dir)
    if status:
        show(places, as_json=as_json)
    elif stop:
        end(places)
    else:
        start(places, port_base, config, detach=detach, in_background=in_background)


def say(line: str) -> None:
    """One line of what the supervisor has to tell, as it is."""
    console.print(line, markup=False, soft_wrap=True)


def start(places: Places, port_base: int | None, config: Path | None, *, detach: bool, in_background: bool) -> None:
    """Start the plane. Raises Failure with the reason when it cannot be started."""

    def when_ready() -> None:
        # In the background this output is a log file, and secrets are never logged.
        if in_background:
            say("AuthPlane is ready.")
        else:
            banner(places, foreground=True)

    try:
        if detach:
            plane.detached(places, port_base, config)
            banner(places)
        else:
            console.print("Starting AuthPlane: Postgres, Valkey, Envoy and six services …")
            plane.foreground(places, port_base, config, say, when_ready)
            console.print("Stopped.")
    except (plane.CannotStart, PermissionError) as reason:
        raise Failure(str(reason)) from reason


def end(places: Places) -> None:
    """Stop the plane; nothing running is no failure."""
    try:
        stopped = running.stop(places)
    except TimeoutError as late:
        raise Failure(str(late)) from late
    console.print(f"Stopped the plane of {places.state}." if stopped else f"No plane is running from {places.state}.")


def show(places: Places, *, as_json: bool) -> None:
    """What is running; exit code 1 when nothing is."""
    found = plane.status(places)
    if as_json:
        print(json.dumps(found or {"state": "stopped", "state_dir": str(places.state)}, indent=2))
    elif found is None:
        console.print(f"No plane is running from {places.state}. Start one with `make up`.")
    else:
        banner(places)
        console.print(service_table(found))
    if found is None:
        raise typer.Exit(1)


def service_table(found: dict[str, Any]) -> Table:
    """One row per process."""
    table = Table("service", "pid", "state", box=None, pad_edge=False)
    for name, row in found["services"].items():
        table.add_row(name, str(row["pid"] or "-"), "[green]ready" if row["ready"] else "[yellow]not ready")
    return table


def banner(places: Places, *, foreground: bool = False) -> None:
    """Everything a newcomer needs next, on one screen."""
    found = plane.status(places)
    if found is None:
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("issuer", found["issuer"])
    table.add_row("operator API", f"{found['admin_url']}  (REST under /admin, gRPC on the same port)")
    table.add_row("console", found["console_url"])
    table.add_row("admin key", found["admin_api_key"])
    table.add_row("demo MCP server", found["demo_mcp_url"])
    table.add_row("demo login", f"{found['demo_user']['email']}  {found['demo_user']['password']}")
    table.add_row("logs", f"{found['state_dir']}/logs")
    console.print()
    console.print("[bold green]AuthPlane is ready.[/]")
    console.print(table)
    console.print(
        "Next: [bold]make demo[/] in another terminal." + (" Ctrl-C stops everything." if foreground else " Stop with [bold]make down[/].")
    )
    console.print()
