"""Reaching the operator's API: where it is, which key opens it, and one place where its errors become words on stderr.

gRPC and the stubs are imported when a command first talks to the plane, so that `--help` answers at once.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from cli.output import fail

if TYPE_CHECKING:
    import grpc
    from authserver.admin.v1 import admin_pb2_grpc as stubs

DEFAULT_URL = "http://127.0.0.1:9001"
SECONDS = 15.0

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help=f"Where the operator's API listens. [default: a running local plane, else {DEFAULT_URL}]",
        envvar="AUTHPLANE_ADMIN_URL",
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    """A listener and the key for it."""

    url: str
    key: str

    def __repr__(self) -> str:
        """Without the key."""
        return f"Target(url={self.url!r})"


def local_plane() -> Mapping[str, Any]:
    """What the local plane of this state directory says of itself; empty when none is running."""
    try:
        from deploy.local.dev import status
        from deploy.local.places import Places
    except ImportError:  # installed without what a local plane needs
        return {}
    return status(Places.at(None)) or {}


def target(address: str | None) -> Target:
    """From the flag and the environment, else from the running local plane. Ends the command when there is no key to present.

    The local plane's key goes to the local plane only: an address given by hand needs a key given by hand.
    """
    key = os.environ.get("AUTHPLANE_ADMIN_API_KEY", "")
    if address and key:
        return Target(address, key)
    plane = local_plane()
    local_url, local_key = str(plane.get("admin_url", "")), str(plane.get("admin_api_key", ""))
    url = address or local_url or DEFAULT_URL
    if not key and local_url and url.rstrip("/") == local_url.rstrip("/"):
        key = local_key
    if not key:
        fail(
            f"no API key for {url}",
            "AUTHPLANE_ADMIN_API_KEY is not set and no local plane is running there",
            "set the variable, or start a plane with `authserver dev`",
        )
    return Target(url, key)


class AdminApi:
    """The services of authserver.admin.v1 on one channel."""

    def __init__(self, channel: "grpc.Channel") -> None:
        from authserver.admin.v1 import admin_pb2_grpc

        self._stubs = admin_pb2_grpc
        self._channel = channel

    @cached_property
    def clients(self) -> "stubs.ClientServiceStub":
        """Clients and the registration mode."""
        return self._stubs.ClientServiceStub(self._channel)

    @cached_property
    def resources(self) -> "stubs.ResourceServiceStub":
        """Resources."""
        return self._stubs.ResourceServiceStub(self._channel)

    @cached_property
    def users(self) -> "stubs.UserServiceStub":
        """People."""
        return self._stubs.UserServiceStub(self._channel)

    @cached_property
    def tokens(self) -> "stubs.TokenServiceStub":
        """Grants, issuances and signing keys."""
        return self._stubs.TokenServiceStub(self._channel)

    @cached_property
    def audit(self) -> "stubs.AuditServiceStub":
        """The audit log."""
        return self._stubs.AuditServiceStub(self._channel)

    @cached_property
    def system(self) -> "stubs.SystemServiceStub":
        """The plane itself."""
        return self._stubs.SystemServiceStub(self._channel)

    @cached_property
    def api_keys(self) -> "stubs.ApiKeyServiceStub":
        """Named API keys."""
        return self._stubs.ApiKeyServiceStub(self._channel)


@contextmanager
def admin_api(address: str | None) -> Iterator[AdminApi]:
    """The operator's API for the length of the block; what it refuses ends the command with exit code 1 and one line on stderr."""
    import grpc

    reached = target(address)
    with _channel(reached) as channel:
        try:
            yield AdminApi(channel)
        except grpc.RpcError as error:
            _explain(reached, error)


def _channel(reached: Target) -> "grpc.Channel":
    import grpc

    from cli.keyed_calls import KeyedCalls

    parts = urlsplit(reached.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        fail(f"{reached.url} is no address", "it must be an http or https URL", "for example --address http://127.0.0.1:9001")
    secure = parts.scheme == "https"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    where = f"{host}:{parts.port or (443 if secure else 80)}"
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 16 * 1024 * 1024)]
    plain = grpc.secure_channel(where, grpc.ssl_channel_credentials(), options) if secure else grpc.insecure_channel(where, options)
    return grpc.intercept_channel(plain, KeyedCalls(reached.key, SECONDS))


_ADVICE = {
    "UNAUTHENTICATED": "check AUTHPLANE_ADMIN_API_KEY",
    "PERMISSION_DENIED": "use a key with a higher role",
    "NOT_FOUND": "list what there is with the group's list command",
    "ALREADY_EXISTS": "change the request, or repeat it with --force where the command has that",
    "FAILED_PRECONDITION": "somebody else changed it first: look again and repeat",
    "INVALID_ARGUMENT": "correct the value and repeat",
}


def _explain(reached: Target, error: Any) -> None:
    code: str = error.code().name
    detail: str = error.details() or code
    if code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"} and not _from_the_plane(error):
        fail(
            f"the plane at {reached.url} does not answer",
            detail.splitlines()[0],
            "check --address, and that the plane is running (`authserver dev --status`)",
        )
    if code == "UNIMPLEMENTED":
        fail(
            f"the plane at {reached.url} does not know this command",
            detail,
            "check --address, and that command and plane have the same version",
        )
    fail(detail, _ADVICE.get(code, "try again in a moment; if it stays, look at `authserver admin system status`"))


def _from_the_plane(error: Any) -> bool:
    return any(key == "authserver-fault-bin" for key, _ in error.trailing_metadata() or ())
