"""Fetching from addresses given to us by strangers: resolve once, refuse what is not public, dial what was checked.

Nothing else in the plane opens a connection to an address a client chose.
"""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from kit.addresses import is_forbidden
from kit.errors import InvalidRequest, Unavailable

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_MOST_ADDRESSES: Final = 3
_PART_SECONDS: Final = 10.0
_AGENT: Final = "AuthPlane"


class AddressRefused(InvalidRequest):
    """The URL, or an address its host resolves to, is not one we connect to."""


class AnswerRefused(InvalidRequest):
    """The answer is larger than allowed or encoded in a way that could hide its size."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer as it came; a redirect is just its status. `headers` has lower-case names; `final` is the URL that answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    final: str


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses of `host` as the operating system finds them, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # SOCK_STREAM
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """`timeout` seconds cover everything from resolving to the last byte. `ca_file` is trusted besides the system's authorities."""

    def __init__(
        self,
        *,
        allow_private: bool,
        ca_file: str | None,
        timeout: float,
        require_https: bool = True,
        resolve: Resolve = system_resolver,
    ) -> None:
        self._allow_private = allow_private
        self._require_https = require_https
        self._timeout = timeout
        self._resolve = resolve
        part = min(timeout, _PART_SECONDS)
        trust = ssl.create_default_context()
        if ca_file is not None:
            trust.load_verify_locations(ca_file)
        self._client = httpx.AsyncClient(
            verify=trust,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(part),
            # A kept connection is found again by its address alone, which two hosts may share: never keep one.
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=0),
        )

    async def get(self, url: str, *, accept: str, max_bytes: int, headers: Mapping[str, str] | None = None) -> Fetched:
        """GET. Raises AddressRefused, AnswerRefused, or Unavailable when the other side cannot be reached or is too slow."""
        return await self._fetch("GET", url, {"accept": accept, **(headers or {})}, None, max_bytes)

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        accept: str = "application/json",
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> Fetched:
        """POST a form, `basic` being (name, password) already encoded as the other side wants. Raises as `get`."""
        sent = {"accept": accept, **(headers or {})}
        if basic is not None:
            sent["authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        return await self._fetch("POST", url, sent, form, max_bytes)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def _fetch(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None, max_bytes: int) -> Fetched:
        target = self._checked(url)
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._addresses(target)
                return await self._from_first(method, target, addresses, headers, form, max_bytes)
        except TimeoutError as error:
            raise Unavailable("the other side took too long", debug=target.host) from error
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise Unavailable("the other side cannot be reached", debug=f"{target.host}: {type(error).__name__}: {error}") from error

    def _checked(self, url: str) -> httpx.URL:
        try:
            target = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise AddressRefused("this is not a URL", debug=str(error)) from error
        if target.scheme != "https" and (self._require_https or target.scheme != "http"):
            raise AddressRefused("the URL must use https")
        # Asked of the text as it came: parsing drops an empty user name.
        if not target.host or target.userinfo or "@" in urlsplit(url).netloc:
            raise AddressRefused("the URL must name a host and no user")
        name = target.host.lower().rstrip(".")
        if not self._allow_private and (name == "localhost" or name.endswith(".localhost")):
            raise AddressRefused("this host may not be contacted", debug=name)
        return target.copy_with(fragment=None)

    async def _addresses(self, target: httpx.URL) -> Sequence[str]:
        port = target.port or (443 if target.scheme == "https" else 80)
        host = target.raw_host.decode("ascii")
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unavailable("the host's address cannot be found", debug=f"{host}: {error}") from error
        if not found:
            raise Unavailable("the host has no address", debug=host)
        if not self._allow_private and any(is_forbidden(address) for address in found):
            raise AddressRefused("this host may not be contacted", debug=f"{host} is at {', '.join(found)}")
        return found[:_MOST_ADDRESSES]

    async def _from_first(
        self,
        method: str,
        target: httpx.URL,
        addresses: Sequence[str],
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        max_bytes: int,
    ) -> Fetched:
        """From the first address that takes a connection; after that there is no second try."""
        *others, last = addresses
        for address in others:
            try:
                return await self._exchange(method, target, address, headers, form, max_bytes)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._exchange(method, target, last, headers, form, max_bytes)

    async def _exchange(
        self, method: str, target: httpx.URL, address: str, headers: Mapping[str, str], form: Mapping[str, str] | None, max_bytes: int
    ) -> Fetched:
        # The checked address is what is dialled; the name stays in Host, in SNI and in the certificate's verification.
        fixed = {"host": target.netloc.decode("ascii"), "accept-encoding": "identity", "user-agent": _AGENT, "connection": "close"}
        request = self._client.build_request(
            method,
            target.copy_with(host=address),
            headers={**headers, **fixed},
            data=None if form is None else dict(form),
            extensions={"sni_hostname": target.raw_host.decode("ascii")},
        )
        response = await self._client.send(request, stream=True)
        try:
            body = await _limited(response, max_bytes)
        finally:
            await response.aclose()
        return Fetched(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body, str(target))


async def _limited(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise AnswerRefused("the answer is compressed although that was not allowed")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise AnswerRefused("the answer is too large")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise AnswerRefused("the answer is too large")
    return bytes(body)
