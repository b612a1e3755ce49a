"""How settings are read: defaults, then a YAML file, then the environment. Anything doubtful is fatal, and all of it is said at once.

A schema is a tree of `Model`s. Every scalar and list of texts has a variable: the prefix and its path in capitals, unless `Env` says
otherwise. A `Secret` may also come from the file named by the variable with `_FILE` appended.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kit import strict_yaml

PREFIX: Final = "AUTHPLANE_"

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]*)?(?:h|ms|us|µs|ns|m|s))+)")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(h|ms|us|µs|ns|m|s)")
_LEFTOVER = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::?[-?+=][^}]*)?\}")
_TIMEDELTA = re.compile(r"datetime\.timedelta\((?:0|(?:days=(\d+))?(?:, )?(?:seconds=(\d+))?)\)")
_FLAGS: Final = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds a sentence for everything found wrong; none quotes a secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{number}. {problem}" for number, problem in enumerate(self.problems, 1)))


@dataclass(frozen=True, slots=True)
class Env:
    """Annotation: the variable's name without prefix, where it is not derived from the path."""

    name: str


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Annotation: a secret; it may come from a file and is never shown."""


class Model(BaseModel):
    """A part of a schema: immutable, and nothing in it that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    # Of the root of a schema: keys that were given up, each with what to do instead.
    replaced: ClassVar[Mapping[str, str]] = {}
    # Of the root: variables with the prefix that mean something else than a key, and prefixes under which any name may occur.
    other_variables: ClassVar[frozenset[str]] = frozenset()
    open_prefixes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def overlay(cls, _raw: dict[str, Any], _environ: Mapping[str, str]) -> None:
        """Put what `other_variables` say into the raw tree."""


SchemaT = TypeVar("SchemaT", bound=Model)


def parse_duration(value: Any) -> timedelta:
    """A duration as Go writes it: `15m`, `1h30m`, `168h`, `250ms`, `0`. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if value == "0" or (value == 0 and not isinstance(value, bool)):
        return timedelta()
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration such as 90s, 15m or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(match[2]))
    try:
        return timedelta(seconds=-seconds if match[1] == "-" else seconds)
    except OverflowError:
        raise ValueError(f"{value!r} is longer than anything lasts") from None


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[Duration, Field(gt=timedelta())]
Secret = Annotated[str, Sensitive(), Field(repr=False)]


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of a schema and the key it overrides."""

    name: str
    path: tuple[str, ...]
    kind: type
    secret: bool


def variables(schema: type[Model], path: tuple[str, ...] = ()) -> Iterator[Variable]:
    """Every variable a schema reads, in the order of its keys."""
    for name, field in schema.model_fields.items():
        here = (*path, name)
        kind = get_origin(field.annotation) or field.annotation
        if isinstance(kind, type) and issubclass(kind, Model):
            yield from variables(kind, here)
        elif not _is_nested(field.annotation):
            given = next((marker.name for marker in field.metadata if isinstance(marker, Env)), "_".join(here).upper())
            secret = any(isinstance(marker, Sensitive) for marker in field.metadata)
            yield Variable(PREFIX + given, here, kind if isinstance(kind, type) else str, secret)


def load(schema: type[SchemaT], path: Path | None, environ: Mapping[str, str]) -> SchemaT:
    """The settings. Raises SettingsError with every problem found."""
    problems: list[str] = []
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = strict_yaml.read(path)
        except ValueError as error:
            problems.append(str(error))
    problems += [f"{key} is no longer read: {instead}" for key, instead in schema.replaced.items() if _take(raw, key.split("."))]
    known = list(variables(schema))
    for variable in known:
        _override(raw, variable, environ, problems)
    schema.overlay(raw, environ)
    problems += _unknown_variables(schema, known, raw, environ)
    problems += [
        f"{'.'.join(where)} still contains {match[0]}: placeholders are not expanded, set the variable instead"
        for where, text in texts(raw)
        if (match := _LEFTOVER.search(text))
    ]
    try:
        settings = schema.model_validate(raw)
    except ValidationError as invalid:
        raise SettingsError([*problems, *_explained(schema, invalid)]) from None
    if problems:
        raise SettingsError(problems)
    return settings


def texts(value: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text in a raw tree with its path."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from texts(member, (*where, str(name)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*where, str(index)))


def _override(raw: dict[str, Any], variable: Variable, environ: Mapping[str, str], problems: list[str]) -> None:
    text = environ.get(variable.name)
    if variable.secret and (file := environ.get(variable.name + "_FILE")):
        if text is not None:
            problems.append(f"{variable.name} and {variable.name}_FILE are both set")
        text = _secret_file(variable.name, file, problems)
    if text is None:
        return
    value: Any = text
    if variable.kind is bool:
        value = _FLAGS.get(text.strip().lower())
        if value is None:
            problems.append(f"{variable.name} must be true or false")
            return
    elif variable.kind in (list, tuple):
        value = [item.strip() for item in text.split(",") if item.strip()]
    _put(raw, variable.path, value)


def _secret_file(name: str, file: str, problems: list[str]) -> str | None:
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        problems.append(f"{name}_FILE cannot be read: {type(error).__name__}")
        return None


def _put(raw: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = raw.get(name)
        if not isinstance(inner, dict):
            inner = raw[name] = {}
        raw = inner
    raw[path[-1]] = value


def _take(raw: dict[str, Any], path: list[str]) -> bool:
    for name in path[:-1]:
        inner = raw.get(name)
        if not isinstance(inner, dict):
            return False
        raw = inner
    return raw.pop(path[-1], None) is not None


def _unknown_variables(schema: type[Model], known: list[Variable], raw: dict[str, Any], environ: Mapping[str, str]) -> Iterator[str]:
    names = {variable.name for variable in known} | {variable.name + "_FILE" for variable in known if variable.secret}
    names |= schema.other_variables
    # A key such as key_env or client_secret_ref names the variable that holds the value.
    named = {text for where, text in texts(raw) if where[-1].endswith(("_env", "_ref"))}
    names |= named | {name + "_FILE" for name in named}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in names and not name.startswith(schema.open_prefixes):
            yield f"{name} is not a known variable{_did_you_mean(name, names)}"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.8)
    return f"; did you mean {near[0]}?" if near else ""


def _explained(schema: type[Model], invalid: ValidationError) -> Iterator[str]:
    for error in invalid.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(str(part) for part in error["loc"])
        where = ".".join(path)
        if error["type"] == "extra_forbidden":
            yield f"{where} is not a known key{_did_you_mean(path[-1], _siblings(schema, path))}"
        else:
            yield f"{where}: {_TIMEDELTA.sub(_seconds, error['msg'].removeprefix('Value error, '))}"


def _seconds(shown: re.Match[str]) -> str:
    return f"{int(shown[1] or 0) * 86_400 + int(shown[2] or 0)}s"


def _siblings(schema: type[Model], path: tuple[str, ...]) -> Iterable[str]:
    for name in path[:-1]:
        field = schema.model_fields.get(name)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, Model)):
            return ()
        schema = field.annotation
    return schema.model_fields


def _is_nested(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return True
    return get_origin(annotation) is dict or any(_is_nested(argument) for argument in get_args(annotation))
