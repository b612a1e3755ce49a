"""Pushed authorization requests (RFC 9126): judged when a client sends them, and again when a browser brings the reference."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from kit.credentials import digest, random_secret
from kit.errors import InvalidRequest, PayloadTooLarge, Refused
from services.authorize.authorization import Authorization
from services.authorize.model import ClientId, Visit
from services.authorize.request import RawRequest

# RFC 9126 §2.2: the form the specification itself suggests.
PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
# What is kept for a stranger until a browser comes for it.
_LARGEST = 16 * 1024


class RequestUriGone(Refused):
    """RFC 9101 §6.1 error code: the reference was used, has expired, belongs to another client, or never was."""

    code = "invalid_request_uri"
    status = 400


class RequestTooLarge(PayloadTooLarge):
    """RFC 9126 §2.3: this endpoint answers 413."""

    status = 413


@dataclass(frozen=True, slots=True)
class Proof:
    """How a client says who it is, as it arrived; token judges it."""

    authorization: str = field(default="", repr=False)
    client_id: str = ""
    secret: str = field(default="", repr=False)
    assertion_type: str = ""
    assertion: str = field(default="", repr=False)


class ClientAuthentication(Protocol):
    """Client authentication, owned by token."""

    async def authenticate(self, proof: Proof) -> ClientId:
        """The client, proven and active. Raises InvalidClient, InvalidRequest, Unavailable."""
        ...


class PushedRequests(Protocol):
    """Requests waiting for their browser."""

    async def add(self, reference: bytes, raw: RawRequest, expires_at: datetime) -> None:
        """Keep one under the digest of its reference."""
        ...

    async def take(self, reference: bytes, client_id: str, now: datetime) -> RawRequest | None:
        """The request, to one caller only; None when it is used, expired or another client's. Atomic."""
        ...


@dataclass(frozen=True, slots=True)
class Pushing:
    """Takes requests in at the back, gives them out at the front."""

    clients: ClientAuthentication
    requests: PushedRequests
    authorization: Authorization
    lifetime: timedelta

    async def push(self, raw: RawRequest, proof: Proof, visit: Visit) -> str:
        """The `request_uri` under which the request waits for `lifetime`.

        Raises InvalidClient, RequestTooLarge, everything the authorization endpoint would refuse (RFC 9126 §2.3), Unavailable.
        """
        client_id = await self.clients.authenticate(proof)
        if raw.request_uri is not None:
            raise InvalidRequest("request_uri cannot be pushed")
        if _size(raw) > _LARGEST:
            raise RequestTooLarge(f"the parameters may have at most {_LARGEST} characters together")
        own = replace(raw, client_id=client_id, pushed=True)
        await self.authorization.require_acceptable(own, visit)
        reference = PREFIX + random_secret()
        await self.requests.add(digest(reference), own, self.authorization.clock.now() + self.lifetime)
        return reference

    async def collect(self, raw: RawRequest, visit: Visit) -> RawRequest:
        """The pushed request behind `raw`, spending its reference; `raw` itself if it refers to none.

        Nothing else in `raw` counts (RFC 9101 §6.3). Raises InvalidRequest, RequestUriGone, UnknownClient, Unavailable.
        """
        if raw.request_uri is None or not raw.request_uri.startswith(PREFIX):
            return raw
        if raw.client_id is None:
            raise InvalidRequest("client_id is missing, or was sent more than once")
        # Asked first: what cannot be judged at this moment must not be spent.
        await self.authorization.clients.resolve(raw.client_id, visit)
        taken = await self.requests.take(digest(raw.request_uri), raw.client_id, self.authorization.clock.now())
        if taken is None:
            raise RequestUriGone("this request was opened already, or waited too long")
        return taken


def _size(raw: RawRequest) -> int:
    texts = (
        raw.redirect_uri,
        raw.response_type,
        raw.response_mode,
        raw.state,
        raw.scope,
        raw.code_challenge,
        raw.code_challenge_method,
        raw.dpop_jkt,
        raw.prompt,
        raw.max_age,
        raw.login_hint,
        *raw.resources,
    )
    return sum(len(text) for text in texts if text is not None)
