"""Following a transfer the far end asks for (REFER): somebody else on the same trunk is called with the same audio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dialnexa.kit.ids import new_id
from dialnexa.live.line import NotConnected
from dialnexa.live.lines.audio import CallAudio
from dialnexa.live.lines.setup import Dialling
from dialnexa.live.plan import Happening, NumberFormat, SipRoute, TransferLeg, TransferMoved, TransferState
from dialnexa.live.sip.calls.transfer import Referral, ReferTarget
from dialnexa.live.sip.endpoint import Dialog, SipEndpoint
from dialnexa.live.sip.ladder import Ladder
from dialnexa.live.sip.messages.fields import FieldError, Uri
from dialnexa.live.sip.messages.sdp import NotAcceptable


@dataclass(frozen=True, slots=True)
class Follower:
    """The way a call follows its far end's transfers."""

    route: SipRoute
    from_user: str
    endpoint: SipEndpoint
    ring_s: float
    ladder: Ladder
    tell: Callable[[Happening], None]

    def way(self, target: ReferTarget) -> SipRoute | None:
        """Return the route to a target; ``None`` unless it is somebody on the trunk's own host.

        The name is as the far end writes it, so it is not written anew, and no phone is called in its place.
        """
        try:
            uri = Uri.parse(target.uri)
        except FieldError:
            return None
        route, host = self.route, uri.host.strip("[]").lower()
        own = route.host.strip("[]").lower()
        if not uri.user or not host or host not in {own, route.from_domain.lower()}:
            return None
        port = uri.port if uri.port and host == own else route.port
        replaces = (("Replaces", target.replaces),) if target.replaces else ()
        headers = (*route.headers, *replaces)
        return replace(route, port=port, headers=headers, number_format=NumberFormat(), contact="", path=())

    async def follow(self, referral: Referral, way: SipRoute, audio: CallAudio) -> Dialog | None:
        """Call the target and take the audio there; return the new call, ``None`` when there is none."""
        user = Uri.parse(referral.target.uri).user
        told = TransferMoved(new_id("xfer"), TransferState.INITIATED, legs=(TransferLeg(user, "dialing"),))
        self.tell(told)
        referral.accept()
        move = audio.elsewhere()
        dialling = Dialling(self.endpoint, user, self.from_user, way, self.ring_s, self.ladder)
        try:
            dialog = await dialling.establish(move, referral.tell)
        except NotConnected as refusal:
            status, words = refusal.sip_status or 503, refusal.detail
        else:
            try:
                move.make(dialog.local_sdp, dialog.remote_sdp)
            except NotAcceptable as error:
                dialog.send_bye()
                status, words = 488, str(error)
            else:
                self.tell(_ended(told, TransferState.COMPLETED, "The far end handed the call on."))
                return dialog
        self.tell(_ended(told, TransferState.FAILED, words, status))
        referral.tell(status)
        return None


def _ended(told: TransferMoved, state: TransferState, detail: str, sip_status: int | None = None) -> TransferMoved:
    outcome = "failed" if sip_status else "bridged"
    leg = replace(told.legs[0], status=outcome, sip_status=sip_status)
    return replace(told, status=state, legs=(leg,), detail=detail)
