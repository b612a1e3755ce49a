"""Form tokens (A8): each is good for one form, in the hands of one browser session, about one pending authorization (K13, K17)."""

from dataclasses import dataclass
from enum import StrEnum

from kit.credentials import Mac
from kit.errors import InvalidRequest
from services.authorize.refusals import ForeignBrowser


class Form(StrEnum):
    """The forms there are."""

    LOGIN = "login"
    CONSENT = "consent"
    LOGOUT = "logout"
    DEVICE = "device"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class FormTokens:
    """Makes and checks the hidden field `csrf_token`. `holder` is what only this browser has: its cookie, or its session's digest."""

    mac: Mac

    def token(self, form: Form, holder: str, about: str = "") -> str:
        """The value of the hidden field."""
        return self.mac.tag(form, holder, about)

    def require(self, token: str | None, form: Form, holder: str, about: str = "") -> None:
        """Raise ForeignBrowser unless this page was made here for this browser."""
        try:
            self.mac.require(token or "", form, holder, about)
        except InvalidRequest:
            raise ForeignBrowser("this form is out of date, or was not made for this browser") from None
