"""How resources are written on a command line, and shown as REST shows them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.output import fail, plain

if TYPE_CHECKING:
    from authserver.admin.v1 import admin_pb2 as pb


class ScopeText(NamedTuple):
    """A scope as somebody typed it."""

    name: str
    upstream: str = ""
    description: str = ""


def scope_from_tuple(text: str) -> ScopeText:
    """`name|upstream|description`; upstream is empty for mint resources, and the description may itself contain a bar."""
    parts = [part.strip() for part in text.split("|", 2)]
    if not parts[0] or len(parts) == 2:
        fail(
            f"--scopes {text!r} is no scope",
            "it must read name|upstream|description",
            "for example --scopes 'tasks:read||Read tasks'",
            code=2,
        )
    name, upstream, description = (*parts, "", "")[:3]
    return ScopeText(name, upstream, description)


def scopes_from(tuples: Sequence[str], file: Path | None) -> list[ScopeText] | None:
    """The scopes of `--scopes` or of `--scopes-file`; None when neither was given."""
    if tuples and file is not None:
        fail("--scopes and --scopes-file exclude each other", "", "give one of them", code=2)
    if file is None:
        return [scope_from_tuple(each) for each in tuples] or None
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return [ScopeText(*(str(entry.get(name, "")) for name in ScopeText._fields)) for entry in entries]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        fail(f"{file} cannot be used", str(error), "it must be a JSON array of {name, upstream, description}", code=2)


def messages(scopes: Sequence[ScopeText]) -> "list[pb.Scope]":
    """As the API takes them."""
    from authserver.admin.v1 import admin_pb2 as pb

    return [pb.Scope(name=each.name, upstream=each.upstream, description=each.description) for each in scopes]


def shown(resource: "pb.Resource") -> dict[str, Any]:
    """As the REST view: the policy's three lists under their own headings."""
    values = plain(resource)
    policy = {
        "exchange": {"allowed_client_ids": list(resource.policy.exchange_allowed_client_ids)},
        "runtime": {"client_ids": list(resource.policy.runtime_client_ids)},
        "connect": {"allowed_return_urls": list(resource.policy.connect_allowed_return_urls)},
    }
    return {**values, "policy": policy}


def flat(resource: "pb.Resource") -> dict[str, Any]:
    """For a line: scope names, and the policy's lists by their full names."""
    values = {name: value for name, value in plain(resource).items() if name != "policy"}
    return {
        **values,
        "exchange.allowed_client_ids": list(resource.policy.exchange_allowed_client_ids),
        "runtime.client_ids": list(resource.policy.runtime_client_ids),
        "connect.allowed_return_urls": list(resource.policy.connect_allowed_return_urls),
    }
