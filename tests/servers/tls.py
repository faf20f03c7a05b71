"""An authority that nobody knows but who is told, and certificates of it for names and ends that a test chooses."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rotator.names import is_address

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """Writes its own certificate to `file` (for `SSL_CERT_FILE`), and what it issues beside it."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    def __post_init__(self) -> None:
        ends = datetime.now(UTC) + 3650 * DAY
        made = _signed(self._key.public_key(), "tests' authority", self._key, ends, ca=True)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    @property
    def file(self) -> Path:
        """The authority's certificate."""
        return self.folder / "authority.pem"

    def server(self, *names: str, ends: datetime | None = None) -> ssl.SSLContext:
        """The context of a server whose certificate is for these names or addresses, and ends then (in a day)."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _signed(
            key.public_key(), "a server", self._key, ends or datetime.now(UTC) + DAY, names
        )
        both = self.folder / f"server-{made.serial_number:x}.pem"
        both.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context


def _signed(
    public: ec.EllipticCurvePublicKey,
    subject: str,
    authority: ec.EllipticCurvePrivateKey,
    ends: datetime,
    names: tuple[str, ...] = (),
    *,
    ca: bool = False,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named("tests' authority"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), ends) - DAY)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
    )
    if names:
        known = x509.SubjectAlternativeName([_alternative(name) for name in names])
        builder = builder.add_extension(known, critical=False)
    return builder.sign(authority, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if is_address(name) else x509.DNSName(name)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
