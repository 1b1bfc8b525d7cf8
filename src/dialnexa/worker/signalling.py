"""The worker's SIP endpoint as its settings want it, what it counts, and the written word on who was turned away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import Clock
from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Gate, IncomingCall, SipEndpoint, TlsSettings
from dialnexa.live.sip.transport.edge import Edges
from dialnexa.live.sip.transport.locate import Locator
from dialnexa.platform.calls import rejections
from dialnexa.platform.database import Database
from dialnexa.settings import Settings
from dialnexa.worker.directory import Directory, Locate
from dialnexa.worker.phones import Phones
from dialnexa.worker.strangers import Strangers

log = structlog.get_logger(__name__)

_REPORT_EVERY_S = 5.0


@asynccontextmanager
async def open_endpoint(
    settings: Settings,
    directory: Directory,
    phones: Phones,
    on_invite: Callable[[IncomingCall], None],
    accepting: Callable[[], bool],
) -> AsyncGenerator[tuple[SipEndpoint, Strangers]]:
    """Open the endpoint carriers reach, on UDP, TCP and TLS; yield it with its policy for unknown sources."""
    edges = Edges.parse(settings.sip_edge_sources, settings.sip_edge)

    def knows(host: str) -> bool:
        return bool(directory.trunks_at(host)) or edges.includes(host) or phones.knows(host)

    def login(username: str) -> Credentials | None:
        # A name that phones register under is theirs alone; carriers' accounts of the same name are other people's.
        return phones.find_credentials(username) or directory.find_credentials(username)

    strangers = Strangers(settings.sip_unknown, knows, asyncio.get_running_loop().time)
    gate = Gate(strangers.treat, login, on_judged=strangers.note)
    async with SipEndpoint.open(
        settings.sip_host,
        settings.sip_port,
        on_invite=on_invite,
        # An edge is near and comes back to the address that its list of workers has; only audio passes it by.
        advertised_host="" if edges.networks else settings.sip_public_host,
        audio_host=settings.sip_public_host,
        accepting=accepting,
        tcp=True,
        tls=TlsSettings(
            settings.sip_tls_certificate,
            settings.sip_tls_key,
            settings.sip_tls_authorities,
            port=settings.sip_tls_port,
        ),
        gate=gate,
        edges=edges,
        registrar=phones,
    ) as endpoint:
        yield endpoint, strangers


def by_dns() -> Locate:
    """Return a look-up of all addresses of a place, as calls are sent there (RFC 3263)."""
    locator = Locator(asyncio.get_running_loop().time)

    async def locate(host: str, port: int, transport: str) -> list[str]:
        return [hop.host for hop in await locator.locate(host, port, transport.upper())]

    return locate


async def report_strangers(strangers: Strangers, database: Database, clock: Clock) -> None:
    """Write down now and then who was turned away, until cancelled."""
    while True:
        await clock.sleep(_REPORT_EVERY_S)
        found = strangers.take()
        if not found:
            continue
        try:
            async with database.write() as session:
                await rejections.write_turned_away(session, found, now=clock.now())
        except (SQLAlchemyError, OSError) as error:  # it was only a count, and the log has it
            log.warning("strangers_not_written", error=repr(error))


def meters(endpoint: SipEndpoint) -> dict[str, int]:
    """Return what the endpoint counts, by the names that Prometheus is shown."""
    counts = endpoint.counts()
    return {
        "sip_messages_received": counts.received,
        "sip_messages_sent": counts.sent,
        "sip_malformed": counts.malformed,
        "sip_over_budget": counts.dropped,
        "sip_turned_away": counts.refused,
        "sip_wrong_logins": counts.wrong_logins,
        "sip_faults": counts.faults,
        "sip_dialogs": counts.dialogs,
        "sip_connections": counts.connections,
    }
