"""The authorization request: as it was sent, and as it stands once every rule has passed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.authorize.model import ClientId


class Prompt(StrEnum):
    """OpenID Connect Core §3.1.2.1, the values honoured here (A4)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    # The only way to choose another account here is to sign in again.
    SELECT_ACCOUNT = "select_account"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """What arrived, unjudged. An empty value counts as omitted (RFC 6749 §3.1).

    `repeated` names what was sent more than once; `pushed` says it came from its client directly (RFC 9126).
    """

    client_id: str | None = None
    redirect_uri: str | None = None
    response_type: str | None = None
    response_mode: str | None = None
    state: str | None = None
    scope: str | None = None
    resources: tuple[str, ...] = ()
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    dpop_jkt: str | None = None
    prompt: str | None = None
    max_age: str | None = None
    login_hint: str | None = None
    request: str | None = None
    request_uri: str | None = None
    repeated: frozenset[str] = field(default=frozenset())
    pushed: bool = False


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every rule; what a pending authorization remembers.

    `resource` is canonical and empty when none was named. `signed_in_since` is set when only a sign-in at or after that moment will do.
    """

    client_id: ClientId
    redirect_uri: str
    code_challenge: str
    scopes: tuple[str, ...]
    resource: str = ""
    state: str = ""
    dpop_jkt: str = ""
    prompt: frozenset[Prompt] = frozenset()
    signed_in_since: datetime | None = None
    login_hint: str = ""
