"""Who may register clients dynamically."""

from dataclasses import dataclass

from services.admin.model.clients import RegistrationMode
from services.admin.model.operators import Operator
from services.admin.ports import RegistrationSettings


@dataclass(frozen=True, slots=True)
class Registration:
    """The mode lives in registry and changes on every replica at once."""

    settings: RegistrationSettings

    async def get_mode(self) -> RegistrationMode:
        """The mode in force."""
        return await self.settings.get_mode()

    async def set_mode(self, operator: Operator, mode: RegistrationMode) -> RegistrationMode:
        """The mode in force afterwards."""
        return await self.settings.set_mode(operator, mode)
