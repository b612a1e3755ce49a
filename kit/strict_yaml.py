"""A YAML file of keys and values, in which no key occurs twice."""

from pathlib import Path
from typing import Any

import yaml


def read(path: Path) -> dict[str, Any]:
    """The file's tree of plain values. Raises ValueError, with the file's name and, where there is one, the place in it."""
    try:
        # Derived from the safe loader: it builds plain values only.
        value = yaml.load(path.read_bytes(), Loader=_OnceLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        # Not the library's own text: it quotes the line, and the line may hold a secret.
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{path} is not YAML: {place}{error.problem}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {type(error).__name__}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold keys and values")  # noqa: TRY004 - what the caller catches
    return _without_nulls(value)


class _OnceLoader(yaml.SafeLoader):
    """Refuses a mapping that names a key twice: YAML forbids it and most readers keep the last."""


def _construct_once(loader: _OnceLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [str(loader.construct_object(key, deep=True)) for key, _ in node.value]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise yaml.constructor.ConstructorError(problem=f"{', '.join(repeated)} occurs twice", problem_mark=node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_OnceLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_once)


def _without_nulls(value: dict[Any, Any]) -> dict[str, Any]:
    # A key with nothing behind it is how people comment out its contents.
    return {
        str(name): _without_nulls(member) if isinstance(member, dict) else member for name, member in value.items() if member is not None
    }
