"""The reference page of every setting, written from the schema so that it cannot lie.

`python -m config.reference > docs/reference/configuration.md`
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from config.schema import Configuration
from kit.settings import Model, variables

_INTRODUCTION = """# Configuration

Defaults, then the YAML file (`--config`, or the path in `AUTHPLANE_CONFIG`), then the environment: the last one said wins. Unknown keys
and variables, values that cannot be read and leftover `${VAR}` placeholders are fatal, and all of them are named at once. Secrets
(marked ◆) may come from a file whose path is in the variable with `_FILE` appended. Durations are written as `90s`, `15m`, `1h30m`.
"""


def markdown() -> str:
    """The whole page."""
    named = {variable.path: variable for variable in variables(Configuration)}
    lines = [_INTRODUCTION]
    for path, field in _leaves(Configuration, ()):
        if len(path) == 1 and _model_of(field) is not None:
            lines += ["", f"## {path[0]}", _first_line(_model_of(field)), "", "| key | variable | default | meaning |", "|---|---|---|---|"]
            continue
        variable = named.get(path)
        mark = "◆ " if variable and variable.secret else ""
        name = f"`{variable.name}`" if variable else ""
        lines.append(f"| `{'.'.join(path)}` | {mark}{name} | {_shown(field.get_default(call_default_factory=True))} | {_meaning(field)} |")
    return _with_headless_table("\n".join(lines)) + "\n"


def _leaves(model: type[Model], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    # Plain keys of the root come first, so that each section's table is of one piece.
    fields = sorted(model.model_fields.items(), key=lambda item: bool(_model_of(item[1]))) if not path else model.model_fields.items()
    for name, field in fields:
        inner = _model_of(field)
        if inner is None or not path:
            yield (*path, name), field
        if inner is not None:
            yield from _leaves(inner, (*path, name))


def _model_of(field: FieldInfo) -> type[Model] | None:
    annotation = get_origin(field.annotation) or field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None


def _first_line(model: type[Model] | None) -> str:
    return (model.__doc__ or "").strip().splitlines()[0] if model is not None else ""


def _meaning(field: FieldInfo) -> str:
    words = " ".join((field.description or "").split())
    annotation = field.annotation
    choices = [str(choice) for choice in get_args(annotation) if isinstance(choice, str) and choice]
    return " ".join(part for part in (words, f"One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "") if part)


def _shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    if value in ("", (), None):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _with_headless_table(text: str) -> str:
    return text.replace("\n| `", "\n\n| key | variable | default | meaning |\n|---|---|---|---|\n| `", 1)


if __name__ == "__main__":
    sys.stdout.write(markdown())
