"""How the other services and the database feel, and the figures of the overview."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import grpc.aio
from authserver.vault.v1 import vault_pb2
from authserver.vault.v1.vault_pb2_grpc import VaultAdminServiceStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.admin.adapters.peers.authorize import AuthorizeUsers
from services.admin.adapters.peers.registry import RegistryClients
from services.admin.model.system import VaultState

PROBE_SECONDS = 1.0
SERVING = health_pb2.HealthCheckResponse.SERVING


class PeerCounts:
    """Implements Counts."""

    def __init__(self, registry: RegistryClients, users: AuthorizeUsers, vault: grpc.aio.Channel) -> None:
        self._registry = registry
        self._users = users
        self._vault = VaultAdminServiceStub(vault)

    async def clients(self) -> int:
        """How many clients are known."""
        return await self._registry.count()

    async def users(self) -> int:
        """How many people are known."""
        return await self._users.count()

    async def vault(self) -> VaultState:
        """What seals upstream credentials, and how many connections there are."""
        answer = await self._vault.GetStatus(vault_pb2.GetStatusRequest())
        return VaultState(driver=answer.driver, connections=answer.connections)


class Probes:
    """Implements Health: asks everyone at once, a second each."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel], database: Callable[[], Awaitable[bool]]) -> None:
        self._stubs = {name: health_pb2_grpc.HealthStub(channel) for name, channel in channels.items()}
        self._database = database

    async def database(self) -> bool:
        """Whether our own database answers."""
        try:
            return await asyncio.wait_for(self._database(), PROBE_SECONDS)
        except TimeoutError:
            return False

    async def peers(self) -> Mapping[str, bool]:
        """Whether each service says it is serving."""
        answers = await asyncio.gather(*(self._serving(stub) for stub in self._stubs.values()))
        return dict(zip(self._stubs, answers, strict=True))

    async def _serving(self, stub: health_pb2_grpc.HealthStub) -> bool:
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_SECONDS)
        except Exception:
            # Whatever a probe dies of, its answer is the same: not serving.
            return False
        return bool(answer.status == SERVING)
