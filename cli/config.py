"""`authserver config`: is this configuration good, and what does it amount to?"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import config
from cli.failure import Failure
from config.warnings import warnings
from kit.settings import Sensitive

config_app = typer.Typer(help="Check or print the configuration.", no_args_is_help=True)
_File = Annotated[Path | None, typer.Option("--config", help="YAML configuration file.", envvar="AUTHPLANE_CONFIG")]
_Service = Annotated[str | None, typer.Option(help="Only what concerns this service.")]
_SET = "(set, not shown)"


@config_app.command()
def check(file: _File = None, service: _Service = None) -> None:
    """Validate file and environment as a whole; every problem is listed, exit code 1."""
    loaded = _load(file, service)
    for warning in warnings(loaded):
        print(f"warning: {warning}")
    print("the configuration is good")


@config_app.command()
def show(file: _File = None) -> None:
    """Print what file, environment and defaults amount to, secrets left out."""
    print(yaml.safe_dump(redacted(_load(file, None)), sort_keys=False, allow_unicode=True), end="")


def redacted(value: Any) -> Any:
    """A configuration as plain values, with a note where a secret is set."""
    if isinstance(value, BaseModel):
        return {name: _field(getattr(value, name), field) for name, field in type(value).model_fields.items()}
    if isinstance(value, tuple | list):
        return [redacted(item) for item in value]
    if isinstance(value, dict):
        return {str(name): redacted(item) for name, item in value.items()}
    if isinstance(value, timedelta):
        return _duration(value)
    return value


def _field(value: Any, field: FieldInfo) -> Any:
    secret = any(isinstance(marker, Sensitive) for marker in field.metadata)
    return _SET if secret and value else redacted(value)


def _duration(value: timedelta) -> str:
    """As it would be written in the file: 90 minutes are `1h30m`."""
    seconds = value.total_seconds()
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{amount:g}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if amount]
    return "".join(parts) or "0s"


def _load(file: Path | None, service: str | None) -> config.Configuration:
    if file is not None and not file.exists():
        raise Failure(f"{file} does not exist", exit_code=2)
    try:
        return config.load(str(file) if file else None, os.environ, service=service)
    except config.SettingsError as problems:
        raise Failure(f"the configuration cannot be used\n{problems}") from problems
