"""Going where the far end sends us: its REFER is followed, its INVITE with Replaces let in; the audio goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from dialnexa.kit import phone
from dialnexa.kit.ids import new_id
from dialnexa.live.line import NotConnected
from dialnexa.live.lines.audio import CallAudio
from dialnexa.live.lines.setup import Answering, Dialling
from dialnexa.live.plan import NumberFormat, SipRoute
from dialnexa.live.sip.calls.transfer import Referral, ReferTarget
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, SipEndpoint
from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.ladder import Ladder
from dialnexa.live.sip.messages.fields import FieldError, Uri
from dialnexa.live.sip.messages.hop import ip_version
from dialnexa.live.sip.messages.sdp import NotAcceptable
from dialnexa.live.timeline import Happening, TransferLeg, TransferMoved, TransferState


@dataclass(frozen=True, slots=True)
class Way:
    """Whom a transfer leads to, and over which route."""

    user: str
    route: SipRoute


@dataclass(frozen=True, slots=True)
class Follower:
    """The way a call follows its far end's transfers."""

    route: SipRoute
    from_user: str
    endpoint: SipEndpoint
    ring_s: float
    ladder: Ladder
    tell: Callable[[Happening], None]
    may_call: Callable[[str], bool]
    """Whether the workspace lets an E.164 number be called."""

    # --- who may be called -------------------------------------------------------------------------------------------

    async def way(self, target: ReferTarget) -> Way | None:
        """Return the way to a target; ``None`` unless it is somebody on the trunk's own host whom we may call.

        A SIP name is as the far end writes it, so it is not written anew, and no phone is called in its place; a TEL
        number is everybody's, and written as the trunk wants it.
        """
        try:
            uri = Uri.parse(target.uri)
        except FieldError:
            return None
        number = _global_number(uri) if uri.scheme == "tel" else ""
        user, form = (number, self.route.number_format) if number else (uri.user, NumberFormat())
        if not user or not (number or await self._is_own(uri)) or not self._is_allowed(user):
            return None
        replaces = (("Replaces", target.replaces),) if target.replaces else ()
        headers = (*self.route.headers, *replaces)
        return Way(user, replace(self.route, headers=headers, number_format=form, contact="", path=()))

    async def _is_own(self, uri: Uri) -> bool:
        """Whether an address is the trunk's: its host or one of its host's addresses, and no other port."""
        route = self.route
        own = route.host.strip("[]").lower()
        by_name = uri.host != "" and uri.host in {own, route.from_domain.lower()}
        if by_name and uri.port in {None, route.port or None}:
            return True
        if not by_name and (ip_version(own) or not ip_version(uri.host)):
            return False
        try:
            hops = await self.endpoint.locate(route.host, route.port, route.transport)
        except CallRejected:
            return False
        return any((by_name or hop.host == uri.host) and uri.port in {None, hop.port} for hop in hops)

    def _is_allowed(self, user: str) -> bool:
        """Whether every number that the trunk may take this for may be called; names and extensions are no numbers."""
        return all(map(self.may_call, self.route.number_format.meanings(user)))

    # --- going there -------------------------------------------------------------------------------------------------

    async def follow(self, referral: Referral, way: Way, audio: CallAudio) -> Dialog | None:
        """Call the target and take the audio there; return the new call, ``None`` when there is none."""
        story = _Story(self.tell, way.user, "dialing")
        referral.accept()
        move = audio.elsewhere()
        dialling = Dialling(self.endpoint, way.user, self.from_user, way.route, self.ring_s, self.ladder)
        try:
            dialog = await dialling.establish(move, referral.tell)
        except NotConnected as refusal:
            status, words = refusal.sip_status or 503, refusal.detail
        except asyncio.CancelledError:
            referral.tell(487)
            story.fail("cancelled", "Our call ended before anybody answered there.")
            raise
        else:
            try:
                move.make(dialog.local_sdp, dialog.remote_sdp)
            except NotAcceptable as error:
                dialog.send_bye()
                status, words = 488, str(error)
            else:
                story.complete("The far end handed the call on.")
                return dialog
        story.fail("failed", words, status)
        referral.tell(status)
        return None

    async def let_in(self, incoming: IncomingCall, audio: CallAudio) -> Dialog | None:
        """Answer who comes to take the far end's place, and take the audio there; ``None`` when that fails."""
        story = _Story(self.tell, incoming.from_user, "ringing")
        self.ladder.follow(incoming.call_id)
        move = audio.elsewhere()
        try:
            dialog = await Answering(incoming, rings=False).establish(move, lambda _: None)
            try:
                move.make(dialog.local_sdp, dialog.remote_sdp)
            except NotAcceptable as error:
                dialog.send_bye()
                story.fail("failed", str(error), 488)
                return None
        except NotConnected as refusal:
            story.fail("failed", refusal.detail, refusal.sip_status)
            return None
        except asyncio.CancelledError:
            incoming.reject(487)
            story.fail("cancelled", "Our call ended before the new one was up.")
            raise
        story.complete("Somebody has taken the far end's place.")
        return dialog


class _Story:
    """One such transfer as the timeline shows it."""

    def __init__(self, tell: Callable[[Happening], None], who: str, status: str) -> None:
        self._tell = tell
        self._told = TransferMoved(
            new_id("xfer"), TransferState.INITIATED, method="followed", legs=(TransferLeg(who, status),)
        )
        tell(self._told)

    def complete(self, words: str) -> None:
        """End well."""
        self._end(TransferState.COMPLETED, "bridged", words, None)

    def fail(self, outcome: str, words: str, sip_status: int | None = None) -> None:
        """End otherwise."""
        self._end(TransferState.FAILED, outcome, words, sip_status)

    def _end(self, state: TransferState, outcome: str, words: str, sip_status: int | None) -> None:
        leg = replace(self._told.legs[0], status=outcome, sip_status=sip_status)
        self._tell(replace(self._told, status=state, legs=(leg,), detail=words))


def _global_number(uri: Uri) -> str:
    """Return the E.164 number of a TEL URI (RFC 3966); empty: it is none that is the same everywhere."""
    digits = uri.user.replace(".", "")
    context = uri.params.get("phone-context") or ""
    if not digits.startswith("+") and context.startswith("+"):
        digits = context + digits
    return phone.to_e164(digits) or ""
