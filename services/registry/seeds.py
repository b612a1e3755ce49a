"""Clients and resources written in the configuration: created when absent, or kept as written there.

Every start of every replica plants them, so each step tolerates that another replica was faster.
"""

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from kit.audit import Action
from kit.credentials import matches_secret
from kit.errors import AuthPlaneError, Conflict, Missing, Unavailable
from services.registry import history
from services.registry.catalogue import Catalogue, NewResource, ResourcePatch
from services.registry.clients import ClientAdministration, NewClient
from services.registry.model import Client, ClientId, Origin
from services.registry.ports import ClientEdit, Clients

_BOOT = Origin()


class SeedMode(StrEnum):
    """`create` never touches what exists; `sync` makes what exists equal to what is written."""

    CREATE = "create"
    SYNC = "sync"


class SeedRefused(ValueError):
    """The configuration describes something that cannot be stored; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """What the configuration describes."""

    resources: tuple[NewResource, ...] = ()
    clients: tuple[NewClient, ...] = ()
    mode: SeedMode = SeedMode.CREATE


class Sower:
    """Plants seeds."""

    def __init__(self, *, administration: ClientAdministration, clients: Clients, catalogue: Catalogue, pepper: bytes | None) -> None:
        self._administration = administration
        self._clients = clients
        self._catalogue = catalogue
        self._pepper = pepper

    async def plant(self, seeds: Seeds) -> None:
        """Raises SeedRefused, Unavailable."""
        for resource in seeds.resources:
            await _named(f"resources[{resource.slug}]", self._resource(resource, seeds.mode))
        for client in seeds.clients:
            await _named(f"clients[{client.client_id}]", self._client(client, seeds.mode))

    async def _resource(self, wish: NewResource, mode: SeedMode) -> None:
        slug = self._catalogue.prepared(wish).slug
        known = next((resource for resource in await self._catalogue.all() if resource.slug == slug), None)
        if known is None:
            with suppress(Conflict):
                await self._catalogue.create(wish, _BOOT)
        elif mode is SeedMode.SYNC:
            await self._catalogue.update(known.id, _as_written(wish), _BOOT)

    async def _client(self, wish: NewClient, mode: SeedMode) -> None:
        if not wish.client_id:
            raise SeedRefused("a seeded client needs a client_id")
        try:
            await self._clients.find(ClientId(wish.client_id))
        except Missing:
            with suppress(Conflict):
                await self._administration.create(wish, _BOOT)
            return
        if mode is SeedMode.SYNC:
            await self._clients.edit(ClientId(wish.client_id), lambda current: self._synced(current, wish))

    def _synced(self, current: Client, wish: NewClient) -> ClientEdit:
        written = self._administration.prepared(wish).client
        # A digest may differ while the secret is the same, when a pepper was introduced; that alone is no change.
        keep_secret = bool(written.secret_digest and current.secret_digest) and matches_secret(
            wish.secret, current.secret_digest, self._pepper
        )
        changed = replace(
            current,
            metadata=written.metadata,
            scope=written.scope,
            access_token_lifetime=written.access_token_lifetime,
            secret_digest=current.secret_digest if keep_secret else written.secret_digest,
        )
        return ClientEdit(changed, (history.about_client(Action.CLIENT_UPDATED, current.id, _BOOT, source="configuration"),))


def _as_written(wish: NewResource) -> ResourcePatch:
    return ResourcePatch(
        uri=wish.uri,
        display_name=wish.display_name,
        description=wish.description,
        scopes=wish.scopes,
        policy=wish.policy,
        access_token_lifetime=wish.access_token_lifetime,
    )


async def _named(what: str, planting: Awaitable[None]) -> None:
    try:
        await planting
    except Unavailable:
        raise
    except (AuthPlaneError, SeedRefused) as error:
        raise SeedRefused(f"{what}: {error}") from error
