"""Session timers (RFC 4028): a call whose far end has silently gone ends by itself. Terms pure, one clock per call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialnexa.live.sip.messages.message import Request, SipMessage
from dialnexa.live.sip.transactions.agenda import Agenda, Appointment

Header = tuple[str, str]

SHORTEST_S = 90
"""No session interval of ours, or accepted by us, is shorter (RFC 4028 §4)."""
USUAL_S = 1800
"""The interval asked for."""
_LONGEST_S = 86_400
RETRY_S = 10.0
"""How long after a refresh that was refused for the moment the next one is tried."""


@dataclass(frozen=True, slots=True)
class SessionInterval:
    """What both sides agreed on."""

    seconds: int
    we_refresh: bool

    @property
    def expires_in(self) -> float:
        """Seconds until the call is given up, counted from the last refresh (§10)."""
        return self.seconds - min(32.0, self.seconds / 3)


def request_headers(seconds: int, shortest: int = SHORTEST_S, *, we_refresh: bool | None = None) -> list[Header]:
    """Return what a request that begins or refreshes a session says; ``None`` leaves the role to the peer."""
    role = "" if we_refresh is None else f";refresher={'uac' if we_refresh else 'uas'}"
    return [("Session-Expires", f"{seconds}{role}"), ("Min-SE", str(shortest))]


def too_brief(request: Request) -> bool:
    """Whether a request wants an interval shorter than we take, and understands being told so with 422 (§9)."""
    asked = _read(request)
    return asked is not None and asked[0] < SHORTEST_S and _supports(request)


def agree_as_callee(request: Request) -> tuple[SessionInterval | None, list[Header]]:
    """Return the terms of our 2xx to an INVITE or UPDATE, and the headers that say them (§9)."""
    asked = _read(request)
    supported = _supports(request)
    if asked is None and not supported:
        return None, []
    seconds, role = asked or (USUAL_S, "")
    # A peer without timers cannot refresh, whoever put the header in.
    role = (role or "uac") if supported else "uas"
    interval = SessionInterval(max(seconds, SHORTEST_S), role == "uas")
    headers = [("Session-Expires", f"{interval.seconds};refresher={role}")]
    return interval, [*headers, ("Require", "timer")] if role == "uac" else headers


def agree_as_caller(response: SipMessage) -> SessionInterval | None:
    """Return the terms a 2xx to our INVITE or UPDATE sets; ``None``: the session does not expire (§7.2)."""
    told = _read(response)
    return SessionInterval(max(told[0], SHORTEST_S), told[1] != "uas") if told else None


def wanted_minimum(response: SipMessage, wanted: int) -> int:
    """Return the interval to ask for after a 422 (§7.3); not more than a day, however much it demands."""
    minimum = response.headers.first("Min-SE").partition(";")[0].strip()
    return min(max(wanted, _number(minimum) or 0), _LONGEST_S)


def _read(message: SipMessage) -> tuple[int, str] | None:
    value, _, params = message.headers.first("Session-Expires").partition(";")
    seconds = _number(value.strip())
    if seconds is None:
        return None
    roles = [part.partition("=")[2].strip().lower() for part in params.split(";") if "refresher" in part.lower()]
    return min(seconds, _LONGEST_S), roles[0] if roles and roles[0] in ("uac", "uas") else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _supports(request: Request) -> bool:
    tags = [*request.headers.items_of("Supported"), *request.headers.items_of("Require")]
    return any(tag.lower() == "timer" for tag in tags)


class SessionClock:
    """Says when a call wants to be refreshed, and when it has gone without for too long."""

    def __init__(self, agenda: Agenda, refresh: Callable[[], None], expire: Callable[[], None]) -> None:
        self.interval: SessionInterval | None = None
        self._agenda = agenda
        self._refresh = refresh
        self._expire = expire
        self._appointments: list[Appointment] = []

    def agree(self, interval: SessionInterval | None) -> None:
        """Start anew with these terms; every success of either side does."""
        self.stop()
        self.interval = interval
        if interval is None:
            return
        self._appointments.append(self._agenda.call_later(interval.expires_in, self._expire))
        if interval.we_refresh:
            self._appointments.append(self._agenda.call_later(interval.seconds / 2, self._refresh))

    def try_again(self) -> None:
        """Refresh once more in a while; the end stays where it was."""
        self._appointments.append(self._agenda.call_later(RETRY_S, self._refresh))

    def stop(self) -> None:
        """Say nothing more."""
        for appointment in self._appointments:
            appointment.cancel()
        self._appointments.clear()

    def headers(self) -> list[Header]:
        """Return what a re-INVITE or UPDATE of ours says: whoever asks, the refresher stays the same."""
        if self.interval is None:
            return []
        return request_headers(self.interval.seconds, we_refresh=self.interval.we_refresh)
