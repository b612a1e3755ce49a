"""Protected Resource Metadata (RFC 9728 §2) for resource servers that let this plane publish theirs."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kit.errors import Missing
from services.registry.model import BackendKind, Resource


def select(reference: str, host: str, known: Sequence[Resource]) -> Resource:
    """The resource whose slug is `reference`, or whose URI has it as path (RFC 9728 §3.1); "" asks for a URI without one.

    Of several with that path the one on `host`, the host asked, is meant. Raises Missing.
    """
    published = [resource for resource in known if resource.uri and resource.backend_kind is BackendKind.MINT]
    found = [resource for resource in published if reference and resource.slug == reference] or [
        resource for resource in published if urlsplit(resource.uri).path.strip("/") == reference.strip("/")
    ]
    here = [resource for resource in found if urlsplit(resource.uri).netloc.lower() == host.lower()]
    candidates = here or found
    if len(candidates) != 1:
        raise Missing("no resource has this metadata address")
    return candidates[0]


def document(resource: Resource, issuer: str, dpop_algorithms: Sequence[str]) -> dict[str, Any]:
    """The JSON members, `resource` byte for byte as registered."""
    members: dict[str, Any] = {
        "resource": resource.uri,
        "authorization_servers": [issuer],
        "scopes_supported": [scope.name for scope in resource.scopes],
        "bearer_methods_supported": ["header"],
        "resource_name": resource.display_name,
    }
    if dpop_algorithms:
        members["dpop_signing_alg_values_supported"] = list(dpop_algorithms)
    return members
