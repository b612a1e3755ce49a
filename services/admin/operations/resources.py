"""Protected resources: everything an operator does to them."""

from dataclasses import dataclass

from kit.errors import Missing
from services.admin.model.operators import Operator
from services.admin.model.resources import BackendKind, NewResource, Resource, ResourceChange
from services.admin.ports import ResourceRegistry


@dataclass(frozen=True, slots=True)
class Resources:
    """Registry keeps them. A reference is an id or a slug."""

    registry: ResourceRegistry

    async def list(self, slug: str = "", backend_kind: BackendKind | None = None) -> tuple[Resource, ...]:
        """In registration order."""
        return tuple(
            resource
            for resource in await self.registry.list_resources()
            if slug in {"", resource.slug} and backend_kind in {None, resource.backend_kind}
        )

    async def get(self, reference: str) -> Resource:
        """Raises Missing."""
        for resource in await self.registry.list_resources():
            if reference in {resource.id, resource.slug}:
                return resource
        raise Missing(f"no resource has the id or slug {reference}")

    async def create(self, operator: Operator, new: NewResource) -> Resource:
        """Raises Conflict (slug taken), InvalidRequest."""
        return await self.registry.create_resource(operator, new)

    async def update(self, operator: Operator, reference: str, change: ResourceChange) -> Resource:
        """Raises Missing, Conflict, InvalidRequest, Stale."""
        resource = await self.get(reference)
        return await self.registry.update_resource(operator, resource.id, change)

    async def delete(self, operator: Operator, reference: str, *, cascade: bool) -> None:
        """Raises Missing, and Conflict while something refers to it, unless cascading."""
        resource = await self.get(reference)
        await self.registry.delete_resource(operator, resource.id, cascade=cascade)
