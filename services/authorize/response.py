"""The authorization response: what is appended to the redirect URI (RFC 6749 §4.1.2, RFC 9207)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from kit.errors import AuthPlaneError
from kit.oauth import describable

_LONGEST_DESCRIPTION = 400


@dataclass(frozen=True, slots=True)
class Responder:
    """Builds locations for one issuer; `iss` is on every one of them, success or error (A1)."""

    issuer: str

    def success(self, redirect_uri: str, code: str, state: str) -> str:
        """Where to send the browser with its code."""
        return self._with(redirect_uri, {"code": code, "state": state, "iss": self.issuer})

    def failure(self, redirect_uri: str, state: str, error: AuthPlaneError) -> str:
        """Where to send the browser with an error. Call only with a redirect URI that is registered (K12)."""
        description = describable(error.detail)[:_LONGEST_DESCRIPTION]
        return self._with(redirect_uri, {"error": error.code, "error_description": description, "state": state, "iss": self.issuer})

    def _with(self, redirect_uri: str, members: dict[str, str]) -> str:
        # RFC 6749 §3.1.2: a query the client registered is kept.
        query = urlencode({name: value for name, value in members.items() if value})
        separator = "?" if "?" not in redirect_uri else "" if redirect_uri.endswith(("?", "&")) else "&"
        return f"{redirect_uri}{separator}{query}"
