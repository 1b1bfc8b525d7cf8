"""Ask a trunk whether it is there: one OPTIONS from a socket of its own (RFC 3261 §11), for ``doctor``."""

from __future__ import annotations

from pathlib import Path

from dialnexa.live.sip.endpoint import SipEndpoint, TlsSettings
from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.transactions.timers import Timers


class ProbeFailed(Exception):
    """Nothing answered; the message says what to check."""


async def probe(
    host: str,
    port: int,
    *,
    from_host: str,
    transport: str = "udp",
    proxy: str = "",
    authorities: Path | None = None,
    timeout_s: float = 3.0,
) -> str:
    """Return what answered (``200 OK``, and its name if it gives one); any SIP answer proves that it lives.

    Asked as calls go: over the transport and proxy, at whatever DNS says (port 0). ``authorities``: whom TLS believes.
    Raises ``ProbeFailed``: unknown name, or no answer within ``timeout_s`` seconds.
    """
    try:
        async with SipEndpoint.open(
            from_host,
            0,
            on_invite=lambda call: call.reject(480),
            timers=Timers(t1=timeout_s / 64),
            tcp=True,
            tls=TlsSettings(authorities=authorities),
        ) as endpoint:
            response = await endpoint.reach(host, port, transport, proxy)
    except CallRejected as failure:
        raise ProbeFailed(failure.detail) from None
    except TimeoutError:
        raise ProbeFailed(f"no answer within {timeout_s:g} s; check address, port and firewall") from None
    except ConnectionError as error:
        raise ProbeFailed(f"{error}; check address, port, firewall and certificate") from None
    except OSError as error:
        raise ProbeFailed(f"cannot send from {from_host}: {error}") from None
    name = response.headers.first("Server") or response.headers.first("User-Agent")
    return f"{response.status} {response.reason}" + (f" ({name[:60]})" if name else "")
