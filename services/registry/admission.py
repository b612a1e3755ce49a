"""Who may register without an operator: the mode in force, and what each mode demands."""

from collections.abc import Iterable

from kit.audit import Action
from kit.errors import AccessDenied, InvalidRedirectUri, InvalidRequest
from services.registry import history
from services.registry.model import Mode, Origin
from services.registry.ports import RegistrationSettings


class Admission:
    """`configured` holds until an operator sets another mode at run time; `approved` are exact redirect URIs."""

    def __init__(self, settings: RegistrationSettings, configured: Mode, approved: frozenset[str]) -> None:
        self._settings = settings
        self._configured = configured
        self.approved = approved

    async def mode(self) -> Mode:
        """The mode in force on every replica. Raises Unavailable: who may register is never guessed."""
        return await self._settings.mode() or self._configured

    async def admit(self, uris: Iterable[str]) -> None:
        """Raises AccessDenied where registration is closed, InvalidRedirectUri for a redirect URI that is not approved."""
        mode = await self.mode()
        if mode is Mode.ADMIN_ONLY:
            raise AccessDenied("registration is closed; ask the operator for a client")
        require_approved(mode, uris, self.approved)

    async def set_mode(self, text: str, origin: Origin) -> Mode:
        """Change the mode. Raises InvalidRequest for an unknown mode, or one that would approve nothing."""
        if text not in frozenset(Mode):
            raise InvalidRequest(f"mode must be one of {', '.join(Mode)}")
        mode = Mode(text)
        if mode is Mode.APPROVED_REDIRECTS and not self.approved:
            raise InvalidRequest("dcr.approved_redirects is empty: this mode would refuse every client")
        before = await self.mode()
        if mode is not before:
            event = history.about_settings(Action.DCR_MODE_UPDATED, origin, old=before.value, new=mode.value)
            await self._settings.set_mode(mode, event)
        return mode


def require_approved(mode: Mode, uris: Iterable[str], approved: frozenset[str]) -> None:
    """In mode approved_redirects, every URI is one of the approved, character by character. Raises InvalidRedirectUri."""
    if mode is Mode.APPROVED_REDIRECTS and not approved.issuperset(uris):
        raise InvalidRedirectUri("a redirect URI is not among those the operator approved")
