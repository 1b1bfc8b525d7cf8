"""TLS for SIP: who we are, whom we believe (RFC 3261 §26.3, RFC 5922)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How an endpoint speaks TLS. Peers we dial must always show a certificate for the name that was dialled."""

    certificate: Path | None = None
    """Our certificate chain in PEM; without one nobody can call us over TLS, but we can call others."""
    key: Path | None = None
    """Its private key in PEM; ``None``: it is in the same file."""
    authorities: Path | None = None
    """Whom we believe, in PEM; ``None``: whom the operating system believes."""
    require_client_certificate: bool = False
    """Whether those who call us must show a certificate, too."""
    port: int = 5061
    """Where we listen; 0 takes a free port."""

    def client_context(self) -> ssl.SSLContext:
        """Return the context for connections of ours. Raises ``OSError``, ``ssl.SSLError`` on unusable files."""
        context = ssl.create_default_context(cafile=self.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def server_context(self) -> ssl.SSLContext | None:
        """Return the context for connections to us; ``None`` without a certificate. Raises as ``client_context``."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        if self.require_client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
        return context
