"""``dialnexa doctor`` on the line: our address as others see it, audio, certificates, trunks and registrations."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from datetime import UTC, datetime, timedelta

from cryptography import x509
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.cli.explaining import explain
from dialnexa.cli.finding import Finding
from dialnexa.cli.installation import KnownTrunk, strangers, trunks
from dialnexa.live.rtp.ports import NoPortsLeft, PortRange
from dialnexa.live.sip.probe import ProbeFailed, probe
from dialnexa.live.sip.transport.stun import StunError, binding_request, new_transaction, read_binding
from dialnexa.settings import Settings

_STUN_PORT = 3478
_STUN_TRIES = 3
_STUN_WAIT_S = 1.0
_SOON = timedelta(days=21)
_RTP_WAIT_S = 1.0
_RTP_TRIES = 8


async def nat(settings: Settings) -> list[Finding]:
    """Tell which address carriers are told, and whether it is the one they see."""
    return [_told(settings), await _seen(settings)]


def _told(settings: Settings) -> Finding:
    if settings.sip_public_host:
        return Finding("good", "NAT", f"carriers are told {settings.sip_public_host}")
    try:
        address = ipaddress.ip_address(settings.sip_host)
    except ValueError:
        return Finding("note", "NAT", f"SIP binds to the name {settings.sip_host}; give an address to be sure which")
    if address.is_loopback:
        return Finding(
            "note",
            "NAT",
            "SIP listens on this machine only: right for the sandbox. For a carrier set DIALNEXA_SIP_HOST=0.0.0.0 "
            "and DIALNEXA_SIP_PUBLIC_HOST to the address it reaches you at.",
        )
    if address.is_private or address.is_unspecified:
        return Finding(
            "bad",
            "NAT",
            f"SIP binds to {address}, and carriers would be told that. Set DIALNEXA_SIP_PUBLIC_HOST to your public "
            "address, else calls have no audio towards you.",
        )
    return Finding("good", "NAT", f"SIP binds to the public address {address}")


async def _seen(settings: Settings) -> Finding:
    if not settings.stun_server:
        words = "not asked how others see this machine: set DIALNEXA_STUN_SERVER to a STUN server you trust"
        return Finding("note", "STUN", words)
    host, _, port = settings.stun_server.rpartition(":") if ":" in settings.stun_server else (
        settings.stun_server, "", "",
    )  # fmt: skip
    try:
        ours, (address, outside) = await ask_stun(settings.sip_host, host, int(port or _STUN_PORT))
    except (OSError, ValueError) as error:  # a StunError is a ValueError, and so is a port that is none
        words = str(error) or "no answer"
        return Finding("bad", "STUN", f"{settings.stun_server} does not tell our address: {words}")
    kept = "the NAT keeps ports" if outside == ours else f"the NAT changes ports (ours {ours}, seen {outside})"
    told = settings.sip_public_host or settings.sip_host
    if address != told:
        return Finding(
            "bad", "STUN", f"others see this machine as {address}, but carriers are told {told}: set "
            f"DIALNEXA_SIP_PUBLIC_HOST={address}; {kept}",
        )  # fmt: skip
    if outside != ours:
        words = f"others see {address}, as carriers are told, but {kept}: forward the SIP and RTP ports as they are"
        return Finding("note", "STUN", words)
    return Finding("good", "STUN", f"others see this machine as {address}, as carriers are told, and {kept}")


async def ask_stun(from_host: str, host: str, port: int) -> tuple[int, tuple[str, int]]:
    """Return our own port, and the address and port a STUN server sees. Raises ``OSError`` or ``StunError``."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((from_host, 0))
        found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        transaction = new_transaction()
        for _ in range(_STUN_TRIES):
            await loop.sock_sendto(sock, binding_request(transaction), found[0][4])
            try:
                async with asyncio.timeout(_STUN_WAIT_S):
                    data = await loop.sock_recv(sock, 2048)
            except TimeoutError:
                continue
            return sock.getsockname()[1], read_binding(data, transaction)
    raise StunError("no answer; check its name and whether UDP may leave this machine")


async def audio(settings: Settings) -> list[Finding]:
    """Send a packet from one media port to another, as two calls on this machine would."""
    ports = PortRange.parse(settings.rtp_ports)
    to = "127.0.0.1" if settings.sip_host in ("0.0.0.0", "") else settings.sip_host
    try:
        with _bound(settings.sip_host, ports) as one, _bound(settings.sip_host, ports) as other:
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(one, b"rtp?", (to, other.getsockname()[1]))
            async with asyncio.timeout(_RTP_WAIT_S):
                await loop.sock_recv(other, 16)
    except TimeoutError:
        words = f"a packet between two media ports of {to} did not arrive: a firewall on this machine drops it"
        return [Finding("bad", "audio", words)]
    except (OSError, NoPortsLeft) as error:
        words = f"no media port of {settings.rtp_ports} can be used on {settings.sip_host} ({error})"
        return [Finding("bad", "audio", words)]
    return [Finding("good", "audio", f"packets pass between media ports of {to}")]


def _bound(host: str, ports: PortRange) -> socket.socket:
    """Return a socket on a free port of the range. Raises ``OSError`` when none of several is free."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for tries_left in reversed(range(_RTP_TRIES)):
        try:
            sock.bind((host, ports.take()))
        except OSError:
            if not tries_left:
                sock.close()
                raise
        else:
            break
    return sock


async def certificate(settings: Settings) -> list[Finding]:
    """Look at the certificate that carriers and phones are shown: its names, its key and its last day."""
    path = settings.sip_tls_certificate
    if path is None:
        return [Finding("note", "TLS", "no certificate: we may dial over TLS, but nobody can call us over it")]
    try:
        shown = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        return [Finding("bad", "TLS", f"{path} cannot be read as a certificate in PEM ({type(error).__name__})")]
    names = _names(shown)
    until = shown.not_valid_after_utc
    left = until - datetime.now(UTC)
    words = f"the certificate for {', '.join(names) or 'no name'} is good until {until:%Y-%m-%d}"
    if left < timedelta():
        return [Finding("bad", "TLS", f"the certificate for {', '.join(names)} ended on {until:%Y-%m-%d}: renew it")]
    told = settings.sip_public_host or settings.sip_host
    if told not in names:
        words += f", but carriers are told {told}: who checks names will not connect"
        return [Finding("note", "TLS", words)]
    if left < _SOON:
        return [Finding("note", "TLS", f"{words}: renew it in these {left.days} days")]
    return [Finding("good", "TLS", words)]


def _names(shown: x509.Certificate) -> list[str]:
    try:
        listed = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in listed.get_values_for_type(x509.IPAddress)]
    return [*listed.get_values_for_type(x509.DNSName), *addresses]


async def carriers(settings: Settings) -> list[Finding]:
    """Ask every trunk, over its own transport and proxy, whether it is there, and tell how registrations stand."""
    try:
        known = await trunks(settings)
    except (OSError, SQLAlchemyError) as error:
        why = explain(error) or f"The database cannot be read ({type(error).__name__}): run `dialnexa migrate`."
        return [Finding("bad", "database", why)]
    if not known:
        words = "none: calls go to the sandbox. Add one with POST /v1/organization-phone-numbers/sip-trunks."
        return [Finding("note", "trunks", words)]
    answers = await asyncio.gather(*(_trunk(trunk, settings) for trunk in known))
    told = [finding for trunk, answer in zip(known, answers, strict=True) for finding in [answer, *_kept(trunk)]]
    return [*told, _turned_away(settings, *await strangers(settings))]


def _turned_away(settings: Settings, count: int, most_from: str) -> Finding:
    if not count:
        return Finding("good", "strangers", f"none called in a day; they would get: {settings.sip_unknown}")
    return Finding(
        "note",
        "strangers",
        f"{count} requests of unknown addresses were turned away in a day, most of them from {most_from}. If that is a "
        "carrier, add it to the trunk's sources; GET /v1/refused-calls lists them.",
    )


async def _trunk(trunk: KnownTrunk, settings: Settings) -> Finding:
    if trunk.phones is not None:  # calls go to where phones are, not to an address of the trunk
        if trunk.phones:
            return Finding("good", "phones", f"{trunk.phones} registered under the login of {trunk.name}")
        words = f"none is registered under the login of {trunk.name}: calls to its numbers' phones get no answer"
        return Finding("note", "phones", words)
    where = f"{trunk.name} at {trunk.place} over {trunk.transport.upper()}"
    try:
        answer = await probe(
            trunk.host,
            trunk.port,
            from_host=settings.sip_host,
            transport=trunk.transport,
            proxy=trunk.proxy,
            authorities=settings.sip_tls_authorities,
        )
    except ProbeFailed as failure:
        return Finding("bad", "trunk", f"{where}: {failure}")
    return Finding("good", "trunk", f"{where} answers {answer}")


def _kept(trunk: KnownTrunk) -> list[Finding]:
    if not trunk.registers:
        return []
    if trunk.state == "registered" and trunk.until:
        return [Finding("good", "registered", f"{trunk.name} knows us until {trunk.until:%H:%M:%S} UTC")]
    if trunk.state == "failed":
        again = f"; next try {trunk.again:%H:%M:%S} UTC" if trunk.again else ""
        return [Finding("bad", "registered", f"{trunk.name} does not register us: {trunk.detail}{again}")]
    words = f"{trunk.name}: not yet; " + ("waiting for its answer" if trunk.state else "no worker keeps it")
    return [Finding("note", "registered", words)]
