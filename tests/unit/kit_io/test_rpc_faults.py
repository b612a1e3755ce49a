"""Every error of the tree crosses a service boundary and comes out as itself."""

import grpc
import pytest

from kit import errors
from kit.errors import AuthPlaneError, DeadlineSpent, SlowDown, Unavailable
from kit.rpc_faults import PeerFailed, from_rpc, status_of, to_metadata

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AuthPlaneError)]


def crossed(error: AuthPlaneError) -> Exception:
    return from_rpc(
        grpc.aio.AioRpcError(status_of(error), grpc.aio.Metadata(), grpc.aio.Metadata(*to_metadata(error)), error.detail), "/x/Y"
    )


def failed(code: grpc.StatusCode) -> Exception:
    return from_rpc(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "text"), "/x/Y")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_comes_out_as_the_same_class_with_its_public_words(kind: type[AuthPlaneError]) -> None:
    """Architecture §10: one table to gRPC, both directions."""
    back = crossed(kind("no such scope: straße", debug="only here", members={"cause": "x"}))
    assert type(back) is kind
    assert (back.detail, back.members) == ("no such scope: straße", {"cause": "x"})
    assert "only here" not in back.debug


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[AuthPlaneError]) -> None:
    assert status_of(kind("x")) is not grpc.StatusCode.OK
    assert (status_of(kind("x")) is grpc.StatusCode.INTERNAL) == (kind.status == 500)


@pytest.mark.parametrize("kind", [Unavailable, SlowDown, DeadlineSpent])
def test_when_to_retry_travels_too(kind: type[SlowDown]) -> None:
    back = crossed(kind("x", retry_after=17))
    assert isinstance(back, kind)
    assert (back.retry_after, back.members) == (17, {})


def test_a_class_of_one_module_travels_as_its_ancestor() -> None:
    class Private(Unavailable):
        pass

    assert type(crossed(Private("x"))) is Unavailable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.CANCELLED, Unavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineSpent),
        (grpc.StatusCode.PERMISSION_DENIED, PeerFailed),
        (grpc.StatusCode.UNIMPLEMENTED, PeerFailed),
        (grpc.StatusCode.INTERNAL, PeerFailed),
    ],
)
def test_a_failure_without_a_fault_is_read_from_its_status(code: grpc.StatusCode, kind: type[Exception]) -> None:
    assert type(failed(code)) is kind
