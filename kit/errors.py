"""Every error the plane raises on purpose, and the one table from error to OAuth code and HTTP status.

AuthPlaneError                      500 server_error
├── Refused                         the caller's fault; one class per OAuth code
│   ├── InvalidRequest              400 invalid_request
│   │   ├── MethodNotAllowed        405 invalid_request
│   │   ├── PayloadTooLarge         400 invalid_request
│   │   └── UnsupportedMediaType    400 invalid_request
│   ├── InvalidClient               401 invalid_client
│   ├── InvalidGrant                400 invalid_grant
│   ├── UnauthorizedClient          400 unauthorized_client
│   ├── UnsupportedGrantType        400 unsupported_grant_type
│   ├── UnsupportedResponseType     400 unsupported_response_type
│   ├── InvalidScope                400 invalid_scope
│   ├── InvalidTarget               400 invalid_target                RFC 8707 §2
│   ├── AccessDenied                403 access_denied
│   │   └── Forbidden               403 access_denied                 a role or privilege is missing
│   ├── InvalidDpopProof            400 invalid_dpop_proof            RFC 9449 §5
│   ├── UseDpopNonce                400 use_dpop_nonce                RFC 9449 §8
│   ├── ConsentRequired             400 consent_required              with consent_url and cause
│   ├── InvalidClientMetadata       400 invalid_client_metadata       RFC 7591 §3.2.2
│   ├── InvalidRedirectUri          400 invalid_redirect_uri          RFC 7591 §3.2.2
│   ├── InvalidToken                401 invalid_token                 RFC 6750 §3.1
│   ├── InsufficientScope           403 insufficient_scope            RFC 6750 §3.1
│   ├── LoginRequired               400 login_required                OpenID Connect Core §3.1.2.6
│   ├── ConsentNeeded               400 consent_required              OpenID Connect Core §3.1.2.6, prompt=none
│   ├── InteractionRequired         400 interaction_required          OpenID Connect Core §3.1.2.6
│   ├── AuthorizationPending        400 authorization_pending         RFC 8628 §3.5
│   ├── ExpiredToken                400 expired_token                 RFC 8628 §3.5
│   ├── SlowDown                    429 slow_down                     with retry_after
│   └── Unauthorized                401 unauthorized
├── Missing                         404 not_found
├── Conflict                        409 conflict
├── Stale                           412 stale                         somebody else changed it first
└── Unavailable                     503 temporarily_unavailable       with retry_after
    └── DeadlineSpent               503 temporarily_unavailable

`detail` is public and says what to do differently; `debug` goes to the log and nowhere else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

_NO_MEMBERS: Mapping[str, str] = MappingProxyType({})
_KINDS: dict[str, type["AuthPlaneError"]] = {}


class AuthPlaneError(Exception):
    """The root. `members` are extra public members of the rendered error, such as `consent_url`."""

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 500
    # The name that crosses a service boundary. A class defined outside this module travels as its nearest ancestor here,
    # because the receiving side may never have imported it.
    kind: ClassVar[str] = "AuthPlaneError"

    def __init_subclass__(cls) -> None:
        if cls.__module__ == __name__:
            cls.kind = cls.__name__
            _KINDS[cls.__name__] = cls

    def __init__(self, detail: str, *, debug: str = "", members: Mapping[str, str] = _NO_MEMBERS) -> None:
        super().__init__(detail)
        self.detail = detail
        self.debug = debug
        self.members = members


_KINDS["AuthPlaneError"] = AuthPlaneError


def error_named(kind: str) -> type[AuthPlaneError]:
    """The class of this name. Raises KeyError for a name this module does not define."""
    return _KINDS[kind]


class Refused(AuthPlaneError):
    """The request is at fault, and repeating it unchanged will not help."""

    code, status = "invalid_request", 400


class InvalidRequest(Refused):
    """Malformed, incomplete, or contradicting itself."""


class MethodNotAllowed(InvalidRequest):
    """The path exists, this method on it does not."""

    status = 405


class PayloadTooLarge(InvalidRequest):
    """The body exceeds the limit of this path. RFC 6749 §5.2: 400, like every request that cannot be read."""


class UnsupportedMediaType(InvalidRequest):
    """The body is not of the media type this path reads. RFC 6749 §5.2: 400, like every request that cannot be read."""


class InvalidClient(Refused):
    """Client authentication failed, or the client is unknown or suspended."""

    code, status = "invalid_client", 401


class InvalidGrant(Refused):
    """The code, refresh token, assertion or subject token is not good, or not this client's."""

    code = "invalid_grant"


class UnauthorizedClient(Refused):
    """The client is known and may not use this grant."""

    code = "unauthorized_client"


class UnsupportedGrantType(Refused):
    """No such grant, or the operator switched it off."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(Refused):
    """Anything but `code`."""

    code = "unsupported_response_type"


class InvalidScope(Refused):
    """The scope is malformed, unknown, or beyond what may be granted."""

    code = "invalid_scope"


class InvalidTarget(Refused):
    """The resource is unknown, or not reachable from here."""

    code = "invalid_target"


class AccessDenied(Refused):
    """A policy or a person said no."""

    code, status = "access_denied", 403


class Forbidden(AccessDenied):
    """The caller is known and lacks the privilege."""


class InvalidDpopProof(Refused):
    """The DPoP proof does not prove possession for this request."""

    code = "invalid_dpop_proof"


class UseDpopNonce(Refused):
    """The DPoP proof must carry the nonce that accompanies this error."""

    code = "use_dpop_nonce"


class ConsentRequired(Refused):
    """A person must consent first; `members` say where (`consent_url`) and why (`cause`)."""

    code = "consent_required"


class InvalidClientMetadata(Refused):
    """A registration member has a value that cannot be accepted."""

    code = "invalid_client_metadata"


class InvalidRedirectUri(Refused):
    """A redirect URI cannot be accepted."""

    code = "invalid_redirect_uri"


class InvalidToken(Refused):
    """The presented token is malformed, expired, revoked, or signed by nobody trusted."""

    code, status = "invalid_token", 401


class InsufficientScope(Refused):
    """The token is good and does not carry the scope this needs."""

    code, status = "insufficient_scope", 403


class LoginRequired(Refused):
    """Nobody is signed in and the request forbids asking."""

    code = "login_required"


class ConsentNeeded(Refused):
    """Consent is missing and the request forbids asking."""

    code = "consent_required"


class InteractionRequired(Refused):
    """A person must do something and the request forbids asking."""

    code = "interaction_required"


class AuthorizationPending(Refused):
    """The person has not finished on the other device."""

    code = "authorization_pending"


class ExpiredToken(Refused):
    """The device code has expired."""

    code = "expired_token"


class SlowDown(Refused):
    """Too many requests; try again after `retry_after` seconds."""

    code, status = "slow_down", 429

    def __init__(self, detail: str, *, debug: str = "", members: Mapping[str, str] = _NO_MEMBERS, retry_after: int = 1) -> None:
        super().__init__(detail, debug=debug, members=members)
        self.retry_after = retry_after


class Unauthorized(Refused):
    """The caller has not said who it is."""

    code, status = "unauthorized", 401


class Missing(AuthPlaneError):
    """What was asked for does not exist, or the caller may not know that it does."""

    code, status = "not_found", 404


class Conflict(AuthPlaneError):
    """It exists already, or its state forbids this."""

    code, status = "conflict", 409


class Stale(AuthPlaneError):
    """It was changed by somebody else since the caller read it."""

    code, status = "stale", 412


class Unavailable(AuthPlaneError):
    """Something needed is down; nothing was done. Try again after `retry_after` seconds."""

    code, status = "temporarily_unavailable", 503

    def __init__(self, detail: str, *, debug: str = "", members: Mapping[str, str] = _NO_MEMBERS, retry_after: int = 1) -> None:
        super().__init__(detail, debug=debug, members=members)
        self.retry_after = retry_after


class DeadlineSpent(Unavailable):
    """Something needed did not answer in time; it may or may not have been done."""
