"""Who a certificate says its holder is, and the total table of who may call what."""

from pathlib import Path

import pytest

from kit.rpc_interceptors import caller_of
from kit.rpc_server import CallersIncomplete, RpcServer, TlsFiles

TLS = TlsFiles(Path("ca"), Path("cert"), Path("key"))


def context(*names: str) -> dict[str, list[bytes]]:
    return {"x509_subject_alternative_name": [name.encode() for name in names]}


def test_the_caller_is_the_planes_uri_name() -> None:
    assert caller_of(context("token.authplane", "spiffe://authplane/token", "127.0.0.1")) == "token"


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("token",),
        ("token.authplane",),
        ("spiffe://elsewhere/token",),
        ("spiffe://authplane/",),
        ("spiffe://authplane/token/extra",),
        ("spiffe://authplane/token", "spiffe://authplane/admin"),
        ("https://authplane/token",),
    ],
)
def test_anything_else_is_nobody(names: tuple[str, ...]) -> None:
    assert caller_of(context(*names)) == ""


def offered(*names: str):  # type: ignore[no-untyped-def]
    return [(lambda servicer, server: None, object(), name) for name in names]


def test_a_service_without_a_row_does_not_start() -> None:
    """Law 12: every table is total."""
    with pytest.raises(CallersIncomplete, match=r"b\.B"):
        RpcServer(offered("a.A", "b.B"), {"a.A": frozenset()}, TLS, "127.0.0.1:0")


def test_a_row_without_a_service_does_not_start() -> None:
    with pytest.raises(CallersIncomplete, match=r"c\.C"):
        RpcServer(offered("a.A"), {"a.A": frozenset(), "c.C": frozenset()}, TLS, "127.0.0.1:0")
