"""What a resource may look like, and how a reference finds one (target A3)."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kit.errors import Conflict, InvalidRequest, InvalidScope, Missing
from kit.oauth import parse_scope
from services.registry.model import BackendKind, Policy, Resource, Scope, Slug

LONGEST: Final = 2048
MOST_SCOPES: Final = 256
MOST_POLICY_ENTRIES: Final = 256
# The only wildcards there are: a developer's own machine.
LOOPBACK_WILDCARDS: Final = frozenset({"http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "https://127.0.0.1:*"})

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_URI: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_LONGEST_COMPARED: Final = 200
_MOST_COMPARED: Final = 200
_SIMILAR: Final = 0.6


def slug(text: str) -> Slug:
    """In lower case. Raises InvalidRequest for anything but 1 to 64 letters, digits and hyphens."""
    lowered = text.lower()
    if _SLUG.fullmatch(lowered) is None:
        raise InvalidRequest("slug must be 1 to 64 letters, digits or hyphens and not begin with a hyphen")
    return Slug(lowered)


def uri(text: str) -> str:
    """Unchanged; may be empty. RFC 8707 §2: absolute, without fragment. Raises InvalidRequest."""
    if text and (len(text) > LONGEST or _URI.fullmatch(text) is None or not _is_web(_split(text))):
        raise InvalidRequest("uri must be an absolute http or https URL without user information and fragment")
    return text


def alias(text: str) -> str:
    """What a URI has in common with its aliases (target A3): scheme and host in lower case, no root slash; empty for anything else."""
    # Checked before splitting, because the parser silently drops tabs and line breaks.
    parts = _split(text) if len(text) <= LONGEST and _URI.fullmatch(text) else None
    if parts is None or not _is_web(parts):
        return ""
    path = "" if parts.path == "/" else parts.path
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{path}" + (f"?{parts.query}" if "?" in text else "")


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_web(parts: SplitResult | None) -> bool:
    return (
        parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
    )


def scopes(found: Sequence[Scope], backend: BackendKind) -> tuple[Scope, ...]:
    """Unchanged. Raises InvalidRequest for a name that is no scope token, a repeated one, or a Broker scope without its upstream name."""
    if len(found) > MOST_SCOPES:
        raise InvalidRequest(f"at most {MOST_SCOPES} scopes")
    if len({scope.name for scope in found}) != len(found):
        raise InvalidRequest("scope names must be unique within the resource")
    for scope in found:
        try:
            single = parse_scope(scope.name) == (scope.name,)
        except InvalidScope:
            single = False
        if not single or len(scope.name) > LONGEST:
            raise InvalidRequest("a scope name must be one token of printable ASCII without quote and backslash")
        if len(scope.description) > LONGEST or "\x00" in scope.description + scope.upstream:
            raise InvalidRequest("a scope's description is too long or cannot be stored")
        # Without an upstream name the fine name itself would be sent to the provider, beyond the consent bound.
        if backend is BackendKind.BROKER and not scope.upstream:
            raise InvalidRequest("every scope of a broker resource needs its upstream name")
    return tuple(found)


def policy(found: Policy) -> Policy:
    """Without repeats. Raises InvalidRequest for an entry that cannot mean anything."""
    lists = (found.exchange_allowed_client_ids, found.runtime_client_ids, found.connect_allowed_return_urls)
    for entries in lists:
        if len(entries) > MOST_POLICY_ENTRIES or any(not entry or len(entry) > LONGEST or not entry.isprintable() for entry in entries):
            raise InvalidRequest(f"a policy list has at most {MOST_POLICY_ENTRIES} entries, none empty")
    for url in found.connect_allowed_return_urls:
        if url not in LOOPBACK_WILDCARDS and ("*" in url or not uri(url)):
            raise InvalidRequest("an allowed return URL is an exact http or https URL, or a loopback wildcard such as http://localhost:*")
    exchange, runtime, connect = (tuple(dict.fromkeys(entries)) for entries in lists)
    return Policy(exchange, runtime, connect)


def require_backend(backend: BackendKind, provider: str) -> None:
    """Raises InvalidRequest unless exactly Broker resources name a provider."""
    if (backend is BackendKind.BROKER) != bool(provider):
        raise InvalidRequest("a broker resource names its provider, a mint resource has none")


def one(reference: str, found: Sequence[Resource]) -> Resource | None:
    """The resource meant. An exact match goes before an alias. Raises Conflict when several match equally."""
    exact = [resource for resource in found if reference in (resource.slug, resource.uri)]
    candidates = exact or list(found)
    if len(candidates) > 1:
        raise Conflict("several resources match; name the one you mean by its slug")
    return candidates[0] if candidates else None


def missing(reference: str, known: Sequence[Resource]) -> Missing:
    """The error for an unknown reference; member `closest` names the registered value most like it, where one is."""
    closest = _closest(reference, [each.uri or each.slug for each in known if each.backend_kind is BackendKind.MINT])
    return Missing("no such resource", members={"closest": closest} if closest else {})


def _closest(reference: str, values: Sequence[str]) -> str:
    wanted = reference[:_LONGEST_COMPARED].lower()
    best, best_ratio = "", _SIMILAR
    for value in values[:_MOST_COMPARED]:
        matcher = SequenceMatcher(None, wanted, value[:_LONGEST_COMPARED].lower(), autojunk=False)
        # The two quick ratios are upper bounds and spare the quadratic comparison for most values.
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio and (ratio := matcher.ratio()) > best_ratio:
            best, best_ratio = value, ratio
    return best
