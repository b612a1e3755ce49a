"""Client ID Metadata Documents: what makes a URL a client, and for how long (draft-ietf-oauth-client-id-metadata-document).

Pure rules, each beside the requirement it enforces; fetching is an adapter's, deciding when to fetch is in `resolution`.
A refusal here is an InvalidClient whose detail names the cause, so that whoever hosts the document can mend it (target C5).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from kit import strict_json
from kit.errors import InvalidClient, InvalidClientMetadata, Unavailable
from kit.oauth import AuthMethod
from services.registry.metadata import Rules, Submitted, negotiate, submitted
from services.registry.model import Metadata
from services.registry.ports import Response

LONGEST_URL: Final = 2048
LARGEST: Final = 1024 * 1024  # bytes
ACCEPT: Final = "application/json"
# The draft forbids shared secrets: there is nobody to share one with.
AUTH_METHODS: Final = frozenset({AuthMethod.NONE, AuthMethod.PRIVATE_KEY_JWT})
SHORTEST_LIFE: Final = timedelta(seconds=60)
STALE_IF_ERROR: Final = timedelta(hours=24)

_MEDIA_TYPES: Final = frozenset({"application/json", "application/client-id+json"})
_URL_CHARACTERS: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_GONE: Final = frozenset({404, 410})
_DIRECTIVE: Final = re.compile(r'\s*([A-Za-z\-]+)\s*(?:=\s*"?([^",]*)"?)?\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Freshness:
    """Until when a reading may be used unasked, and until when if the document cannot be fetched."""

    fresh_until: datetime
    stale_until: datetime


def is_document_url(client_id: str) -> bool:
    """Whether a client id asks to be read as a URL."""
    return client_id.lower().startswith(("https://", "http://"))


def require_document_url(url: str, *, require_https: bool = True) -> None:
    """Draft §3: the shape of a client identifier URL. Raises InvalidClient."""
    if len(url) > LONGEST_URL or _URL_CHARACTERS.fullmatch(url) is None:
        # "#" is not among the characters: it MUST NOT contain a fragment component.
        raise InvalidClient("the client id is not a URL without fragment")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise InvalidClient("the client id URL is malformed") from None
    # It MUST have the https scheme.
    if parts.scheme != "https" and (require_https or parts.scheme != "http"):
        raise InvalidClient("the client id URL must use https")
    if not host:
        raise InvalidClient("the client id URL must name a host")
    # It MUST NOT contain a username or password.
    if "@" in parts.netloc:
        raise InvalidClient("the client id URL must not contain user information")
    # It MUST contain a path component, and MUST NOT contain single-dot or double-dot path segments.
    segments = [unquote(segment) for segment in parts.path.split("/")]
    if any(segment.split(";", 1)[0] in {".", ".."} for segment in segments):
        raise InvalidClient("the path of the client id URL must not contain dot segments")
    if not any(segments):
        raise InvalidClient("the client id URL must have a path")


def read(url: str, response: Response, rules: Rules) -> Metadata:
    """The metadata a document declares. Raises InvalidClient (not acceptable) or Unavailable (no document came)."""
    _require_answer(response)
    document = _json(response.body)
    # The client_id MUST match the URL by simple string comparison (RFC 3986 §6.2.1).
    if document.get("client_id") != url:
        raise InvalidClient("the document's client_id is not the URL it was read from")
    # client_secret and client_secret_expires_at MUST NOT be used.
    if "client_secret" in document or "client_secret_expires_at" in document:
        raise InvalidClient("the document contains a client secret, which everybody can read")
    try:
        asked = submitted(document)
        metadata = negotiate(_without_secrets(asked), rules)
    except InvalidClientMetadata as error:
        raise InvalidClient(f"the document is not acceptable: {error.detail}") from error
    if not metadata.redirect_uris:
        raise InvalidClient("the document is not acceptable: redirect_uris is missing")
    return metadata


def freshness(headers: Mapping[str, str], now: datetime, ceiling: timedelta) -> Freshness:
    """RFC 9111 §4.2, between a minute and `ceiling`; `no-store` and `no-cache` are honoured, without the stale reserve for the former."""
    directives = {name.lower(): value or "" for name, value in _DIRECTIVE.findall(headers.get("cache-control", ""))}
    if "no-store" in directives:
        return Freshness(now, now)
    if "no-cache" in directives:
        return Freshness(now, now + STALE_IF_ERROR)
    declared = _declared(directives, headers, now)
    life = ceiling if declared is None else min(max(declared, SHORTEST_LIFE), ceiling)
    return Freshness(now + life, now + life + STALE_IF_ERROR)


def _declared(directives: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> timedelta | None:
    for name in ("s-maxage", "max-age"):  # we are a shared cache
        if directives.get(name, "").isdecimal():
            age = headers.get("age", "0")
            return timedelta(seconds=min(int(directives[name][:9]), 10**8) - (int(age[:9]) if age.isdecimal() else 0))
    if "expires" not in headers:
        return None
    expires = _date(headers["expires"])
    # RFC 9111 §5.3: an invalid date, such as 0, means already expired.
    return timedelta(0) if expires is None else expires - (_date(headers.get("date", "")) or now)


def _date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _require_answer(response: Response) -> None:
    if response.status in _GONE:
        raise InvalidClient(f"there is no document at the client id URL (status {response.status})")
    # The draft asks not to follow redirects: the document must live where the client id says.
    if 300 <= response.status < 400:
        raise InvalidClient("the client id URL redirects elsewhere")
    if response.status != 200:
        raise Unavailable(f"the client's metadata document could not be fetched (status {response.status})")
    media_type = response.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise InvalidClient("the document is not served as application/json")
    if len(response.body) > LARGEST:
        raise InvalidClient(f"the document is larger than {LARGEST} bytes")


def _json(body: bytes) -> dict[str, Any]:
    try:
        # Strictly: two readers must not see two client ids in one document.
        document = strict_json.parse(body)
    except (ValueError, RecursionError):
        raise InvalidClient("the document is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidClient("the document is not a JSON object")
    return document


def _without_secrets(asked: Submitted) -> Submitted:
    """Nothing declared means public, even for grants that would give a registered client a secret."""
    if asked.token_endpoint_auth_method is None and not asked.token_endpoint_auth_methods_supported:
        return asked.model_copy(update={"token_endpoint_auth_method": AuthMethod.NONE.value})
    return asked
