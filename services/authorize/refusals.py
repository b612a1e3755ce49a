"""The refusals only an authorization endpoint knows."""

from typing import ClassVar

from kit.errors import AccessDenied, Conflict, InvalidClient, InvalidRequest, SlowDown, Unavailable


class UnknownClient(InvalidClient):
    """No client goes by that id."""

    status = 400


class DocumentUnreachable(InvalidClient):
    """The client's metadata document could not be fetched (C5)."""

    status = 400


class DocumentNotAcceptable(InvalidClient):
    """The client's metadata document was fetched and refused (C5)."""

    status = 400


class ClientNotActive(AccessDenied):
    """The client was suspended or revoked by an operator."""


class ForeignBrowser(AccessDenied):
    """The pending authorization was begun in another browser, or the form was not ours."""


class InteractionGone(InvalidRequest):
    """The pending authorization expired, was answered already, or never was."""


class LoginRejected(InvalidRequest):
    """E-mail address and password do not belong together; nothing says which of the two is wrong."""

    status = 422


class LockedOut(SlowDown):
    """Too many failed logins for this identity from this address; `retry_after` is the true time left."""


class NothingTicked(InvalidRequest):
    """Allowing needs at least one scope."""


class AlreadyAnswered(Conflict):
    """Another request is answering, or has answered, the same pending authorization."""


class SignInElsewhereFailed(AccessDenied):
    """A sign-in at an identity provider did not end in one here; `reason` is what the audit log says."""

    status = 401
    reason: ClassVar[str] = "sign_in_failed"


class CodeRefused(SignInElsewhereFailed):
    """The provider would not exchange its code, or gave something else for it."""

    reason = "code_exchange_failed"


class IdTokenRefused(SignInElsewhereFailed):
    """The ID token failed a check."""

    reason = "id_token_invalid"


class PersonRefused(SignInElsewhereFailed):
    """The person is disabled here."""

    reason = "user_disabled"


class IssuerChanged(SignInElsewhereFailed):
    """The person is known from another issuer under the same provider name, whose subjects mean other people."""

    reason = "issuer_changed"


class StateUnknown(InvalidRequest):
    """The answer belongs to no sign-in that this browser began and that is still open."""

    reason: ClassVar[str] = "state_invalid"


class AnswersMixedUp(InvalidRequest):
    """The answer came from another provider than the one that was asked (RFC 9700 §4.4)."""

    reason: ClassVar[str] = "mixed_up"


class ProviderDeclined(InvalidRequest):
    """The provider answered with an error of its own."""

    reason: ClassVar[str] = "provider_declined"


class EmailTaken(Conflict):
    """Another account here has the e-mail address; accounts are never joined because their addresses are alike."""

    reason: ClassVar[str] = "email_in_use"


class ProviderUnavailable(Unavailable):
    """The identity provider cannot be reached, or answers nonsense."""

    reason: ClassVar[str] = "provider_unavailable"
