"""The keys tokens are signed with."""

from dataclasses import dataclass

from services.admin.model.operators import Operator
from services.admin.model.tokens import SigningKey
from services.admin.ports import SigningKeys


@dataclass(frozen=True, slots=True)
class Keys:
    """Token keeps them; only public facts come out."""

    signing: SigningKeys

    async def list(self) -> tuple[SigningKey, ...]:
        """The current key and those still published."""
        return await self.signing.list_keys()

    async def rotate(self, operator: Operator) -> SigningKey:
        """The key that signs from now on; what the old one signed stays good."""
        return await self.signing.rotate_key(operator)
