"""Finding resources, and what an operator does to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kit.audit import Action, Event
from kit.clock import Clock
from kit.credentials import uuid7
from kit.errors import InvalidRequest, Stale
from services.registry import history, resources
from services.registry.clients import LONGEST_LIFETIME
from services.registry.model import BackendKind, Origin, Policy, Resource, ResourceId, Scope
from services.registry.ports import ResourceEdit, Resources

_LONGEST_TEXT = 2048

# Which action tells of an entry that appeared in, or left, a policy list.
POLICY_ACTIONS = {
    "exchange_allowed_client_ids": (
        "client_id",
        Action.RESOURCE_POLICY_EXCHANGE_ALLOWED_CLIENT_ADDED,
        Action.RESOURCE_POLICY_EXCHANGE_ALLOWED_CLIENT_REMOVED,
    ),
    "runtime_client_ids": (
        "client_id",
        Action.RESOURCE_POLICY_RUNTIME_CLIENT_ADDED,
        Action.RESOURCE_POLICY_RUNTIME_CLIENT_REMOVED,
    ),
    "connect_allowed_return_urls": (
        "url",
        Action.RESOURCE_POLICY_CONNECT_ALLOWED_RETURN_URL_ADDED,
        Action.RESOURCE_POLICY_CONNECT_ALLOWED_RETURN_URL_REMOVED,
    ),
}

NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class NewResource:
    """An operator's wish; `access_token_lifetime` in seconds."""

    slug: str
    uri: str
    display_name: str
    description: str = ""
    backend_kind: BackendKind = BackendKind.MINT
    broker_provider_id: str = ""
    scopes: tuple[Scope, ...] = ()
    policy: Policy = NO_POLICY
    access_token_lifetime: int = 0


@dataclass(frozen=True, slots=True)
class ResourcePatch:
    """None leaves a member unchanged. `expected_version` 0 accepts any version."""

    slug: str | None = None
    uri: str | None = None
    display_name: str | None = None
    description: str | None = None
    scopes: tuple[Scope, ...] | None = None
    policy: Policy | None = None
    access_token_lifetime: int | None = None
    expected_version: int = 0


class Catalogue:
    """Every resource of the plane."""

    def __init__(self, *, store: Resources, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def resolve(self, reference: str) -> Resource:
        """By slug, URI or alias of the URI (target A3). Raises Missing with the member `closest`, Conflict when ambiguous."""
        if not 0 < len(reference) <= resources.LONGEST or "\x00" in reference:
            raise resources.missing("", ())
        found = resources.one(reference, await self._store.named(reference, resources.alias(reference)))
        if found is None:
            raise resources.missing(reference, await self._store.all())
        return found

    async def all(self) -> Sequence[Resource]:
        """In the order of their registration."""
        return await self._store.all()

    async def create(self, wish: NewResource, origin: Origin) -> Resource:
        """Raises InvalidRequest, Conflict when the slug is taken."""
        made = self.prepared(wish)
        await self._store.add(made, (history.about_resource(Action.RESOURCE_CREATED, made, origin),))
        return made

    def prepared(self, wish: NewResource) -> Resource:
        """The resource that `create` would store. Raises InvalidRequest."""
        now = self._clock.now()
        return _checked(
            Resource(
                id=ResourceId(str(uuid7())),
                slug=resources.slug(wish.slug),
                uri=wish.uri,
                display_name=wish.display_name,
                description=wish.description,
                backend_kind=wish.backend_kind,
                broker_provider_id=wish.broker_provider_id,
                scopes=wish.scopes,
                policy=wish.policy,
                created_at=now,
                updated_at=now,
                access_token_lifetime=wish.access_token_lifetime,
            )
        )

    async def update(self, resource_id: ResourceId, patch: ResourcePatch, origin: Origin) -> Resource:
        """Raises Missing, InvalidRequest, Stale, Conflict when the new slug is taken."""

        def decide(current: Resource) -> ResourceEdit:
            if patch.expected_version not in (0, current.version):
                raise Stale("the resource was changed by somebody else; read it again")
            changed = patched(current, patch)
            return ResourceEdit(changed, tuple(changes_told(current, changed, origin)))

        return await self._store.edit(resource_id, decide)

    async def delete(self, resource_id: ResourceId, origin: Origin, *, cascade: bool) -> None:
        """Raises Missing."""
        await self._store.remove(resource_id, lambda gone: history.about_resource(Action.RESOURCE_DELETED, gone, origin, cascade=cascade))


def patched(current: Resource, patch: ResourcePatch) -> Resource:
    """`current` with what the patch names. Raises InvalidRequest."""

    def new(name: str) -> object:
        value = getattr(patch, name)
        return getattr(current, name) if value is None else value

    names = ("uri", "display_name", "description", "scopes", "policy", "access_token_lifetime")
    changes: dict[str, object] = {name: new(name) for name in names}
    slug = current.slug if patch.slug is None else resources.slug(patch.slug)
    return _checked(replace(current, slug=slug, **changes))  # type: ignore[arg-type]  # the two classes name and type these members alike


def changes_told(before: Resource, after: Resource, origin: Origin) -> Iterator[Event]:
    """One event for the members that changed, and one for every entry that appeared in or left a policy list."""
    names = ("slug", "uri", "display_name", "description", "scopes", "access_token_lifetime")
    if fields := [name for name in names if getattr(before, name) != getattr(after, name)]:
        yield history.about_resource(Action.RESOURCE_PATCHED, after, origin, fields=fields)
    for name, (member, added, removed) in POLICY_ACTIONS.items():
        old, new = getattr(before.policy, name), getattr(after.policy, name)
        for entry in new:
            if entry not in old:
                yield history.about_resource(added, after, origin, **{member: entry})
        for entry in old:
            if entry not in new:
                yield history.about_resource(removed, after, origin, **{member: entry})


def _checked(resource: Resource) -> Resource:
    if not resource.display_name.strip() or any(
        len(text) > _LONGEST_TEXT or "\x00" in text for text in (resource.display_name, resource.description, resource.broker_provider_id)
    ):
        raise InvalidRequest("display_name must not be blank, texts have at most 2048 characters")
    if not 0 <= resource.access_token_lifetime <= LONGEST_LIFETIME:
        raise InvalidRequest(f"access_token_lifetime must be between 0 and {LONGEST_LIFETIME} seconds")
    resources.require_backend(resource.backend_kind, resource.broker_provider_id)
    return replace(
        resource,
        uri=resources.uri(resource.uri),
        scopes=resources.scopes(resource.scopes, resource.backend_kind),
        policy=resources.policy(resource.policy),
    )
