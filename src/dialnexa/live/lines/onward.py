"""Where a call can be handed on to: the same trunk, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialnexa.live.line import Line, NotTransferred
from dialnexa.live.plan import SipRoute
from dialnexa.live.sip import errors as sip
from dialnexa.live.sip.calls.transfer import TransferProgress
from dialnexa.live.sip.endpoint import Dialog, TransferUnconfirmed
from dialnexa.live.sip.messages.fields import FieldError, Uri, bracket
from dialnexa.live.sip.stack import quote_user, uri_transport


@dataclass(frozen=True, slots=True)
class Onward:
    """The way on from one call."""

    route: SipRoute
    dial: Callable[[str, float], Line]
    """Makes a line to a user through the trunk that rings so many seconds."""

    def uri(self, to: str) -> str:
        """Return what a far end is asked to call: a SIP URI as it is, a number at the trunk."""
        if _is_uri(to):
            return to
        host = self.route.from_domain or self.route.host
        port = f":{self.route.port}" if self.route.port and not self.route.from_domain else ""
        transport = uri_transport(self.route.transport.upper())
        return f"sip:{quote_user(self.route.number_format.write(to))}{bracket(host)}{port}{transport}"

    def line(self, to: str, ring_s: float) -> Line | None:
        """Return a second leg; ``None`` for an address that is not the trunk's own."""
        if not _is_uri(to):
            return self.dial(to, ring_s)
        try:
            uri = Uri.parse(to)
        except FieldError:
            return None
        ours = {self.route.host.lower(), self.route.from_domain.lower()} - {""}
        return self.dial(uri.user, ring_s) if uri.user and uri.host.lower() in ours else None


async def refer(dialog: Dialog, uri: str, on_ringing: Callable[[int], None]) -> bool:
    """Transfer the far end to ``uri``; return whether it has left already.

    Raises ``NotTransferred``, which says whether the far end does transfers at all.
    """
    if dialog.peer_methods and "REFER" not in dialog.peer_methods:
        raise NotTransferred("The far end does not list REFER among what it understands.", unable=True)

    def progress(step: TransferProgress) -> None:
        if 180 <= step.status < 200:
            on_ringing(step.status)

    try:
        end = await dialog.transfer(uri, on_progress=progress)
    except TransferUnconfirmed:
        return True
    except sip.CallRejected as refusal:
        words = f"The far end answered our REFER with {refusal.status} {refusal.reason}."
        raise NotTransferred(words, refusal.status, unable=True) from refusal
    except sip.CallTimedOut as failure:
        raise NotTransferred(f"The transfer was not made: {failure}.", unable=True) from failure
    if end.status >= 300:
        raise NotTransferred(f"The far end reports {end.status} {end.reason}.", end.status)
    return False


def _is_uri(to: str) -> bool:
    return to.lower().startswith(("sip:", "sips:"))
