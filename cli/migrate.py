"""`authserver migrate`: every schema, audit first, and exit."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.failure import Failure
from deploy.local import running, secret_file
from deploy.local.places import ROOT, Places
from deploy.local.postgres import SERVICES, postgres

console = Console(highlight=False)


def migrate(
    dsn: Annotated[
        str | None,
        typer.Option(
            help="Database address with {service} where the service's name belongs (role and password).", envvar="AUTHPLANE_MIGRATE_DSN"
        ),
    ] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Without --dsn: the running local plane of this directory.")] = None,
) -> None:
    """Apply pending migrations to every schema and exit; run twice, the second time does nothing."""
    addresses = _given(dsn) if dsn else _local(Places.at(state_dir))
    asyncio.run(_migrate(addresses))


async def _migrate(addresses: dict[str, str]) -> None:
    from kit.errors import AuthPlaneError
    from kit.migrate import migrate as apply

    for service, address in addresses.items():
        try:
            applied = await apply(address, ROOT / "services" / service / "migrations", service)
        except AuthPlaneError as problem:
            raise Failure(f"{service}: {problem.detail}") from problem
        console.print(f"{service}: {', '.join(applied) if applied else 'up to date'}")


def _given(dsn: str) -> dict[str, str]:
    if "{service}" not in dsn:
        raise Failure("--dsn needs {service} in it: every schema belongs to the role of its own service", exit_code=2)
    return {service: dsn.replace("{service}", service) for service in SERVICES}


def _local(places: Places) -> dict[str, str]:
    if not running.is_running(places):
        raise Failure(f"no plane is running from {places.state}; start one with `make up`, or name a database with --dsn")
    secrets = secret_file.read(places.secrets)
    server = postgres(places.state / "postgres")
    return {service: server.dsn(f"authplane_{service}", secrets[f"POSTGRES_PASSWORD_{service.upper()}"]) for service in SERVICES}
