"""The cookies: who is signed in, which browser this is, and for minutes, which browser went to sign in elsewhere."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from kit.http import Request

Header = tuple[str, str]

_BROWSER_NAME: Final = "authserver_browser"
_SIGN_IN_NAME: Final = "authserver_oidc_state"
_BROWSER_LIFE: Final = timedelta(hours=12)
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Cookies:
    """`__Host-` names when secure: then no other host, path or plain connection can have set them (RFC 6265bis §4.1.3.2)."""

    secure: bool
    session_name: str
    session_life: timedelta
    same_site: Literal["lax", "strict", "none"] = "lax"

    def session(self, request: Request) -> str | None:
        """The session cookie's value, if it has the shape of one."""
        return self._read(request, self.session_name)

    def browser(self, request: Request) -> str | None:
        """The browser cookie's value, if it has the shape of one."""
        return self._read(request, _BROWSER_NAME)

    def set_session(self, value: str) -> Header:
        """After a login."""
        return self._write(self.session_name, value, self.session_life, self.same_site)

    def set_browser(self, value: str) -> Header:
        """For a browser met for the first time. Always Lax: it has to come along when a client's site sends the browser here."""
        return self._write(_BROWSER_NAME, value, _BROWSER_LIFE, "lax")

    def sign_in(self, request: Request) -> str | None:
        """The value by which a sign-in elsewhere is bound to this browser."""
        return self._read(request, _SIGN_IN_NAME)

    def set_sign_in(self, value: str, life: timedelta) -> Header:
        """For the way to an identity provider. Always Lax, as it has to come along when that provider sends the browser back."""
        return self._write(_SIGN_IN_NAME, value, life, "lax")

    def clear_sign_in(self) -> Header:
        """After the way back."""
        return self._write(_SIGN_IN_NAME, "", timedelta(0), "lax")

    def clear(self) -> tuple[Header, Header]:
        """After signing out: both, so that nothing of this person is left for the next one."""
        gone = timedelta(0)
        return self._write(self.session_name, "", gone, self.same_site), self._write(_BROWSER_NAME, "", gone, "lax")

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _read(self, request: Request, name: str) -> str | None:
        value = request.cookies().get(self._name(name))
        return value if value is not None and _VALUE.fullmatch(value) else None

    def _write(self, name: str, value: str, life: timedelta, same_site: str) -> Header:
        flags = "; Secure" if self.secure else ""
        age = int(life.total_seconds())
        return "set-cookie", f"{self._name(name)}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite={same_site.capitalize()}{flags}"
