"""Asking identity providers, through the guard against private addresses: discovery, keys, the exchange of a code, UserInfo."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from kit import log, strict_json
from kit.cache import Cache
from kit.errors import AuthPlaneError, InvalidToken, Refused, Unavailable
from kit.jose import VerificationKey, jwks_to_keys
from kit.outbound import Fetched, Outbound
from kit.telemetry import Count, Duration
from services.authorize.identity_provider import Answer, Metadata, Provider, discovery_url, read_metadata, unusable
from services.authorize.refusals import CodeRefused

_METADATA_SECONDS: Final = 3600.0
# A key a provider withdraws is trusted no longer than this; one it adds is found at once, because its kid is not known.
_KEYS_SECONDS: Final = 600.0
_REFETCH_SECONDS: Final = 30.0
_MOST_PROVIDERS: Final = 1000
_LARGEST: Final = 256 * 1024
_LONGEST_TOKEN: Final = 16 * 1024
_TOO_MANY_REQUESTS: Final = 429

_HITS = Count("authserver_oidc_jwks_cache_hits_total", "Keys of identity providers found here.")
_MISSES = Count("authserver_oidc_jwks_cache_misses_total", "Keys of identity providers fetched.")
_EXCHANGE = Duration(
    "authserver_oidc_exchange_duration_seconds", "Exchanges of a code at an identity provider.", {"outcome": ("success", "failure")}
)

logger = log.get(__name__)


class OutboundIdentityProviders:
    """Satisfies services.authorize.identity_provider.IdentityProviders.

    `public` is the way to providers anywhere; `local`, which may dial this machine without TLS, to those marked so.
    """

    def __init__(self, public: Outbound, local: Outbound, *, now: Callable[[], float] = time.monotonic) -> None:
        self._public = public
        self._local = local
        self._now = now
        self._metadata: Cache[str, Metadata] = Cache(_METADATA_SECONDS, _MOST_PROVIDERS, now=now)
        self._keys: Cache[str, Mapping[str, VerificationKey]] = Cache(_KEYS_SECONDS, _MOST_PROVIDERS, now=now)
        self._refetched: dict[str, float] = {}

    async def metadata(self, provider: Provider) -> Metadata:
        """What the provider publishes, at most an hour old."""

        async def load(_: str) -> Metadata:
            return read_metadata(provider, await self._document(provider, discovery_url(provider)))

        return await self._metadata.get(provider.name, load)

    async def keys(self, provider: Provider, kid: str) -> Mapping[str, VerificationKey]:
        """Its signing keys; with an unknown `kid` fetched again, at most every 30 seconds."""
        jwks_uri = (await self.metadata(provider)).jwks_uri

        async def load(_: str) -> Mapping[str, VerificationKey]:
            _MISSES.add()
            try:
                return jwks_to_keys(await self._document(provider, jwks_uri))
            except InvalidToken as error:
                raise unusable(provider, f"its keys: {error.detail}") from error

        known = self._keys.peek(provider.name)
        if known is not None and (kid in known or (not kid and len(known) == 1)):
            _HITS.add()
            return known
        if known is not None and self._now() - self._refetched.get(provider.name, float("-inf")) >= _REFETCH_SECONDS:
            self._refetched[provider.name] = self._now()
            self._keys.drop(provider.name)
        return await self._keys.get(provider.name, load)

    async def redeem(self, provider: Provider, code: str, verifier: str) -> Answer:
        """Exchange a code (RFC 6749 §4.1.3, RFC 7636 §4.5). Raises CodeRefused."""
        metadata = await self.metadata(provider)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": provider.redirect_uri, "code_verifier": verifier}
        basic = None
        if not provider.client_secret:
            form["client_id"] = provider.client_id
        elif metadata.secret_in_form:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        else:
            # RFC 6749 §2.3.1: each half is form-encoded first.
            basic = (quote_plus(provider.client_id), quote_plus(provider.client_secret))
        started, outcome = time.perf_counter(), "failure"
        try:
            fetched = await self._asked(
                provider, self._way(provider).post_form(metadata.token_endpoint, form, max_bytes=_LARGEST, basic=basic)
            )
            answer = _answer(provider, fetched)
            outcome = "success"
        finally:
            _EXCHANGE.observe(time.perf_counter() - started, outcome)
        return answer

    async def person(self, provider: Provider, access_token: str) -> Mapping[str, Any]:
        """What UserInfo says as JSON; nothing where there is no such endpoint or it refuses (OpenID Connect Core §5.3)."""
        url = (await self.metadata(provider)).userinfo_endpoint
        if not url:
            return {}
        headers = {"authorization": f"Bearer {access_token}"}
        fetched = await self._asked(provider, self._way(provider).get(url, accept="application/json", max_bytes=_LARGEST, headers=headers))
        claims = _json(fetched) if fetched.status == 200 else None
        return claims if isinstance(claims, dict) else {}

    async def check(self, providers: tuple[Provider, ...]) -> None:
        """Said once at start, so that an operator need not wait for the first person to find out."""
        for provider in providers:
            try:
                await self.metadata(provider)
            except AuthPlaneError as error:
                logger.warning("federation.provider_unusable", provider=provider.name, debug=error.debug)

    async def _document(self, provider: Provider, url: str) -> Any:
        fetched = await self._asked(provider, self._way(provider).get(url, accept="application/json", max_bytes=_LARGEST))
        document = _json(fetched) if fetched.status == 200 else None
        if document is None:
            raise unusable(provider, f"{url} answered {fetched.status}, or no JSON")
        return document

    async def _asked(self, provider: Provider, asking: Any) -> Fetched:
        try:
            fetched: Fetched = await asking
        except (Refused, Unavailable) as error:
            raise unusable(provider, f"{error.detail}; {error.debug}") from error
        # A redirect is not followed: whatever a provider wants reached it has to publish.
        if fetched.status >= 500 or fetched.status == _TOO_MANY_REQUESTS or 300 <= fetched.status < 400:
            raise unusable(provider, f"{fetched.final} answered {fetched.status}")
        return fetched

    def _way(self, provider: Provider) -> Outbound:
        return self._local if provider.local else self._public


def _answer(provider: Provider, fetched: Fetched) -> Answer:
    body = _json(fetched)
    members = body if isinstance(body, dict) else {}
    if fetched.status != 200:
        raise _refused(provider, f"{fetched.status} {str(members.get('error'))[:100]!r}")
    id_token, access_token = members.get("id_token"), members.get("access_token", "")
    if not isinstance(id_token, str) or not id_token:
        raise _refused(provider, "no ID token")
    usable = isinstance(access_token, str) and access_token.isascii() and access_token.isprintable() and len(access_token) <= _LONGEST_TOKEN
    return Answer(id_token, access_token if usable else "")


def _refused(provider: Provider, why: str) -> CodeRefused:
    return CodeRefused("the identity provider did not confirm that you signed in", debug=f"{provider.name}: {why}")


def _json(fetched: Fetched) -> Any:
    try:
        return strict_json.parse(fetched.body)
    except (ValueError, RecursionError):
        return None
