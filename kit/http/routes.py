"""Which handler answers which path: a dictionary for plain paths, patterns for those with parameters."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kit.errors import AuthPlaneError
from kit.http.reply import Reply
from kit.http.request import Request

Handler = Callable[[Request], Awaitable[Reply]]
ErrorPage = Callable[[Request, AuthPlaneError], Reply]

_PARAMETER = re.compile(r"\{([a-z_]+)(:path)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. `{name}` matches a segment, `{name:path}` the rest. GET answers HEAD too.

    `cors` opens it to scripts of other origins, without credentials. `html_errors` renders errors for a person.
    """

    method: str
    path: str
    handler: Handler
    cors: bool = False
    html_errors: ErrorPage | None = None


class Endpoint:
    """All routes of one path."""

    __slots__ = ("allow", "by_method", "cors", "path")

    def __init__(self, path: str, routes: Sequence[Route]) -> None:
        self.path = path
        self.by_method = {route.method: route for route in routes}
        if len(self.by_method) != len(routes):
            raise ValueError(f"{path} has two routes for one method")
        if "GET" in self.by_method:
            self.by_method.setdefault("HEAD", self.by_method["GET"])
        self.cors = any(route.cors for route in routes)
        methods = {*self.by_method, "OPTIONS"} if self.cors else {*self.by_method}
        self.allow = ", ".join(sorted(methods))


class RouteTable:
    """Finds the endpoint of a path."""

    __slots__ = ("_patterns", "_plain")

    def __init__(self, routes: Sequence[Route]) -> None:
        paths = dict.fromkeys(route.path for route in routes)
        endpoints = [Endpoint(path, [route for route in routes if route.path == path]) for path in paths]
        self._plain = {endpoint.path: endpoint for endpoint in endpoints if "{" not in endpoint.path}
        self._patterns = [(_pattern(endpoint.path), endpoint) for endpoint in endpoints if "{" in endpoint.path]

    def find(self, path: str) -> tuple[Endpoint | None, dict[str, str] | None]:
        """The endpoint and its path parameters; (None, None) if there is none."""
        endpoint = self._plain.get(path)
        if endpoint is not None:
            return endpoint, None
        for pattern, candidate in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return candidate, match.groupdict()
        return None, None


def _pattern(path: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for match in _PARAMETER.finditer(path):
        parts += [re.escape(path[end : match.start()]), f"(?P<{match[1]}>{'.*' if match[2] else '[^/]+'})"]
        end = match.end()
    return re.compile("".join([*parts, re.escape(path[end:])]), re.DOTALL)
