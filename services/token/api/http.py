"""The public routes: token, revocation, introspection, keys and metadata, without a framework because each token pays for it."""

from collections.abc import Awaitable, Callable, Sequence

from kit import telemetry
from kit.errors import AuthPlaneError, InvalidDpopProof, SlowDown, UseDpopNonce
from kit.http import Reply, Request, Route, json_reply, problem
from kit.oauth import TokenType
from services.token.api import metrics
from services.token.device_authorization import DeviceAuthorization
from services.token.dpop import NonceSource
from services.token.endpoint import TokenEndpoint
from services.token.introspection import SIGNED_TYPE, Introspection
from services.token.keyring import Keyring
from services.token.model import Context, Credentials, TokenRequest
from services.token.rate import AddressRate
from services.token.revocation import Revocation

BODY_LIMIT = 64 * 1024
# RFC 8707 §2 and RFC 8693 §2.1: the only parameters that may be repeated.
_REPEATABLE = frozenset({"resource", "audience"})
_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))
# Short, so that a rotation is noticed by whoever trusts its cache.
_KEYS_FOR = (("cache-control", "public, max-age=300"),)
_METADATA_FOR = (("cache-control", "public, max-age=3600"),)

Metadata = Callable[[], Awaitable[bytes]]
Handler = Callable[[Request], Awaitable[Reply]]


class TokenRoutes:
    """`metadata` answers the discovery document, served at every path of `metadata_paths`; without `nonces` there is no DPoP, without
    `devices` no device grant, without `rate` no limit.
    """

    def __init__(
        self,
        *,
        endpoint: TokenEndpoint,
        revocation: Revocation,
        introspection: Introspection,
        keys: Keyring,
        metadata: Metadata,
        metadata_paths: Sequence[str],
        nonces: NonceSource | None,
        devices: DeviceAuthorization | None = None,
        rate: AddressRate | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._revocation = revocation
        self._introspection = introspection
        self._keys = keys
        self._metadata = metadata
        self._metadata_paths = metadata_paths
        self._nonces = nonces
        self._devices = devices
        self._rate = rate

    def routes(self) -> list[Route]:
        """Every route; all may be called by scripts of other origins, none with cookies."""
        limited = self._limited
        for_devices = [Route("POST", "/oauth/device_authorization", limited(self.device_authorization), cors=True)] if self._devices else []
        return [
            *for_devices,
            Route("POST", "/oauth/token", limited(self.token), cors=True),
            Route("POST", "/oauth/revoke", limited(self.revoke), cors=True),
            Route("POST", "/oauth/introspect", limited(self.introspect), cors=True),
            Route("GET", "/.well-known/jwks.json", self.jwks, cors=True),
            *(Route("GET", path, self.metadata, cors=True) for path in self._metadata_paths),
        ]

    def _limited(self, handler: Handler) -> Handler:
        """Before anything else is done for a request, its address pays for it (C9)."""
        rate = self._rate
        if rate is None:
            return handler

        async def limited(request: Request) -> Reply:
            if not rate.admitted(request.client_address):
                try:
                    await rate.admit(request.client_address)
                except SlowDown:
                    metrics.LIMITED.add(request.path)
                    raise
            return await handler(request)

        return limited

    async def token(self, request: Request) -> Reply:
        """RFC 6749 §3.2 and §5.1; who sent a DPoP proof is told the nonce for the next one, also when refused (RFC 9449 §8)."""
        if self._nonces is None or not request.headers_all("dpop"):
            return await self._issue(request)
        nonce = ("dpop-nonce", self._nonces.current())
        try:
            return (await self._issue(request)).adding(nonce)
        except AuthPlaneError as error:
            if isinstance(error, InvalidDpopProof | UseDpopNonce):
                metrics.PROOFS_REFUSED.add(error.code)
            request.facts["error"] = error.code
            if error.debug:
                request.facts["debug"] = error.debug
            return problem(error).adding(nonce)

    async def _issue(self, request: Request) -> Reply:
        parsed = await parse(request)
        answer = await self._endpoint.answer(parsed)
        metrics.count_issued(parsed.form["grant_type"], bound=answer.token_type is TokenType.DPOP)
        members: dict[str, str | int] = {
            "access_token": answer.access_token,
            "token_type": answer.token_type,
            "expires_in": answer.expires_in,
        }
        if answer.refresh_token is not None:
            members["refresh_token"] = answer.refresh_token
        if answer.scope:
            members["scope"] = answer.scope
        return json_reply(members, headers=_NO_STORE)

    async def device_authorization(self, request: Request) -> Reply:
        """RFC 8628 §3.2."""
        assert self._devices is not None, "without it there is no such route"
        answer = await self._devices.answer(await parse(request))
        metrics.DEVICES.add()
        members: dict[str, str | int] = {
            "device_code": answer.device_code,
            "user_code": answer.user_code,
            "verification_uri": answer.verification_uri,
            "verification_uri_complete": answer.verification_uri_complete,
            "expires_in": answer.expires_in,
            "interval": answer.interval,
        }
        return json_reply(members, headers=_NO_STORE)

    async def revoke(self, request: Request) -> Reply:
        """RFC 7009 §2: success has no body and says nothing about whether there was anything to revoke."""
        await self._revocation.revoke(await parse(request))
        return Reply(200, headers=_NO_STORE)

    async def introspect(self, request: Request) -> Reply:
        """RFC 7662 §2; as a signed JWT for who asks for that (RFC 9701 §4)."""
        answer = await self._introspection.introspect(await parse(request))
        metrics.INTROSPECTED.add("true" if answer.members["active"] else "false")
        if SIGNED_TYPE in ",".join(request.headers_all("accept")):
            return Reply(200, self._introspection.signed(answer).encode(), (("content-type", f"application/{SIGNED_TYPE}"), *_NO_STORE))
        return json_reply(answer.members, headers=_NO_STORE)

    async def jwks(self, _: Request) -> Reply:
        """RFC 7517 §5."""
        return json_reply(self._keys.jwks, headers=_KEYS_FOR)

    async def metadata(self, _: Request) -> Reply:
        """RFC 8414 §3.2."""
        return json_reply(await self._metadata(), headers=_METADATA_FOR)


async def parse(request: Request) -> TokenRequest:
    """The form and the headers that matter. Raises InvalidRequest and its kin for whatever could be read in two ways."""
    telemetry.accept_traceparent(request.traceparent)
    parameters = await request.form(BODY_LIMIT)
    parameters.refuse_repeats(_REPEATABLE)
    form = {name: value for name in parameters.names() if name not in _REPEATABLE and (value := parameters.one(name)) is not None}
    return TokenRequest(
        form=form,
        resources=parameters.all("resource"),
        credentials=Credentials(
            authorization=request.header("authorization") or "",
            client_id=form.get("client_id", ""),
            client_secret=form.get("client_secret", ""),
            assertion_type=form.get("client_assertion_type", ""),
            assertion=form.get("client_assertion", ""),
        ),
        proofs=request.headers_all("dpop"),
        context=Context(request.client_address, request.request_id, telemetry.trace_id()),
    )
