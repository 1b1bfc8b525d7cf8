"""The carriers an installation has an account with, by its settings: the first is the one that is asked by default."""

from __future__ import annotations

from ipaddress import ip_network

from dialnexa.kit.clock import Clock
from dialnexa.kit.outgoing import Outgoing
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue, Line
from dialnexa.platform.numbers.carriers.telnyx import Telnyx, TelnyxAccount
from dialnexa.settings import Settings


def configured(settings: Settings, outgoing: Outgoing, clock: Clock) -> tuple[CarrierCatalogue, ...]:
    """Return the carriers whose keys are set; none: numbers come from the sandbox."""
    if not settings.telnyx_api_key:
        return ()
    return (Telnyx(telnyx_account(settings), outgoing, clock),)


def telnyx_account(settings: Settings) -> TelnyxAccount:
    """Return the Telnyx account of the settings."""
    line = Line(
        settings.telnyx_sip_host,
        settings.telnyx_sip_username,
        settings.telnyx_sip_password,
        registers=bool(settings.telnyx_sip_username),
        sources=_networks(settings.telnyx_sip_sources),
    )
    return TelnyxAccount(settings.telnyx_api_key, settings.telnyx_connection_id, line, settings.telnyx_api_url)


def _networks(text: str) -> tuple[str, ...]:
    """Read a comma list of addresses and networks, as trunks keep them."""
    return tuple(str(ip_network(part.strip(), strict=False)) for part in text.split(",") if part.strip())
