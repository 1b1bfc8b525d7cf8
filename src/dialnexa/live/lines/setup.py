"""The two ways a SIP call comes up: dialled, or answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from dialnexa.live.line import LineListener, NotConnected
from dialnexa.live.lines.audio import CallAudio
from dialnexa.live.lines.early_media import EarlyMedia
from dialnexa.live.lines.refusals import nobody_picked_up, refused, unreachable
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.plan import SipRoute
from dialnexa.live.sip import errors as sip
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, OutgoingCall, SipEndpoint
from dialnexa.live.sip.ladder import Ladder
from dialnexa.live.sip.messages.sdp import SdpError, SessionDescription
from dialnexa.live.sip.stack import warning

_FOR_ALL = 600
"""Refusals from here on speak for every place the called person may be (RFC 3261 §21.6)."""


class Offering(Protocol):
    """What a call is dialled with."""

    def offer(self) -> SessionDescription:
        """Return what we offer."""
        ...

    def answer(self, offer: SessionDescription, previous: SessionDescription | None = None) -> SessionDescription:
        """Return our answer to an offer before the call is up. Raises ``SdpError``."""
        ...

    def hear_early(self, remote: SessionDescription, listener: LineListener) -> None:
        """Let somebody listen before the answer."""
        ...


class Describing(Protocol):
    """What a call is answered with."""

    def offer(self) -> SessionDescription:
        """Return what we offer to a caller who leaves that to us."""
        ...

    def answer(self, offer: SessionDescription) -> SessionDescription:
        """Return our answer. Raises ``SdpError``."""
        ...


class Setup(Protocol):
    """The way a call comes up."""

    async def establish(self, audio: CallAudio, on_ringing: Callable[[int], None]) -> Dialog:
        """Bring the dialog up with this audio, which is open by now; raises ``NotConnected``."""
        ...

    def give_up(self) -> None:
        """Leave nobody waiting for an answer that will not come; nothing happens when there was one."""
        ...


class Dialling:
    """Calls ``to`` through a trunk, showing ``from_user`` as the caller."""

    def __init__(
        self, endpoint: SipEndpoint, to: str, from_user: str, route: SipRoute, ring_s: float, ladder: Ladder
    ) -> None:
        self._endpoint = endpoint
        self._to = route.number_format.write(to)
        self._from_user = from_user
        self._route = route
        self._ring_s = ring_s
        self._ladder = ladder

    async def establish(self, audio: Offering, on_ringing: Callable[[int], None]) -> Dialog:
        """Send the INVITE and wait for its answer, at most the ring time or until a tone says there will be none."""
        rang = False

        def progress(step: sip.Progress) -> None:
            nonlocal rang
            if step.status >= 180 and not rang:
                rang = True
                on_ringing(step.status)
            if step.sdp is not None:
                audio.hear_early(step.sdp, early)

        early = EarlyMedia(lambda: patience.reschedule(0))
        call = self._call(audio)
        self._ladder.follow(call.call_id)
        try:
            async with asyncio.timeout(self._ring_s) as patience:
                return await call.answered(progress)
        except TimeoutError:
            rung_out = nobody_picked_up(self._ring_s) if rang else unreachable(self._route)
            raise early.verdict or rung_out from None
        except sip.CallRejected as refusal:
            raise refused(refusal) from refusal
        except sip.CallTimedOut as silence:
            raise unreachable(self._route, str(silence)) from None
        finally:
            early.stop()

    def _call(self, audio: Offering) -> OutgoingCall:
        """Prepare the call. Raises ``NotConnected`` when the trunk's settings cannot be followed."""
        route = self._route
        try:
            return self._endpoint.dial(
                self._to,
                from_user=self._from_user,
                host=route.host,
                port=route.port,
                offer=audio.offer(),
                credentials=route.credentials,
                headers=route.headers,
                transport=route.transport,
                proxy=route.proxy,
                account=route.from_user,
                from_domain=route.from_domain,
                contact=route.contact,
                path=route.path,
                hide_caller=route.hide_caller,
                identity_header=route.identity_header,
                answer=audio.answer,
            )
        except ValueError as error:
            words = f"The settings of the trunk cannot be followed: {error}."
            raise NotConnected(Ending.FAILED, EndReason.ERROR, words) from error

    def give_up(self) -> None:
        """Do nothing: cancelling ``establish`` has cancelled the INVITE."""


class Forking:
    """Calls one person at several places at once: who answers first has the call, the others stop ringing."""

    def __init__(self, places: Sequence[Setup]) -> None:
        self._places = places

    async def establish(self, audio: CallAudio, on_ringing: Callable[[int], None]) -> Dialog:
        """Return the first answer. Raises the best of the refusals when all refuse, or one speaks for all (6xx)."""
        rang = False

        def ringing(status: int) -> None:
            nonlocal rang
            if not rang:
                rang = True
                on_ringing(status)

        forks = [asyncio.ensure_future(place.establish(audio, ringing)) for place in self._places]
        winner: Dialog | None = None
        try:
            winner = await self._first(forks)
            return winner
        finally:
            for fork in forks:
                fork.cancel()
            for other in await asyncio.gather(*forks, return_exceptions=True):
                if isinstance(other, Dialog) and other is not winner:
                    other.send_bye()  # two picked up in the same moment

    async def _first(self, forks: Sequence[asyncio.Future[Dialog]]) -> Dialog:
        refusals: list[NotConnected] = []
        for fork in asyncio.as_completed(forks):
            try:
                return await fork
            except NotConnected as refusal:
                refusals.append(refusal)
                if (refusal.sip_status or 0) >= _FOR_ALL:
                    break
        raise min(refusals, key=_worth)

    def give_up(self) -> None:
        """Do nothing: cancelling ``establish`` has cancelled every INVITE."""


def _worth(refusal: NotConnected) -> tuple[bool, bool, int]:
    """Say which of several refusals tells the most: one for all places, then that somebody is busy (§16.7)."""
    status = refusal.sip_status or 699
    return refusal.sip_status is None or status < _FOR_ALL, refusal.ending is not Ending.BUSY, status


class Answering:
    """Answers a call that came in."""

    def __init__(self, incoming: IncomingCall, *, rings: bool = True) -> None:
        """``rings``: the caller hears so first; not who takes the place of somebody we talk to."""
        self._incoming = incoming
        self._rings = rings

    async def establish(self, audio: Describing, on_ringing: Callable[[int], None]) -> Dialog:
        """Ring, then accept with the first codec both speak; refuses with 488 when there is none."""
        if self._rings:
            self._incoming.ring()
            on_ringing(180)
        offer = self._incoming.offer
        try:
            return await self._incoming.accept(audio.answer(offer) if offer else audio.offer())
        except SdpError as error:
            self._incoming.reject(488, headers=[warning(str(error))])
            raise NotConnected(Ending.FAILED, EndReason.ERROR, f"{error}; answered 488.", 488) from error
        except sip.CallRejected as refusal:
            raise refused(refusal) from refusal
        except sip.CallCancelled:
            raise NotConnected(
                Ending.CANCELLED, EndReason.USER_DISCONNECTED, "The caller hung up before the answer.", 487
            ) from None
        except sip.CallTimedOut:
            raise NotConnected(
                Ending.FAILED, EndReason.NETWORK_FAILURE, "The caller never acknowledged our answer (no ACK)."
            ) from None

    def give_up(self) -> None:
        """Refuse a caller who was not answered: something of ours was missing, so 503."""
        self._incoming.reject(503, "Service Unavailable")
