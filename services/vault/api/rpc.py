"""VaultAdminService over gRPC. LinkService and BrokerService are named for the callers' table and not served yet."""

from datetime import datetime
from typing import Any, Final

from authserver.vault.v1 import vault_pb2 as pb
from authserver.vault.v1.vault_pb2_grpc import VaultAdminServiceServicer, add_VaultAdminServiceServicer_to_server
from google.protobuf.timestamp_pb2 import Timestamp

from kit.rpc_server import Servicer
from services.vault.model import Driver
from services.vault.ports import Inventory

LINK_SERVICE: Final = "authserver.vault.v1.LinkService"
BROKER_SERVICE: Final = "authserver.vault.v1.BrokerService"
ADMIN_SERVICE: Final = "authserver.vault.v1.VaultAdminService"


def servicers(inventory: Inventory, driver: Driver) -> tuple[Servicer, ...]:
    """Every gRPC service the vault offers."""
    return ((add_VaultAdminServiceServicer_to_server, VaultAdmin(inventory, driver), ADMIN_SERVICE),)


class VaultAdmin(VaultAdminServiceServicer):
    """The operator's view: what is there, never a secret."""

    def __init__(self, inventory: Inventory, driver: Driver) -> None:
        self._inventory = inventory
        self._driver = driver

    async def ListProviders(self, request: pb.ListProvidersRequest, context: Any) -> pb.ListProvidersResponse:  # noqa: N802 - the proto's name
        """All providers, or the one with the slug."""
        found = await self._inventory.providers(request.slug)
        return pb.ListProvidersResponse(
            providers=[
                pb.Provider(
                    id=provider.id,
                    slug=provider.slug,
                    display_name=provider.display_name,
                    protocol=provider.protocol,
                    created_at=_timestamp(provider.created_at),
                    updated_at=_timestamp(provider.updated_at),
                )
                for provider in found
            ]
        )

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:  # noqa: N802
        """What seals, and how much there is."""
        holdings = await self._inventory.holdings()
        return pb.GetStatusResponse(driver=self._driver, providers=holdings.providers, connections=holdings.connections)


def _timestamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
