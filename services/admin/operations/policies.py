"""The three lists of a resource's policy, changed one entry at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from kit.errors import InvalidRequest, Missing, Stale
from services.admin.model.clients import ClientId
from services.admin.model.operators import Operator
from services.admin.model.resources import Policy, Resource, ResourceChange
from services.admin.ports import ClientRecords, ResourceRegistry

ATTEMPTS = 3
Entries = tuple[str, ...]


class PolicyList(StrEnum):
    """Which list."""

    EXCHANGE_CLIENTS = "exchange.allowed_client_ids"
    RUNTIME_CLIENTS = "runtime.client_ids"
    RETURN_URLS = "connect.allowed_return_urls"


READ: Mapping[PolicyList, Callable[[Policy], Entries]] = {
    PolicyList.EXCHANGE_CLIENTS: lambda policy: policy.exchange.allowed_client_ids,
    PolicyList.RUNTIME_CLIENTS: lambda policy: policy.runtime.client_ids,
    PolicyList.RETURN_URLS: lambda policy: policy.connect.allowed_return_urls,
}
WRITE: Mapping[PolicyList, Callable[[Policy, Entries], Policy]] = {
    PolicyList.EXCHANGE_CLIENTS: lambda policy, entries: replace(policy, exchange=replace(policy.exchange, allowed_client_ids=entries)),
    PolicyList.RUNTIME_CLIENTS: lambda policy, entries: replace(policy, runtime=replace(policy.runtime, client_ids=entries)),
    PolicyList.RETURN_URLS: lambda policy, entries: replace(policy, connect=replace(policy.connect, allowed_return_urls=entries)),
}


@dataclass(frozen=True, slots=True)
class Policies:
    """Reads the policy, changes one entry and writes it back against the version that was read, so that no one's change is lost."""

    resources: ResourceRegistry
    clients: ClientRecords

    async def read(self, slug: str, which: PolicyList) -> Entries:
        """Raises Missing."""
        return READ[which]((await self._resource(slug)).policy)

    async def add(self, operator: Operator, slug: str, which: PolicyList, entry: str) -> Entries:
        """The list afterwards; adding twice changes nothing. Raises Missing, InvalidRequest (unknown client, unusable URL), Stale."""
        await self._require_valid(which, entry)
        return await self._change(operator, slug, which, lambda entries: entries if entry in entries else (*entries, entry))

    async def remove(self, operator: Operator, slug: str, which: PolicyList, entry: str) -> Entries:
        """The list afterwards; removing what is not there changes nothing. Raises Missing, Stale."""
        return await self._change(operator, slug, which, lambda entries: tuple(each for each in entries if each != entry))

    async def _change(self, operator: Operator, slug: str, which: PolicyList, edit: Callable[[Entries], Entries]) -> Entries:
        for attempt in range(1, ATTEMPTS + 1):
            resource = await self._resource(slug)
            before = READ[which](resource.policy)
            after = edit(before)
            if after == before:
                return before
            change = ResourceChange(policy=WRITE[which](resource.policy, after), expected_version=resource.version)
            try:
                return READ[which]((await self.resources.update_resource(operator, resource.id, change)).policy)
            except Stale:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _resource(self, slug: str) -> Resource:
        for resource in await self.resources.list_resources():
            if resource.slug == slug:
                return resource
        raise Missing(f"no resource has the slug {slug}")

    async def _require_valid(self, which: PolicyList, entry: str) -> None:
        if which is PolicyList.RETURN_URLS:
            _require_return_url(entry)
            return
        try:
            await self.clients.get_client(ClientId(entry))
        except Missing as error:
            raise InvalidRequest(f"no client has the id {entry}") from error


def _require_return_url(url: str) -> None:
    """A browser will be sent there, so nothing but an absolute http(s) URL without a fragment or user information."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidRequest("url is not a URL") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise InvalidRequest("url must be an absolute http or https URL without a fragment and without user information")
