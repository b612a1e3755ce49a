"""A development certificate authority: who is who between the processes of one plane.

Owns keys and certificates under the state directory. A name in a certificate is what caller allow-lists are written in
(`spiffe://authplane/<name>`); `<name>.authplane` is what a caller checks before it sends anything.
"""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEERS = ("registry", "authorize", "token", "vault", "audit", "admin", "gateway", "operator")
_AUTHORITY_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=90)
_RENEW_BEFORE = timedelta(days=30)
_BACKDATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate file and its key file."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificates of one plane, all below `folder`."""

    folder: Path

    @property
    def ca(self) -> Path:
        """What everybody trusts."""
        return self.folder / "ca.pem"

    def pair(self, name: str) -> Pair:
        """The files of `name`, whether or not they exist yet."""
        return Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")

    def ensure(self, now: datetime | None = None) -> None:
        """Create what is missing and renew what ends within 30 days; a renewed authority renews everything it signed."""
        now = now or datetime.now(UTC)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        own = Pair(self.ca, self.folder / "ca.key")
        fresh = not _good(own, now)
        if fresh:
            _write(own, *_authority(now))
        ca_certificate, ca_key = _load(own)
        for name in PEERS:
            if fresh or not _good(self.pair(name), now):
                _write(self.pair(name), *_leaf(ca_certificate, ca_key, now, name, _peer_names(name)))
        # The demo's own https host (client metadata document): a server certificate and no peer's identity.
        if fresh or not _good(self.pair("demo"), now):
            _write(self.pair("demo"), *_leaf(ca_certificate, ca_key, now, "demo", _host_names()))


def _host_names() -> list[x509.GeneralName]:
    loopback: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    return [x509.DNSName("localhost"), *loopback]


def _peer_names(name: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(f"spiffe://authplane/{name}"), x509.DNSName(f"{name}.authplane"), *_host_names()]


def _authority(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AuthPlane development authority")])
    certificate = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _leaf(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now: datetime, name: str, names: list[x509.GeneralName]
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, ca.subject, key.public_key(), now, _LEAF_LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _good(pair: Pair, now: datetime) -> bool:
    try:
        certificate, key = _load(pair)
    except (OSError, ValueError, TypeError):
        return False
    return certificate.not_valid_after_utc > now + _RENEW_BEFORE and certificate.public_key() == key.public_key()


def _load(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{pair.key} is not an elliptic-curve key")
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()), key


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, content in ((pair.key, private), (pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))):
        partial = path.with_suffix(path.suffix + ".new")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
