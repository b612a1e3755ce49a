"""Sender constraint (RFC 9449): the proof a request must bring before anything is spent for it."""

from kit.errors import InvalidDpopProof
from services.token.model import Client, Proof, TokenRequest


class ProofsIgnored:
    """A deployment without DPoP answers a request that carries a proof as any server that never heard of DPoP does."""

    async def require(self, _: TokenRequest, client: Client) -> Proof | None:
        """Raises InvalidDpopProof for a client whose tokens must be bound (RFC 9449 §5.2): here they cannot be."""
        if client.dpop_bound:
            raise InvalidDpopProof("this client's tokens must be bound to a key, which this server does not do")
        return None
