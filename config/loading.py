"""Reading the configuration for one process, or for an operator who wants to know whether it is good."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config import checks
from config.references import expected
from config.schema import Configuration
from kit import settings
from kit.settings import SettingsError

# Whatever begins like this may be named by a provider an operator adds while the plane runs.
_REFERABLE: Final = ("CONNECTOR_", "AUTHPLANE_VAULT_")


def load(path: str | None, environ: Mapping[str, str], *, service: str | None = None) -> Configuration:
    """The configuration. Raises SettingsError with every problem found.

    A process is given the secrets of its own service only, so what must be present is checked for `service`; None checks for all.
    """
    configuration = settings.load(Configuration, Path(path) if path else None, environ)
    names = {reference.variable for reference in expected(configuration)}
    names |= {name.removesuffix("_FILE") for name in environ if name.startswith(_REFERABLE)}
    problems: list[str] = []
    values = {name: value for name in names if (value := _value(name, environ, problems)) is not None}
    known = configuration.with_references(values)
    problems += check(known, service=service)
    if problems:
        raise SettingsError(problems)
    return known


def check(configuration: Configuration, *, service: str | None = None) -> list[str]:
    """What is wrong with a configuration whose every single value is well-formed."""
    rules = [rule for rule in checks.RULES if service is None or service in rule.services]
    return list(dict.fromkeys(problem for rule in rules for problem in rule.find(configuration)))


def _value(name: str, environ: Mapping[str, str], problems: list[str]) -> str | None:
    file = environ.get(name + "_FILE")
    if name in environ or file is None:
        return environ.get(name)
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        problems.append(f"{name}_FILE cannot be read: {type(error).__name__}")
        return None
