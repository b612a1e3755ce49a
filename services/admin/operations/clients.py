"""OAuth clients: everything an operator does to them."""

from dataclasses import dataclass

from kit.errors import Conflict, Missing
from services.admin.model.clients import Client, ClientChange, ClientId, ClientStatus, CreatedClient, NewClient, RegistrationSource
from services.admin.model.operators import Operator
from services.admin.model.tokens import Live
from services.admin.paging import Paging
from services.admin.ports import ClientLife, ClientRecords, LiveTokens


def require_nothing_lives(live: Live, what: str) -> None:
    """Raise Conflict while credentials of the thing about to be deleted still work."""
    if live.any:
        counted = f"{live.families} refresh families and {live.issuances} issued tokens"
        raise Conflict(f"the {what} has {counted} that still work")


@dataclass(frozen=True, slots=True)
class Clients:
    """Registry keeps the clients, token ends what they hold."""

    records: ClientRecords
    life: ClientLife
    tokens: LiveTokens

    async def list(self, status: ClientStatus | None, source: RegistrationSource | None, paging: Paging) -> tuple[Client, ...]:
        """Newest first."""
        return await self.records.list_clients(status, source, paging.size, paging.start)

    async def get(self, client_id: ClientId) -> Client:
        """Raises Missing."""
        return await self.records.get_client(client_id)

    async def create(self, operator: Operator, new: NewClient) -> CreatedClient:
        """Raises InvalidClientMetadata, InvalidRedirectUri. The secret of a confidential client is in the answer and nowhere else."""
        return await self.records.create_client(operator, new)

    async def update(self, operator: Operator, client_id: ClientId, change: ClientChange) -> Client:
        """Raises Missing, InvalidClientMetadata, Stale."""
        return await self.records.update_client(operator, client_id, change)

    async def suspend(self, operator: Operator, client_id: ClientId) -> ClientStatus:
        """Stop the client until it is reactivated; what it holds is kept. Raises Missing."""
        return (await self.life.set_client_status(operator, client_id, ClientStatus.SUSPENDED)).status

    async def revoke(self, operator: Operator, client_id: ClientId) -> ClientStatus:
        """Stop the client, then end everything it holds; in that order, so that nothing is issued in between. Raises Missing."""
        client = await self.life.set_client_status(operator, client_id, ClientStatus.REVOKED)
        await self.tokens.end_client(operator, client_id)
        return client.status

    async def reactivate(self, operator: Operator, client_id: ClientId) -> ClientStatus:
        """Let a suspended or revoked client ask for tokens again. Raises Missing."""
        return (await self.life.set_client_status(operator, client_id, ClientStatus.ACTIVE)).status

    async def rotate_secret(self, operator: Operator, client_id: ClientId) -> str:
        """A new secret, once; the old one stops working. Raises Missing, Conflict (public client)."""
        return await self.life.rotate_client_secret(operator, client_id)

    async def delete(self, operator: Operator, client_id: ClientId, *, force: bool) -> None:
        """Remove the client and end everything it holds. Raises Missing, and Conflict while tokens live unless forced."""
        live = await self.tokens.count_live(client_id=client_id)
        if not force:
            require_nothing_lives(live, "client")
        try:
            await self.life.delete_client(operator, client_id, force=force)
        except Missing:
            # An earlier attempt may have got this far and no further: then there is still something to end.
            if not live.any:
                raise
        await self.tokens.end_client(operator, client_id)
