"""Grants and issuances: what was allowed and what was handed out."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kit.clock import Clock
from kit.errors import InvalidRequest
from services.admin.model.operators import Operator
from services.admin.model.resources import Resource
from services.admin.model.tokens import ConsentGrant, GrantId, Issuance, IssuanceFilter, IssuanceId, Issuances
from services.admin.paging import Paging
from services.admin.ports import ResourceRegistry, TokenRecords

DEFAULT_WINDOW = timedelta(hours=24)
LONGEST_WINDOW = timedelta(days=30)
DEFAULT_LIMIT = 500
MOST = 5000
NO_WINDOW = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token keeps the records by the resource's URI; operators also know resources by id and slug."""

    records: TokenRecords
    resources: ResourceRegistry
    clock: Clock

    async def list_grants(self, user_id: str) -> tuple[ConsentGrant, ...]:
        """Active and revoked, newest first."""
        known = await self._known()
        return tuple(replace(grant, resource_id=known.id_of(grant.resource)) for grant in await self.records.list_grants(user_id))

    async def revoke_grant(self, operator: Operator, grant_id: GrantId) -> None:
        """End the grant and everything that descends from it. Raises Missing."""
        await self.records.revoke_grant(operator, grant_id)

    async def list_issuances(self, wanted: IssuanceFilter) -> Issuances:
        """Newest first. Raises InvalidRequest: no filter, `since` more than 30 days ago, `limit` not in 1..5000."""
        checked = self._checked(wanted)
        found = await self._find(checked)
        since = NO_WINDOW if wanted.jti else checked.since
        return Issuances(issuances=found, since=since or NO_WINDOW, count=len(found))

    async def list_recent(self, user: str, client: str, paging: Paging) -> tuple[Issuance, ...]:
        """What was issued to a user or client in the last 30 days, one page of it."""
        wanted = IssuanceFilter(user=user, client=client, since=self.clock.now() - LONGEST_WINDOW, limit=MOST)
        if not (user or client):
            raise InvalidRequest("name user_id or client_id")
        return (await self._find(wanted))[paging.start : paging.start + paging.size]

    async def get_issuance(self, issuance_id: IssuanceId) -> Issuance:
        """Raises Missing."""
        known = await self._known()
        return known.described(await self.records.get_issuance(issuance_id))

    async def revoke_issuance(self, operator: Operator, issuance_id: IssuanceId) -> None:
        """End the issuance, by id or jti, and what descends from it. Raises Missing."""
        await self.records.revoke_issuance(operator, issuance_id)

    async def _find(self, wanted: IssuanceFilter) -> tuple[Issuance, ...]:
        known = await self._known()
        found = await self.records.list_issuances(replace(wanted, resource=known.uri_of(wanted.resource)))
        return tuple(known.described(issuance) for issuance in found)

    async def _known(self) -> "KnownResources":
        return KnownResources(await self.resources.list_resources())

    def _checked(self, wanted: IssuanceFilter) -> IssuanceFilter:
        if not (wanted.user or wanted.client or wanted.resource or wanted.jti):
            raise InvalidRequest("name at least one of user, client, resource, jti")
        now = self.clock.now()
        since = wanted.since or now - DEFAULT_WINDOW
        if not wanted.jti and since < now - LONGEST_WINDOW:
            raise InvalidRequest("since must not be more than 30 days ago")
        limit = DEFAULT_LIMIT if wanted.limit is None else wanted.limit
        if not 1 <= limit <= MOST:
            raise InvalidRequest("limit must be between 1 and 5000")
        return replace(wanted, since=None if wanted.jti else since, limit=limit)


@dataclass(frozen=True, slots=True)
class KnownResources:
    """Translates between the names a resource goes by. A name nobody knows stays as it is."""

    resources: tuple[Resource, ...]

    def uri_of(self, reference: str) -> str:
        """The URI token files records under, for an id, slug or URI."""
        return next((each.uri for each in self.resources if reference in {each.id, each.slug}), reference)

    def id_of(self, uri: str) -> str:
        """The registry's id for a URI."""
        return next((each.id for each in self.resources if each.uri == uri), uri)

    def described(self, issuance: Issuance) -> Issuance:
        """The issuance with the id and kind of its resource filled in."""
        resource = next((each for each in self.resources if each.uri == issuance.resource), None)
        if resource is None:
            return replace(issuance, resource_id=issuance.resource)
        return replace(issuance, resource_id=resource.id, backend_kind=resource.backend_kind)
