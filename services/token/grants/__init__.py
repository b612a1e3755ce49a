"""One module per grant type. A grant decides; it spends, signs and writes nothing, and the endpoint does what it decided."""

from typing import Protocol

from kit.audit import Action
from kit.oauth import GrantType
from services.token.model import Client, Issuance, Proof, Replay, TokenRequest


class Grant(Protocol):
    """A way to obtain an access token. `denied` is how its refusals are audited; `confidential_only` keeps public clients out."""

    grant_type: GrantType
    denied: Action
    confidential_only: bool

    async def decide(self, request: TokenRequest, client: Client, proof: Proof | None) -> Issuance | Replay:
        """What should happen. Raises the refusal of the check that failed first; changes nothing."""
