"""The carriers an installation has an account with, by its settings: the first is the one that is asked by default."""

from __future__ import annotations

from ipaddress import ip_network

from dialnexa.kit.clock import Clock
from dialnexa.kit.outgoing import Outgoing
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue, Line
from dialnexa.platform.numbers.carriers.telnyx import Telnyx, TelnyxAccount
from dialnexa.platform.numbers.carriers.twilio import Twilio, TwilioAccount
from dialnexa.platform.numbers.trunks import read_host_port
from dialnexa.settings import Settings


def configured(settings: Settings, outgoing: Outgoing, clock: Clock) -> tuple[CarrierCatalogue, ...]:
    """Return the carriers whose keys are set; none: numbers come from the sandbox."""
    found: list[CarrierCatalogue] = []
    if settings.telnyx_api_key:
        found.append(Telnyx(_telnyx(settings), outgoing, clock))
    if settings.twilio_account_sid:
        found.append(Twilio(_twilio(settings), outgoing, clock))
    return tuple(found)


def _telnyx(settings: Settings) -> TelnyxAccount:
    place = read_host_port(settings.telnyx_sip_host)
    line = Line(
        place.host,
        place.port,
        settings.telnyx_sip_username,
        settings.telnyx_sip_password,
        registers=bool(settings.telnyx_sip_username),
        sources=_networks(settings.telnyx_sip_sources),
    )
    return TelnyxAccount(settings.telnyx_api_key, settings.telnyx_connection_id, line, settings.telnyx_api_url)


def _twilio(settings: Settings) -> TwilioAccount:
    place = read_host_port(settings.twilio_sip_host)
    line = Line(
        place.host,
        place.port,
        settings.twilio_sip_username,
        settings.twilio_sip_password,
        sources=_networks(settings.twilio_sip_sources),
    )
    sid, token, trunk = settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_trunk_sid
    return TwilioAccount(sid, token, trunk, line, settings.twilio_api_url)


def _networks(text: str) -> tuple[str, ...]:
    """Read a comma list of addresses and networks, as trunks keep them."""
    return tuple(str(ip_network(part.strip(), strict=False)) for part in text.split(",") if part.strip())
