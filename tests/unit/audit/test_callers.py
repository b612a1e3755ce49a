"""Who may read the log."""

from authserver.audit.v1 import audit_pb2

from services.audit.app import CALLERS


def test_admin_alone_reads_the_log() -> None:
    """Law 12: a row for every service of the proto."""
    assert set(CALLERS) == {service.full_name for service in audit_pb2.DESCRIPTOR.services_by_name.values()}
    assert set(CALLERS.values()) == {frozenset({"admin"})}
