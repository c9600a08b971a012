"""Certificates for loopback names: one CA that the daemon is made to trust, and one that it is not."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.proxy import Certificates


def certificates(folder: Path, hosts: Sequence[str]) -> tuple[Certificates, ssl.SSLContext]:
    """What proxies show for these hosts, and the context of a client that trusts one of the two."""
    trusted, ca = _context(folder, "trusted", hosts)
    untrusted, _ = _context(folder, "untrusted", hosts)
    return Certificates(trusted, untrusted), ssl.create_default_context(cafile=str(ca))


def _context(folder: Path, name: str, hosts: Sequence[str]) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} loopback")])
    # Its own CA: a client that trusts it trusts this one certificate.
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = folder / f"{name}.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = folder / f"{name}.both.pem"
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + public.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, public
