"""stunnel as the TLS that Debian's SIPp lacks, and a certificate authority of the test's own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dialnexa.kit.process import free_port

STUNNEL = "/usr/bin/stunnel4"


@dataclass
class Certificate:
    """Files in PEM: a certificate with its key, and whom its holder believes."""

    certificate: Path
    key: Path
    authorities: Path


def issue(folder: Path, address: str = "127.0.0.1") -> Certificate:
    """Make an authority and a certificate of it for an address, good for both sides of TLS."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Load test authority")])
    authority_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def start(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(ca_name, name, public, x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    authority = (
        start(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    ours = (
        start(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    made.authorities.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(ours.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@asynccontextmanager
async def wrapping(folder: Path, certificate: Certificate, tls_port: int) -> AsyncGenerator[int]:
    """Take TCP on the port yielded and carry it to a TLS port, whose certificate is checked."""
    async with _tunnel(folder, certificate, "client = yes\ncheckIP = 127.0.0.1", tls_port) as port:
        yield port


@asynccontextmanager
async def unwrapping(folder: Path, certificate: Certificate, tcp_port: int) -> AsyncGenerator[int]:
    """Take TLS on the port yielded, from those whose certificate is good, and carry it to a TCP port."""
    async with _tunnel(folder, certificate, "client = no", tcp_port) as port:
        yield port


@asynccontextmanager
async def _tunnel(folder: Path, certificate: Certificate, side: str, to_port: int) -> AsyncGenerator[int]:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    file = folder / f"stunnel-{port}.conf"
    file.write_text(
        f"foreground = yes\npid =\nsyslog = no\noutput = {file}.log\n[sip]\n{side}\n"
        f"accept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{to_port}\n"
        f"cert = {certificate.certificate}\nkey = {certificate.key}\nCAfile = {certificate.authorities}\n"
        "verifyChain = yes\n"
    )
    process = await asyncio.create_subprocess_exec(
        STUNNEL, str(file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await _listening(port, process, Path(f"{file}.log"))
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, f"stunnel ended; see {log}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
