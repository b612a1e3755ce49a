"""The public routes: dynamic registration, its management, and protected resource metadata."""

from typing import Final
from urllib.parse import quote

from kit import telemetry
from kit.errors import InvalidRequest, InvalidToken, Missing, PayloadTooLarge
from kit.http import Reply, Request, Route, json_reply
from services.registry import protected_resource
from services.registry.api.registration_json import client_information
from services.registry.catalogue import Catalogue
from services.registry.model import ClientId, Origin
from services.registry.ports import RegistrationRate
from services.registry.registration import ClientRegistration

REGISTER: Final = "/oauth/register"
PROTECTED_RESOURCE: Final = "/.well-known/oauth-protected-resource"
LARGEST_BODY: Final = 1024 * 1024  # bytes
_LONGEST_REFERENCE: Final = 1024
_SECONDS_PUBLIC: Final = 60


class RegistrationRoutes:
    """RFC 7591 and RFC 7592. `issuer` is where clients reach us."""

    def __init__(self, registration: ClientRegistration, rate: RegistrationRate, issuer: str) -> None:
        self._registration = registration
        self._rate = rate
        self._base = issuer.rstrip("/") + REGISTER

    def routes(self) -> tuple[Route, ...]:
        """Open to scripts of other origins: MCP clients run in browsers too."""
        one = REGISTER + "/{client_id}"
        return (
            Route("POST", REGISTER, self._register, cors=True),
            Route("GET", one, self._read, cors=True),
            Route("PUT", one, self._update, cors=True),
            Route("DELETE", one, self._delete, cors=True),
        )

    async def _register(self, request: Request) -> Reply:
        await self._rate.admit(request.client_address)
        registered = await self._registration.register(await _json(request), _origin(request))
        request.facts["client_id"] = registered.client.id
        return json_reply(client_information(registered, self._uri(registered.client.id)), 201)

    async def _read(self, request: Request) -> Reply:
        client_id, access_token = _managed(request)
        return json_reply(client_information(await self._registration.read(client_id, access_token), self._uri(client_id)))

    async def _update(self, request: Request) -> Reply:
        client_id, access_token = _managed(request)
        registered = await self._registration.update(client_id, access_token, await _json(request), _origin(request))
        return json_reply(client_information(registered, self._uri(client_id), access_token))

    async def _delete(self, request: Request) -> Reply:
        client_id, access_token = _managed(request)
        await self._registration.delete(client_id, access_token, _origin(request))
        return Reply(204)

    def _uri(self, client_id: str) -> str:
        return f"{self._base}/{quote(client_id, safe='')}"


class MetadataRoutes:
    """RFC 9728 for the resources registered here."""

    def __init__(self, catalogue: Catalogue, issuer: str, dpop_algorithms: tuple[str, ...]) -> None:
        self._catalogue = catalogue
        self._issuer = issuer
        self._dpop_algorithms = dpop_algorithms

    def routes(self) -> tuple[Route, ...]:
        """Public, and to be kept for a minute."""
        return (
            Route("GET", PROTECTED_RESOURCE, self._document, cors=True),
            Route("GET", PROTECTED_RESOURCE + "/{reference:path}", self._document, cors=True),
        )

    async def _document(self, request: Request) -> Reply:
        reference = request.path_params.get("reference", "")
        # A server decodes a path that is not UTF-8 into replacement characters or surrogates; no resource is named like that.
        if len(reference) > _LONGEST_REFERENCE or "\ufffd" in reference or not reference.isprintable():
            raise Missing("no resource has this metadata address")
        resource = protected_resource.select(reference, request.header("host") or "", await self._catalogue.all())
        members = protected_resource.document(resource, self._issuer, self._dpop_algorithms)
        return json_reply(members, headers=(("cache-control", f"public, max-age={_SECONDS_PUBLIC}"),))


def _origin(request: Request) -> Origin:
    telemetry.accept_traceparent(request.traceparent)
    return Origin(ip=request.client_address, request_id=request.request_id, trace_id=telemetry.trace_id())


def _managed(request: Request) -> tuple[ClientId, str]:
    scheme, _, access_token = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not access_token:
        raise InvalidToken("present the registration access token as a bearer token")
    return ClientId(request.path_params["client_id"]), access_token.strip()


async def _json(request: Request) -> object:
    try:
        body: object = await request.json(LARGEST_BODY)
    except PayloadTooLarge as error:
        # Answered as any body that cannot be read: 400, not 413.
        raise InvalidRequest(error.detail) from error
    return body
