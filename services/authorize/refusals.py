"""The refusals only an authorization endpoint knows."""

from kit.errors import AccessDenied, Conflict, InvalidClient, InvalidRequest, SlowDown


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
