"""The development certificate authority."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deploy.local.certs import PEERS, Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "certs")
    made.ensure()
    return made


def test_every_peer_has_its_own_identity(authority: Authority) -> None:
    for name in PEERS:
        certificate = x509.load_pem_x509_certificate(authority.pair(name).certificate.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"spiffe://authplane/{name}"]
        assert f"{name}.authplane" in names.get_values_for_type(x509.DNSName)


def test_the_demo_host_carries_no_peer_identity(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.pair("demo").certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == []
    assert "localhost" in names.get_values_for_type(x509.DNSName)


def test_no_key_is_readable_by_anybody_else(authority: Authority) -> None:
    assert {path.stat().st_mode & 0o077 for path in authority.folder.iterdir()} == {0}


def test_openssl_accepts_the_chain(authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(authority.ca)
    context.load_cert_chain(authority.pair("token").certificate, authority.pair("token").key)


def test_a_second_run_changes_nothing(authority: Authority) -> None:
    before = {path: path.read_bytes() for path in authority.folder.iterdir()}
    authority.ensure()
    assert {path: path.read_bytes() for path in authority.folder.iterdir()} == before


def test_leaves_are_renewed_near_their_end_and_the_authority_is_kept(authority: Authority) -> None:
    ca, leaf = authority.ca.read_bytes(), authority.pair("token").certificate.read_bytes()
    authority.ensure(datetime.now(UTC) + timedelta(days=61))
    assert authority.ca.read_bytes() == ca
    assert authority.pair("token").certificate.read_bytes() != leaf


def test_a_damaged_key_is_replaced(authority: Authority) -> None:
    authority.pair("vault").key.write_text("not a key")
    authority.ensure()
    assert authority.pair("vault").key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
