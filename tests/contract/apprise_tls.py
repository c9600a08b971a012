"""Slack and Telegram on loopback under their own names: a CONNECT proxy that ends TLS itself, with a CA of the test.

Nothing of the sender is changed: HTTPS_PROXY leads to it, REQUESTS_CA_BUNDLE trusts it.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = ("hooks.slack.com", "slack.com", "api.telegram.org")
ANSWERS = {"hooks.slack.com": b"ok", "slack.com": b'{"ok": true}', "api.telegram.org": b'{"ok": true}'}


@dataclass(frozen=True)
class Request:
    host: str
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Internet:
    """What arrived, and the environment in which a process finds it."""

    port: int
    bundle: Path
    requests: list[Request] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """Statuses to answer first, by host."""

    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def environment(self) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self.port}"
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "REQUESTS_CA_BUNDLE": str(self.bundle),
            "NO_PROXY": "",
        }

    def to(self, host: str) -> list[Request]:
        return [request for request in self.requests if request.host == host]

    def until(self, host: str, count: int, patience_seconds: float = 30) -> None:
        """Wait until so many requests came to a host."""
        with self.changed:
            arrived = self.changed.wait_for(lambda: len(self.to(host)) >= count, patience_seconds)
        assert arrived, f"{len(self.to(host))} of {count} came to {host}"

    def take(self, request: Request) -> int:
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
            first = self.statuses.get(request.host)
            return first.pop(0) if first else 200


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    internet: Internet
    context: ssl.SSLContext


class _Tunnel(socketserver.BaseRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            with self.request.makefile("rb") as plain:
                verb, target, _ = _head(plain)[0].split(" ")
            host = target.partition(":")[0]
            if verb != "CONNECT" or host not in HOSTS:
                self.request.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self.server.context.wrap_socket(self.request, server_side=True) as wire:
                self._serve(wire, host)

    def _serve(self, wire: ssl.SSLSocket, host: str) -> None:
        with wire.makefile("rb") as stream:
            line, *rest = _head(stream)
            headers = {name: value.strip() for name, _, value in (one.partition(":") for one in rest)}
            body = stream.read(int(headers.get("Content-Length", "0")))
            status = self.server.internet.take(Request(host, line, headers, body))
            answer = ANSWERS[host] if status == 200 else b"no"
            wire.sendall(
                b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                % (status, len(answer), answer)
            )


def _head(stream: BinaryIO) -> list[str]:
    lines = []
    while line := stream.readline().strip():
        lines.append(line.decode())
    return lines


@contextmanager
def internet(folder: Path) -> Iterator[Internet]:
    server = _Proxy(("127.0.0.1", 0), _Tunnel)
    server.context = certified(folder, HOSTS)
    server.internet = Internet(server.server_address[1], folder / "ca.pem")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.internet
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certified(folder: Path, hosts: Sequence[str]) -> ssl.SSLContext:
    """A context with a certificate for these hosts; the CA that signed it is written to ca.pem."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Subtally test CA")])
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _certificate(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_id, critical=False)
        .add_extension(_usage(signs=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    leaf = (
        _certificate(name, ca_name, key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
