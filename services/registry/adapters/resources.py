"""Resources in Postgres."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from kit.audit import Event
from kit.clock import Clock
from kit.errors import Conflict, Missing
from kit.pg import Pool, Record
from services.registry.adapters.commit import Commit
from services.registry.model import BackendKind, ChangeKind, Policy, Resource, ResourceId, Scope, Slug
from services.registry.ports import ResourceEdit
from services.registry.resources import alias

COLUMNS: Final = (
    "id, slug, uri, alias, display_name, description, backend_kind, broker_provider_id, scopes, policy, access_token_lifetime,"
    " version, created_at, updated_at"
)
_PLACES: Final = ", ".join(f"${number}" for number in range(1, 15))

ALL: Final = f"SELECT {COLUMNS} FROM registry.resources ORDER BY position"  # noqa: S608 - constants
NAMED: Final = f"""
SELECT {COLUMNS}
  FROM registry.resources
 WHERE slug = $1 OR (alias = $2 AND alias <> '') OR (uri = $1 AND uri <> '')
 ORDER BY position
"""  # noqa: S608 - constants
INSERT: Final = f"INSERT INTO registry.resources ({COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - constants
LOCK: Final = f"SELECT {COLUMNS} FROM registry.resources WHERE id = $1 FOR UPDATE"  # noqa: S608 - constants
REPLACE: Final = f"UPDATE registry.resources SET ({COLUMNS}) = ROW({_PLACES}) WHERE id = $1"  # noqa: S608 - constants
DELETE: Final = f"DELETE FROM registry.resources WHERE id = $1 RETURNING {COLUMNS}"  # noqa: S608 - constants


class PostgresResources:
    """See ports.Resources."""

    def __init__(self, pool: Pool, commit: Commit, clock: Clock) -> None:
        self._pool = pool
        self._commit = commit
        self._clock = clock

    async def all(self) -> Sequence[Resource]:
        """In the order of their registration."""
        return [_resource_of(row) for row in await self._pool.fetch(ALL)]

    async def named(self, reference: str, alias: str) -> Sequence[Resource]:
        """By slug, URI or alias."""
        return [_resource_of(row) for row in await self._pool.fetch(NAMED, reference, alias)]

    async def add(self, resource: Resource, events: Sequence[Event]) -> None:
        """Raises Conflict if the slug is taken."""
        with _SlugTaken():
            async with self._pool.transaction() as transaction:
                await transaction.execute(INSERT, *_values(resource))
                await self._commit.record(transaction, ChangeKind.RESOURCE, resource.id, events)

    async def edit(self, resource_id: ResourceId, decide: Callable[[Resource], ResourceEdit]) -> Resource:
        """Raises Missing, Conflict, and what `decide` raises."""
        with _SlugTaken():
            async with self._pool.transaction() as transaction:
                row = None if "\x00" in resource_id else await transaction.fetchrow(LOCK, resource_id)
                if row is None:
                    raise Missing("no such resource")
                current = _resource_of(row)
                edit = decide(current)
                if edit.resource == current:
                    return current
                written = replace(edit.resource, id=current.id, version=current.version + 1, updated_at=self._clock.now())
                await transaction.execute(REPLACE, *_values(written))
                await self._commit.record(transaction, ChangeKind.RESOURCE, resource_id, edit.events)
                return written

    async def remove(self, resource_id: ResourceId, event_for: Callable[[Resource], Event]) -> None:
        """Raises Missing."""
        async with self._pool.transaction() as transaction:
            row = None if "\x00" in resource_id else await transaction.fetchrow(DELETE, resource_id)
            if row is None:
                raise Missing("no such resource")
            await self._commit.record(transaction, ChangeKind.RESOURCE, resource_id, (event_for(_resource_of(row)),))


class _SlugTaken:
    """`with` it, a violated uniqueness is told in an operator's words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Conflict) and error.members.get("constraint") == "resources_slug":
            raise Conflict("this slug is taken") from error


def _values(resource: Resource) -> tuple[Any, ...]:
    return (
        resource.id,
        resource.slug,
        resource.uri,
        alias(resource.uri),
        resource.display_name,
        resource.description,
        resource.backend_kind.value,
        resource.broker_provider_id,
        [asdict(scope) for scope in resource.scopes],
        asdict(resource.policy),
        resource.access_token_lifetime,
        resource.version,
        resource.created_at,
        resource.updated_at,
    )


def _resource_of(row: Record) -> Resource:
    return Resource(
        id=ResourceId(row["id"]),
        slug=Slug(row["slug"]),
        uri=row["uri"],
        display_name=row["display_name"],
        description=row["description"],
        backend_kind=BackendKind(row["backend_kind"]),
        broker_provider_id=row["broker_provider_id"],
        scopes=tuple(Scope(**scope) for scope in row["scopes"]),
        policy=Policy(**{name: tuple(entries) for name, entries in row["policy"].items()}),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        access_token_lifetime=row["access_token_lifetime"],
    )
