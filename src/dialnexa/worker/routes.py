"""From the platform's trunk to the live wing's route: the same facts in the other wing's words."""

from __future__ import annotations

from dialnexa.live.plan import Credentials, Dtmf, Encryption, NumberFormat, SipRoute
from dialnexa.platform.numbers.service import TrunkRoute
from dialnexa.platform.numbers.trunk_settings import header_pairs

_IDENTITY_HEADERS = {"asserted": "P-Asserted-Identity", "preferred": "P-Preferred-Identity"}


def sip_route(trunk: TrunkRoute, edge: str) -> SipRoute:
    """Return where a call through this trunk goes, and the carrier's habits.

    ``edge`` is the proxy before the workers, if any: it stands in where the trunk names no proxy of its own.
    """
    habits = trunk.settings
    return SipRoute(
        trunk.host,
        trunk.port,
        Credentials(trunk.username, trunk.password or "") if trunk.username else None,
        trunk.trunk_id,
        transport=habits.transport,
        proxy=habits.outbound_proxy or over_edge(edge, habits.transport),
        from_user=habits.from_user,
        from_domain=habits.from_domain,
        headers=tuple(header_pairs(habits.headers)),
        codecs=habits.codecs,
        encryption=Encryption(habits.encryption),
        accept_transfers=habits.accept_transfers,
        dtmf=Dtmf(habits.dtmf),
        hide_caller=habits.privacy == "id",
        identity_header=_IDENTITY_HEADERS[habits.identity],
        number_format=NumberFormat(habits.plus, habits.strip_prefix, habits.add_prefix),
    )


def over_edge(edge: str, transport: str) -> str:
    """Return the edge as the proxy of calls over this transport: inside it speaks no TLS, so those go there by TCP."""
    return f"{edge};transport=tcp" if edge and transport == "tls" and ";" not in edge else edge
