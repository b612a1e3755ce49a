"""Clients' public keys: inline, or fetched from their `jwks_uri` through the guard against private addresses."""

import time
from collections.abc import Callable, Mapping

from kit import strict_json
from kit.cache import Cache
from kit.errors import InvalidRequest, InvalidToken, Unavailable
from kit.jose import VerificationKey, jwks_to_keys
from kit.outbound import Outbound
from services.token.model import Client

TTL_SECONDS = 600.0
# An unknown kid may ask past the cache, but not more often than this per address: a stranger must not make us fetch at will.
REFETCH_SECONDS = 30.0
# A failure is answered from memory for as long: whoever registers somebody else's address would have us knock there with every request.
FAILURE_SECONDS = 30.0
MOST_SETS = 1_000
_LARGEST = 64 * 1024

Keys = Mapping[str, VerificationKey]


class FetchedClientKeys:
    """Implements the port ClientKeys."""

    def __init__(self, outbound: Outbound, *, now: Callable[[], float] = time.monotonic) -> None:
        self._outbound = outbound
        self._now = now
        self._inline: Cache[str, Keys] = Cache(TTL_SECONDS, MOST_SETS, now=now)
        self._fetched: Cache[str, Keys] = Cache(TTL_SECONDS, MOST_SETS, now=now)
        self._failures: Cache[str, InvalidToken | Unavailable] = Cache(FAILURE_SECONDS, MOST_SETS, now=now)
        self._refetched: dict[str, float] = {}

    async def keys(self, client: Client, *, refetch: bool) -> Keys:
        """See ports.ClientKeys."""
        if client.jwks:
            return await self._inline.get(client.jwks, _parse)
        if not client.jwks_uri:
            return {}
        if refetch and self._may_refetch(client.jwks_uri):
            return await self._refetch(client.jwks_uri)
        return await self._fetched.get(client.jwks_uri, self._fetch)

    def _may_refetch(self, uri: str) -> bool:
        now = self._now()
        if len(self._refetched) > MOST_SETS:
            self._refetched = {known: at for known, at in self._refetched.items() if at > now - REFETCH_SECONDS}
        if self._refetched.get(uri, now - REFETCH_SECONDS) > now - REFETCH_SECONDS:
            return False
        self._refetched[uri] = now
        return True

    async def _refetch(self, uri: str) -> Keys:
        """The keys as published now. The known ones go only for newer ones, so that an outage over there costs nobody a key that works."""
        newer = await self._fetch(uri)

        async def known(_: str) -> Keys:
            return newer

        self._fetched.drop(uri)
        return await self._fetched.get(uri, known)

    async def _fetch(self, uri: str) -> Keys:
        before = self._failures.peek(uri)
        if before is not None:
            # A new object each time: an exception gathers a traceback with every raise.
            raise type(before)(before.detail, debug=before.debug)
        try:
            return await self._read(uri)
        except (InvalidToken, Unavailable) as error:
            failure = type(error)(error.detail, debug=error.debug)

            async def failed(_: str) -> InvalidToken | Unavailable:
                return failure

            await self._failures.get(uri, failed)
            raise

    async def _read(self, uri: str) -> Keys:
        try:
            fetched = await self._outbound.get(uri, accept="application/jwk-set+json, application/json", max_bytes=_LARGEST)
        except InvalidRequest as error:
            raise InvalidToken("the client's jwks_uri may not be fetched", debug=f"{error.detail} {error.debug}") from error
        if fetched.status != 200:
            raise InvalidToken(f"the client's jwks_uri answered {fetched.status}")
        return await _parse(fetched.body)


async def _parse(document: str | bytes) -> Keys:
    try:
        return jwks_to_keys(strict_json.parse(document.encode() if isinstance(document, str) else document))
    except (ValueError, RecursionError):
        raise InvalidToken("the client's JWK set is not JSON") from None
