"""A SIP call as a ``Line``: its signalling, its caps and its end. What is heard and said is in ``audio``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from dialnexa.kit.weak import weakly
from dialnexa.live.line import EndedBy, Line, LineEnd, LineListener, NotConnected, NotTransferred, Utterance
from dialnexa.live.lines.audio import CallAudio
from dialnexa.live.lines.following import Follower
from dialnexa.live.lines.info_digits import digits_of
from dialnexa.live.lines.keypad import Keypad
from dialnexa.live.lines.onward import Onward, refer
from dialnexa.live.lines.setup import Answering, Dialling, Forking, Setup
from dialnexa.live.media.beds import bed_of
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.leg import Leg
from dialnexa.live.outcome import MediaQuality, RecordingResult, SipLadder
from dialnexa.live.plan import Background, CallLimits, Dtmf, Encryption, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip import errors as sip
from dialnexa.live.sip.calls.transfer import Referral
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, SipEndpoint
from dialnexa.live.sip.ladder import Ladder
from dialnexa.live.sip.messages.sdp import SessionDescription
from dialnexa.live.timeline import Happening

_WATCH_S = 1.0
_ENDED_BY = {sip.EndedBy.FAR: EndedBy.FAR, sip.EndedBy.NEAR: EndedBy.NEAR, sip.EndedBy.LOST: EndedBy.LOST}


class SipLine:
    """One SIP call. Made by ``dialling`` or ``answering``; see ``live.line.Line`` for what it promises."""

    def __init__(
        self,
        setup: Setup,
        audio: CallAudio,
        limits: CallLimits,
        ladder: Ladder,
        onward: Onward | None = None,
        follower: Follower | None = None,
        *,
        dtmf: Dtmf = Dtmf.AUTO,
        tell: Callable[[Happening], None] = lambda _: None,
    ) -> None:
        self._dtmf = dtmf
        self._tell = tell
        self._keypad: Keypad | None = None
        self._onward = onward
        self._follower = follower
        self._following: asyncio.Task[None] | None = None
        self._moved = False
        """The far end was transferred: when it goes, it has gone there."""
        self._setup = setup
        self._audio = audio
        self._limits = limits
        self._ladder = ladder
        self._dialog: Dialog | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._end: asyncio.Future[LineEnd] = asyncio.get_running_loop().create_future()
        self._recording: RecordingResult | None = None

    @classmethod
    def dialling(
        cls,
        to: str,
        *,
        from_user: str,
        route: SipRoute,
        endpoint: SipEndpoint,
        media: MediaEngine,
        ports: PortRange,
        limits: CallLimits,
        recording: Path | None = None,
        ladder: Ladder | None = None,
        tell: Callable[[Happening], None] = lambda _: None,
        may_call: Callable[[str], bool] = lambda _: True,
    ) -> SipLine:
        """Return a line that will call ``to`` through a trunk, showing ``from_user`` as the caller.

        ``ladder``: where its messages go when it is a further leg of a call; one of its own if not given. ``tell``
        hears of transfers the far end asks for, and of keys it does not take; ``may_call`` says which E.164 numbers
        it may send us to.
        """
        ladder = ladder or endpoint.ladders.open()
        places = (route, *route.also)
        forks = [Dialling(endpoint, to, from_user, place, limits.ring_s, ladder) for place in places]
        setup = Forking(forks) if route.also else forks[0]
        route = replace(route, also=())
        audio = _audio(endpoint, media, ports, recording, route.encryption, route.codecs, route.dtmf)
        way = _onward(route, from_user, endpoint, media, ports, limits, ladder)
        follower = _follower(route, from_user, endpoint, limits, ladder, tell, may_call)
        return cls(setup, audio, limits, ladder, way, follower, dtmf=route.dtmf, tell=tell)

    @classmethod
    def answering(
        cls,
        incoming: IncomingCall,
        endpoint: SipEndpoint,
        media: MediaEngine,
        ports: PortRange,
        limits: CallLimits,
        recording: Path | None = None,
        encryption: Encryption = Encryption.OFFERED,
        codecs: Sequence[str] = (),
        onward: SipRoute | None = None,
        tell: Callable[[Happening], None] = lambda _: None,
        may_call: Callable[[str], bool] = lambda _: True,
    ) -> SipLine:
        """Return a line that will answer this call, encrypted and with the codecs as its trunk wants it.

        ``onward``: the trunk, for handing the call on; ``None`` hands on nothing. ``tell`` and ``may_call`` as
        in ``dialling``.
        """
        ladder = endpoint.ladders.open()
        ladder.follow(incoming.call_id)
        way = _onward(onward, incoming.to_user, endpoint, media, ports, limits, ladder) if onward else None
        dtmf = onward.dtmf if onward else Dtmf.AUTO
        audio = _audio(endpoint, media, ports, recording, encryption, codecs, dtmf)
        follower = _follower(onward, incoming.to_user, endpoint, limits, ladder, tell, may_call) if onward else None
        return cls(Answering(incoming), audio, limits, ladder, way, follower, dtmf=dtmf, tell=tell)

    async def __aenter__(self) -> Self:
        """Take nothing yet: ports are taken when connecting, so that a lack of them is an outcome, not a crash."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up if still up, finish the recording, free the port."""
        try:
            await self.hang_up()
        finally:
            # What needs no waiting goes first: a cancellation may come at any await below.
            self._setup.give_up()
            if self._following:
                self._following.cancel()
            if self._watcher:
                self._watcher.cancel()
            # A cancelled task keeps its traceback, and with it us: holding on to it would be a circle.
            self._following = self._watcher = None
            self._audio.release()
            self._ladder.close()
            self._listener = None
            self._recording = await self._audio.close()

    async def connect(self, on_ringing: Callable[[int], None]) -> None:
        """Dial or answer; the call clock starts when this returns."""
        await self._audio.open()
        dialog = self._dialog = await self._setup.establish(self._audio, on_ringing)
        try:
            self._audio.start(dialog.local_sdp, dialog.remote_sdp)
        except NotConnected:
            await dialog.hang_up()
            raise
        self._attend(dialog)
        self._watcher = asyncio.create_task(self._watch(self._audio.leg))

    def _attend(self, dialog: Dialog) -> None:
        self._dialog = dialog
        dialog.on_offer = weakly(self._renegotiate)
        dialog.on_answer = weakly(self._audio.follow)
        dialog.on_info = weakly(self._info)
        self._keypad = Keypad(self._dtmf, dialog, self._audio, self._tell)
        if self._follower is not None:
            dialog.on_refer = weakly(self._refer)
            dialog.on_replace = weakly(self._replace)

    def listen(self, listener: LineListener) -> None:
        """Send everything heard to this listener."""
        self._audio.listen(listener)

    def say(self) -> Utterance:
        """Open the next utterance."""
        return self._audio.leg.say()

    async def underlay(self, background: Background | None) -> None:
        """Play a background beneath; it is made in a thread."""
        bed = await asyncio.to_thread(bed_of, background) if background else None
        self._audio.leg.lay(bed)

    @property
    def held(self) -> bool:
        """Whether the far end has us on hold."""
        return self._audio.leg.held

    def press(self, digits: str) -> None:
        """Send keypad digits as the trunk wants them. Raises ``ValueError`` for what no keypad has."""
        if self._keypad is None:
            raise RuntimeError("keys were pressed before the call was up")
        self._keypad.press(digits)

    async def transfer(self, to: str, on_ringing: Callable[[int], None]) -> None:
        """Ask the far end to call somebody else. Raises ``NotTransferred``."""
        if self._dialog is None or self._onward is None:
            raise NotTransferred("This call came over no trunk that it could be transferred through.", unable=True)
        gone = await refer(self._dialog, self._onward.uri(to), on_ringing)
        self._moved = True
        if gone:
            self._settle(LineEnd(EndedBy.MOVED, "The far end agreed to the transfer and hung up."))

    def onward(self, to: str, ring_s: float) -> Line | None:
        """Return a second leg over the same trunk."""
        return self._onward.line(to, ring_s) if self._onward else None

    async def hang_up(self) -> None:
        """End the call from our side; idempotent."""
        await self._stop_following()
        if self._dialog and not self._end.done():
            self._settle(LineEnd(EndedBy.NEAR))
            await self._dialog.hang_up()

    async def ended(self) -> LineEnd:
        """Wait until the line is down."""
        return await asyncio.shield(self._end)

    def recording(self) -> RecordingResult | None:
        """Return the recording once the line is left."""
        return self._recording

    def quality(self) -> MediaQuality | None:
        """Return how good the audio was."""
        return self._audio.quality()

    def ladder(self) -> SipLadder:
        """Return the SIP messages so far, without secrets."""
        return self._ladder.read()

    async def _watch(self, leg: Leg) -> None:
        """Enforce the leg's caps and notice the far end's goodbye, whichever is first.

        The far end is whoever the line talks to by then: a transfer that is followed brings another.
        """
        deadline = asyncio.get_running_loop().time() + self._limits.duration_s
        while not self._end.done() and self._dialog is not None:
            await self._watch_one(self._dialog, leg, deadline)

    async def _watch_one(self, dialog: Dialog, leg: Leg, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        down = asyncio.ensure_future(dialog.ended())
        try:
            while not down.done():
                await asyncio.wait({down}, timeout=min(_WATCH_S, max(0.0, deadline - loop.time())))
                if down.done():
                    await self._arrive(deadline - loop.time())
                    if self._dialog is dialog:
                        end = down.result()
                        by = EndedBy.MOVED if self._moved and end.by is sip.EndedBy.FAR else _ENDED_BY[end.by]
                        self._settle(LineEnd(by, end.reason))
                elif loop.time() >= deadline:
                    await self._cut(LineEnd(EndedBy.CAP, f"The call reached its cap of {self._limits.duration_s:g} s."))
                elif leg.silent_for_s >= self._limits.no_audio_s and self._audio.expects_audio:
                    await self._cut(LineEnd(EndedBy.LOST, _no_audio(self._limits.no_audio_s)))
        finally:
            down.cancel()

    async def _cut(self, end: LineEnd) -> None:
        """End whatever is up: a transfer under way may not outlive the cap."""
        self._settle(end)
        await self._stop_following()
        if self._dialog:
            await self._dialog.hang_up()

    async def _stop_following(self) -> None:
        """Give up a transfer under way, and let it say so."""
        if self._following and not self._following.done():
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _arrive(self, seconds: float) -> None:
        """Let a transfer under way end: whoever asks for one may hang up before it is made (RFC 5589 §6.1)."""
        if self._following and not self._following.done():
            await asyncio.wait({self._following}, timeout=max(0.0, seconds))
            await self._stop_following()

    def _refer(self, referral: Referral) -> None:
        """Follow a transfer to somebody on the trunk, one at a time."""
        if self._follower is None or self._dialog is None or self._end.done():
            referral.refuse()
        elif self._following and not self._following.done():
            referral.refuse(491)
        else:
            self._following = asyncio.create_task(self._follow(self._follower, referral))

    async def _follow(self, follower: Follower, referral: Referral) -> None:
        old = self._dialog
        try:
            way = await follower.way(referral.target)
            new = await follower.follow(referral, way, self._audio) if way else None
            if new is not None and old is not None:
                self._switch(new)
                referral.tell(200)
                old.send_bye()
        finally:
            referral.refuse()  # whoever was not accepted by now never will be

    def _replace(self, incoming: IncomingCall, trunks: Collection[str]) -> bool:
        """Let somebody on the trunk take the far end's place (RFC 3891); ``False``: not this one, or not here."""
        follower = self._follower
        if follower is None or self._end.done() or follower.route.trunk_id not in trunks:
            return False
        if incoming.replaces is not self._dialog or (self._following and not self._following.done()):
            return False
        self._following = asyncio.create_task(self._let_in(follower, incoming))
        return True

    async def _let_in(self, follower: Follower, incoming: IncomingCall) -> None:
        new = await follower.let_in(incoming, self._audio)
        if new is not None:
            self._switch(new)

    def _switch(self, new: Dialog) -> None:
        """Go on with another far end."""
        if old := self._dialog:
            old.on_offer = old.on_answer = old.on_info = old.on_refer = old.on_replace = None
        self._attend(new)

    def _settle(self, end: LineEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _renegotiate(self, offer: SessionDescription) -> SessionDescription:
        """Answer a re-INVITE. Raises ``NoCommonCodec``."""
        if self._dialog is None:
            raise RuntimeError("a re-INVITE came before the call was up")
        return self._audio.renegotiate(offer, self._dialog.local_sdp)

    def _info(self, content_type: str, body: bytes) -> None:
        """Take keypad digits that come by INFO, instead of RTP or beside it."""
        for digit in digits_of(content_type, body):
            self._audio.leg.on_info_key(digit)


def _audio(
    endpoint: SipEndpoint,
    media: MediaEngine,
    ports: PortRange,
    recording: Path | None,
    encryption: Encryption,
    codecs: Sequence[str],
    dtmf: Dtmf,
) -> CallAudio:
    return CallAudio(
        media,
        ports,
        bind=endpoint.address[0],
        advertised=endpoint.audio_host,
        recording=recording,
        encryption=encryption,
        codecs=codecs,
        keys_in_band=dtmf is Dtmf.INBAND,
    )


def _onward(
    route: SipRoute,
    from_user: str,
    endpoint: SipEndpoint,
    media: MediaEngine,
    ports: PortRange,
    limits: CallLimits,
    ladder: Ladder,
) -> Onward:
    # Where a phone or PBX is stays the way there, but it is not called itself: whom it shall reach is another.
    route = replace(route, contact="")

    def second(to: str, ring_s: float) -> SipLine:
        its_own = replace(limits, ring_s=ring_s)
        return SipLine.dialling(
            to,
            from_user=from_user,
            route=route,
            endpoint=endpoint,
            media=media,
            ports=ports,
            limits=its_own,
            ladder=ladder.branch(),
        )

    return Onward(route, second)


def _follower(
    route: SipRoute,
    from_user: str,
    endpoint: SipEndpoint,
    limits: CallLimits,
    ladder: Ladder,
    tell: Callable[[Happening], None],
    may_call: Callable[[str], bool],
) -> Follower | None:
    if not route.accept_transfers:
        return None
    return Follower(route, from_user, endpoint, limits.ring_s, ladder, tell, may_call)


def _no_audio(seconds: float) -> str:
    return f"No audio arrived for {seconds:g} s: the far end is gone, or a firewall blocks RTP."
