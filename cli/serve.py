"""`authserver serve SERVICE`: one service, configured by environment and file, as a container runs it."""

import os
import runpy
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ServiceName(StrEnum):
    """The six services."""

    REGISTRY = "registry"
    AUTHORIZE = "authorize"
    TOKEN = "token"  # noqa: S105 a service, not a secret
    VAULT = "vault"
    AUDIT = "audit"
    ADMIN = "admin"


def serve(
    service: Annotated[ServiceName, typer.Argument(help="Which of the six.")],
    config: Annotated[Path | None, typer.Option(help="YAML configuration file.", exists=True, dir_okay=False)] = None,
) -> None:
    """Run one service until SIGTERM; it migrates its own schema first."""
    if config is not None:
        os.environ["AUTHPLANE_CONFIG"] = str(config)
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
