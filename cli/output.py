"""What commands print: `key=value` lines for one thing, tables for many, JSON for programs, and errors once, on stderr."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from google.protobuf.message import Message

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, shaped as the REST API answers.")]


def fail(what: str, *more: str, code: int = 1) -> NoReturn:
    """`error: what, why, what to do` on stderr, and the end of the command."""
    typer.echo("error: " + ", ".join(part.rstrip(".") for part in (what, *more) if part), err=True)
    raise typer.Exit(code)


def plain(message: "Message") -> dict[str, Any]:
    """A message as JSON values under the fields' own names: every scalar, lists even when empty, absent messages left out."""
    shown: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            shown[field.name] = [_json(each) for each in value]
        elif field.message_type is None or message.HasField(field.name):
            shown[field.name] = _json(value)
    return shown


def _json(value: Any) -> Any:
    if hasattr(value, "ToDatetime"):
        when: datetime = value.ToDatetime(UTC)
        return when.isoformat().replace("+00:00", "Z")
    return plain(value) if hasattr(value, "DESCRIPTOR") else value


def print_json(value: Any) -> None:
    """Indented, for people who look; parsed alike by programs that do not."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def line(values: Mapping[str, Any], *names: str) -> str:
    """`id=… name=…`, of these names or all; values with blanks in quotes, so that a line can be split again."""
    return " ".join(f"{name}={_word(values.get(name, ''))}" for name in names or values)


def _word(value: Any) -> str:
    text = _cell(value)
    return json.dumps(text, ensure_ascii=False) if any(letter.isspace() or letter == '"' for letter in text) else text


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return str(value.get("name", "")) or json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) or not isinstance(value, Iterable):
        return "" if value is None else str(value)
    return ",".join(_cell(each) for each in value)


def print_one(message: "Message", as_json: bool) -> None:
    """One object."""
    shown = plain(message)
    if as_json:
        print_json(shown)
    else:
        typer.echo(line(shown))


def print_list(messages: Sequence["Message"], as_json: bool, columns: Sequence[str], what: str) -> None:
    """A table for a terminal; `key=value` lines for a pipe; a sentence when there is nothing."""
    rows = [plain(each) for each in messages]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo(f"no {what} found")
    else:
        print_rows(rows, columns)


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """The rows of a list, for whoever is reading."""
    import sys

    if not sys.stdout.isatty():
        for row in rows:
            typer.echo(line(row, *columns))
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column, ""))) for column in columns))
    Console().print(table)
