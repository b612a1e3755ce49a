"""Puts the vault together."""

from collections.abc import Mapping
from typing import Final

from kit.http import HttpApp
from kit.service import Resources, Service
from services.vault import settings
from services.vault.adapters.store import PostgresInventory
from services.vault.api.rpc import ADMIN_SERVICE, BROKER_SERVICE, LINK_SERVICE, servicers

# Who may ask for what, for every gRPC service of the vault's proto, whether this release serves it or not.
CALLERS: Final[Mapping[str, frozenset[str]]] = {
    LINK_SERVICE: frozenset({"authorize"}),
    BROKER_SERVICE: frozenset({"token"}),
    ADMIN_SERVICE: frozenset({"admin"}),
}


async def build(resources: Resources) -> Service:
    """The vault: gRPC only, nothing public."""
    chosen = settings.of(resources.configuration)
    offered = servicers(PostgresInventory(await resources.pool()), chosen.driver)
    return Service(
        http=HttpApp((), secure=resources.configuration.server.issuer.startswith("https://"), service="vault"),
        rpc=offered,
        callers={name: CALLERS[name] for _, _, name in offered},
    )
