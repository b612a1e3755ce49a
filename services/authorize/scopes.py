"""Which scopes a request means (A2): what it names, or the defaults of what it addresses, always inside the client's ceiling."""

from collections.abc import Iterable

from kit.errors import InvalidScope
from services.authorize.model import Resource

# Asked for by clients that want a refresh token; says nothing about a resource, so it is tolerated everywhere and granted nowhere (A6).
OFFLINE_ACCESS = "offline_access"


def catalogue(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Every scope name of the resources, each once, in their order."""
    return tuple(dict.fromkeys(scope.name for resource in resources for scope in resource.scopes))


def defaults(resources: Iterable[Resource]) -> tuple[str, ...]:
    """What an absent scope stands for: of each resource the scopes marked default, or all of them where none is marked."""
    names: dict[str, None] = {}
    for resource in resources:
        marked = [scope.name for scope in resource.scopes if scope.is_default]
        names.update(dict.fromkeys(marked or [scope.name for scope in resource.scopes]))
    return tuple(names)


def within(ceiling: tuple[str, ...], scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `scopes` the ceiling allows; an empty ceiling allows all."""
    return tuple(name for name in scopes if name in ceiling) if ceiling else scopes


def named(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes that speak of a resource."""
    return tuple(name for name in scopes if name != OFFLINE_ACCESS)


def defaulted(ceiling: tuple[str, ...], resources: tuple[Resource, ...]) -> tuple[str, ...]:
    """The defaults inside the ceiling. Raises InvalidScope, saying why, when nothing is left to ask for."""
    offered = defaults(resources)
    if not offered:
        raise InvalidScope("the resource offers no scope to ask for" if len(resources) == 1 else "no resource offers a scope to ask for")
    usual = within(ceiling, offered)
    if not usual:
        raise InvalidScope("none of the resource's default scopes lies within what this client may ask for")
    return usual


def require_subset(scopes: tuple[str, ...], allowed: Iterable[str], what: str) -> None:
    """Raise InvalidScope naming the first scopes outside `allowed`; `what` ends the sentence."""
    outside = sorted(set(scopes) - set(allowed))
    if outside:
        raise InvalidScope(f"scope {' '.join(outside[:5])} {what}")
