"""One resource and one provider seeded by variables alone, for a container without a configuration file."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_PROVIDER: Final = "AUTHPLANE_BROKER_PROVIDER_"
_MEMBERS: Final = ("SLUG", "DISPLAY_NAME", "PROTOCOL")
_DATA: Final = ("CLIENT_ID", "CLIENT_SECRET_REF", "AUTHORIZE_URL", "TOKEN_URL", "RESPONSE_FORMAT")
_FORMER_REF: Final = _PROVIDER + "CLIENT_SECRET_ENV"
VARIABLES: Final = frozenset(
    {"AUTHPLANE_RESOURCE_URI", "AUTHPLANE_RESOURCE_SCOPES", _FORMER_REF} | {_PROVIDER + name for name in (*_MEMBERS, *_DATA)}
)


def apply(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Merge what the variables say into `resources` and `broker_providers`."""
    if uri := environ.get("AUTHPLANE_RESOURCE_URI"):
        resource = _entry(raw, "resources", "uri", uri)
        resource.setdefault("slug", slug_of(uri))
        if scopes := environ.get("AUTHPLANE_RESOURCE_SCOPES"):
            resource["scopes"] = [{"name": name} for name in re.split(r"[\s,]+", scopes) if name]
    if slug := environ.get(_PROVIDER + "SLUG"):
        _provider(_entry(raw, "broker_providers", "slug", slug), environ)


def slug_of(uri: str) -> str:
    """A slug from a URI's host: lower case, everything but letters and digits to single hyphens, at most 64 characters."""
    try:
        host = urlsplit(uri).hostname or uri
    except ValueError:
        host = uri
    return re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:64]


def _provider(provider: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name in ("DISPLAY_NAME", "PROTOCOL"):
        if value := environ.get(_PROVIDER + name):
            provider[name.lower()] = value
    provider.setdefault("display_name", provider["slug"])
    data = provider.setdefault("config_data", {})
    if isinstance(data, dict):
        if former := environ.get(_FORMER_REF):
            data["client_secret_ref"] = former
        data |= {name.lower(): value for name in _DATA if (value := environ.get(_PROVIDER + name))}


def _entry(raw: dict[str, Any], seeds: str, key: str, value: str) -> dict[str, Any]:
    entries = raw.setdefault(seeds, [])
    if not isinstance(entries, list):
        # Left as it is: the schema says what is wrong with it.
        return {key: value}
    for entry in entries:
        if isinstance(entry, dict) and entry.get(key) == value:
            return entry
    added: dict[str, Any] = {key: value}
    entries.append(added)
    return added
