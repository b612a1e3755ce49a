"""Scope and resource policy: which resource a reference names, which scopes a token may carry, how long it may live."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kit.errors import InvalidScope, InvalidTarget
from kit.oauth import parse_scope
from services.token.model import Client, Resource

# Asked for by clients that want a refresh token; says nothing about a resource, so it is tolerated everywhere and granted nowhere (A6).
OFFLINE_ACCESS = "offline_access"
_LONGEST_SCOPE = 4096


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every registered resource, found by URI, by slug, or by an alias of its URI."""

    resources: tuple[Resource, ...]
    by_reference: dict[str, Resource]
    by_alias: dict[str, Resource]

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> "Catalogue":
        """Index `resources`; a URI wins over a slug, and an alias that two resources share names neither."""
        every = tuple(resources)
        by_reference = {r.slug: r for r in every if r.slug} | {r.uri: r for r in every if r.uri}
        by_alias: dict[str, Resource] = {}
        shared: set[str] = set()
        for resource in every:
            name = alias(resource.uri)
            if by_alias.setdefault(name, resource) is not resource:
                shared.add(name)
        return cls(every, by_reference, {name: r for name, r in by_alias.items() if name not in shared})

    def find(self, reference: str) -> Resource | None:
        """The resource a slug, URI or alias names."""
        return self.by_reference.get(reference) or self.by_alias.get(alias(reference))

    def mintable(self, reference: str) -> Resource:
        """As `find`, for a resource this server mints tokens for. Raises InvalidTarget (RFC 8707 §2)."""
        resource = self.find(reference)
        if resource is None or not resource.mints or not resource.uri:
            raise InvalidTarget("resource does not name a resource of this server")
        return resource

    def scopes(self) -> list[str]:
        """The union of all scopes in registration order."""
        return list(dict.fromkeys(scope for resource in self.resources for scope in resource.scopes))


def alias(uri: str) -> str:
    """The form under which spellings of a URI meet that differ only in the case of scheme and host or in a root slash (A3)."""
    if not uri.isascii() or not uri.isprintable() or " " in uri:
        # urlsplit would drop some of these characters, and the offsets below with them; others become ASCII in lower case.
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    if not parts.scheme or not parts.netloc:
        return uri
    userinfo, at, host = parts.netloc.rpartition("@")
    path = "" if parts.path == "/" else parts.path
    # Cut from the original text, because urlunsplit drops an empty query or fragment, which is a different resource.
    rest = uri[len(parts.scheme) + 3 + len(parts.netloc) + len(parts.path) :]
    return f"{parts.scheme}://{userinfo}{at}{host.lower()}{path}{rest}"


def one_resource(resources: Sequence[str]) -> str | None:
    """The only `resource` of a request or None. Raises InvalidTarget for several: a token has one audience (A3)."""
    if len(set(resources)) > 1:
        raise InvalidTarget("only one resource can be named in a request")
    return resources[0] if resources else None


def require_same_resource(catalogue: Catalogue, authorized: str, requested: str | None) -> None:
    """A request may repeat the resource it was authorized for, in any of its spellings. Raises InvalidTarget (RFC 8707 §2.2)."""
    if requested is None or (requested == authorized and authorized):
        return
    named = catalogue.find(requested)
    if not authorized or named is None or named.uri != authorized:
        raise InvalidTarget("resource is not the one that was authorized")


def named_scope(scope: str | None) -> tuple[str, ...]:
    """The scopes a request names, without `offline_access`: clients add it to any request because it is advertised. Raises InvalidScope."""
    return tuple(name for name in parse_scope(scope or "") if name != OFFLINE_ACCESS)


def machine_scope(client: Client, requested: tuple[str, ...], resource: Resource | None) -> tuple[str, ...]:
    """The scope of a client acting for itself (wire contract: client_credentials). Raises InvalidScope, saying which bound it met."""
    if requested:
        _require_within(requested, client.ceiling, _beyond_ceiling(client))
        if resource is not None:
            _require_within(requested, resource.scopes, "scope is not declared by the resource")
        return requested
    if resource is None:
        return client.ceiling
    declared = frozenset(resource.scopes)
    scopes = tuple(scope for scope in client.ceiling if scope in declared)
    if not scopes:
        raise InvalidScope("none of the client's scopes is declared by the resource" if client.ceiling else _beyond_ceiling(client))
    return scopes


def asked_scope(
    client: Client, scope: str | None, resource: Resource | None, catalogue: Catalogue, *, required: bool = False
) -> tuple[str, ...]:
    """What a request for a person's consent asks for, by the rules of the authorization endpoint (A2).

    An absent scope stands for the resource's default scopes, or those of all resources, within the client's ceiling. `required`: it
    must not be absent. Raises InvalidScope.
    """
    if scope is None and required:
        raise InvalidScope("scope is missing")
    if len(scope or "") > _LONGEST_SCOPE:
        raise InvalidScope(f"scope is longer than {_LONGEST_SCOPE} characters")
    named = named_scope(scope)
    if named:
        if client.ceiling:
            _require_within(named, client.ceiling, "scope is beyond what this client may ask for")
        if resource is not None:
            _require_within(named, resource.scopes, "scope is not offered by the resource")
        return named
    addressed = (resource,) if resource is not None else tuple(r for r in catalogue.resources if r.mints)
    offered = dict.fromkeys(name for r in addressed for name in r.default_scopes or r.scopes)
    scopes = tuple(name for name in offered if not client.ceiling or name in client.ceiling)
    if not scopes:
        raise InvalidScope("there is no default scope within what this client may ask for")
    return scopes


def _beyond_ceiling(client: Client) -> str:
    if client.ceiling:
        return "scope is beyond what this client may ask for"
    if client.pre_registered:
        return "this client has no scopes; an operator can give it some"
    return "a client that registered itself has no scopes of its own; ask the operator to register it"


def refreshed_scope(family: tuple[str, ...], ceiling: tuple[str, ...], requested: tuple[str, ...]) -> tuple[str, ...]:
    """The scope of a refreshed token: never more than was granted, nor than the client may have today (RFC 6749 §6).

    An explicit request outside either bound raises InvalidScope; an omitted one is narrowed, and raises only when nothing is left.
    """
    if requested:
        _require_within(requested, family, "scope exceeds what was granted")
        if ceiling:
            _require_within(requested, ceiling, "scope is beyond what this client may ask for")
        return requested
    if not ceiling:
        return family
    allowed = frozenset(ceiling)
    scopes = tuple(scope for scope in family if scope in allowed)
    if family and not scopes:
        raise InvalidScope("none of the granted scopes is allowed to this client any more")
    return scopes


def shortest(default: int, *limits: int) -> int:
    """Seconds; a limit of 0 does not limit, any other may only shorten (T11)."""
    return min([default, *(limit for limit in limits if limit > 0)])


def _require_within(requested: tuple[str, ...], allowed: tuple[str, ...], detail: str) -> None:
    if not set(requested).issubset(allowed):
        raise InvalidScope(detail)
