"""Client authentication (RFC 6749 §2.3, RFC 7523): one way per request, and only the way the client registered."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from kit import credentials as secrets
from kit.audit import Action
from kit.errors import InvalidClient, InvalidRequest
from kit.oauth import CLIENT_ASSERTION_TYPE, AuthMethod
from services.token import events
from services.token.assertions import unverified_subject
from services.token.model import Client, Context, Credentials
from services.token.ports import Assertions, Clients, Ledger

# One text for unknown client, wrong secret, wrong method and suspended client: an answer tells a guesser nothing.
_FAILED = "client authentication failed"
_LONGEST_ID = 2048


@dataclass(frozen=True, slots=True)
class Presented:
    """The one way a request tries to authenticate; `proof` is the secret or assertion."""

    method: AuthMethod
    client_id: str
    proof: str


class ClientAuthentication:
    """Finds the client behind a request's credentials."""

    def __init__(self, *, clients: Clients, assertions: Assertions, ledger: Ledger, pepper: bytes | None) -> None:
        self._clients = clients
        self._assertions = assertions
        self._ledger = ledger
        self._pepper = pepper
        # Compared against when there is no client, so that an unknown one costs what a known one costs.
        self._nobody = secrets.secret_digest(secrets.random_secret(), pepper)

    async def require(self, credentials: Credentials, context: Context) -> Client:
        """The authenticated, active client; a known client's failure is audited. Raises InvalidClient, InvalidRequest, Unavailable."""
        presented = present(credentials)
        client = await self._clients.client(presented.client_id)
        try:
            return await self._require(presented, client)
        except InvalidClient:
            # Unknown names are not recorded: anybody could fill the log with them.
            if client is not None:
                await self._ledger.note(events.refused(Action.CLIENT_AUTH_FAILED, client, context, "invalid_client"))
            raise

    async def _require(self, presented: Presented, client: Client | None) -> Client:
        held = await self._holds(presented, client)
        if client is None or not held or client.auth_method is not presented.method or not client.active:
            raise InvalidClient(_FAILED, debug=_cause(presented, client, held=held))
        return client

    async def _holds(self, presented: Presented, client: Client | None) -> bool:
        if presented.method in (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST):
            stored = client.secret_digest if client is not None else ""
            return secrets.matches_secret(presented.proof, stored or self._nobody, self._pepper) and bool(stored)
        if (
            presented.method is AuthMethod.PRIVATE_KEY_JWT
            and client is not None
            and client.auth_method is presented.method
            and client.active
        ):
            await self._assertions.require(client, presented.proof)
        return True


def present(credentials: Credentials) -> Presented:
    """Which way a request chose. Raises InvalidRequest for several ways at once (C3), InvalidClient for none or an unreadable one."""
    ways = bool(credentials.authorization) + bool(credentials.client_secret) + bool(credentials.assertion or credentials.assertion_type)
    if ways > 1:
        raise InvalidRequest("the request authenticates its client in more than one way")
    if credentials.authorization:
        presented = _basic(credentials.authorization)
    elif credentials.assertion or credentials.assertion_type:
        presented = _asserted(credentials)
    elif credentials.client_secret:
        presented = Presented(AuthMethod.CLIENT_SECRET_POST, credentials.client_id, credentials.client_secret)
    else:
        presented = Presented(AuthMethod.NONE, credentials.client_id, "")
    if credentials.client_id and credentials.client_id != presented.client_id:
        raise InvalidRequest("client_id contradicts the client's credentials")
    if not presented.client_id or len(presented.client_id) > _LONGEST_ID:
        raise InvalidClient("the request does not say which client it comes from")
    return presented


def _basic(authorization: str) -> Presented:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("clients authenticate with the Basic scheme, in the form or with an assertion")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        if not colon:
            raise InvalidClient("the Basic credentials cannot be read")
        return Presented(AuthMethod.CLIENT_SECRET_BASIC, _form_decoded(client_id), _form_decoded(secret))
    except (binascii.Error, ValueError) as error:
        raise InvalidClient("the Basic credentials cannot be read") from error


def _form_decoded(half: bytes) -> str:
    # RFC 6749 §2.3.1: both halves are form-encoded before they are joined, so ids may be URLs.
    if b"%" in half or b"+" in half:
        half = unquote_to_bytes(half.replace(b"+", b" "))
    return half.decode("utf-8")


def _asserted(credentials: Credentials) -> Presented:
    if credentials.assertion_type != CLIENT_ASSERTION_TYPE:
        raise InvalidClient("this client_assertion_type is not supported")
    if not credentials.assertion:
        raise InvalidClient("client_assertion is missing")
    client_id = credentials.client_id or unverified_subject(credentials.assertion)
    return Presented(AuthMethod.PRIVATE_KEY_JWT, client_id, credentials.assertion)


def _cause(presented: Presented, client: Client | None, *, held: bool) -> str:
    if client is None:
        return "unknown client"
    if not client.active:
        return f"client={client.id} is not active"
    if client.auth_method is not presented.method:
        return f"client={client.id} registered {client.auth_method}, presented {presented.method}"
    return f"client={client.id} wrong secret" if not held else f"client={client.id}"
