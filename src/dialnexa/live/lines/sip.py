"""A SIP call as a ``Line``: signalling, one RTP session and one media leg, from the first packet to the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from dialnexa.live.line import EndedBy, LineEnd, LineListener, NotConnected, Utterance
from dialnexa.live.lines.info_digits import digits_of
from dialnexa.live.lines.refusals import nobody_picked_up, refused, unreachable
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.g711 import Codec as G711
from dialnexa.live.media.leg import Leg
from dialnexa.live.plan import CallLimits, Ending, EndReason, RecordingResult, SipRoute
from dialnexa.live.rtp.ports import NoPortsLeft, PortRange
from dialnexa.live.rtp.session import RtpSession
from dialnexa.live.sip import errors as sip
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, SipEndpoint
from dialnexa.live.sip.sdp import SdpError, SessionDescription, make_answer, make_offer, narrowed

_WATCH_S = 1.0
_ENDED_BY = {sip.EndedBy.FAR: EndedBy.FAR, sip.EndedBy.NEAR: EndedBy.NEAR, sip.EndedBy.LOST: EndedBy.LOST}


class _Setup(Protocol):
    """The way a call comes up: dialled or answered."""

    async def establish(self, host: str, rtp_port: int, on_ringing: Callable[[int], None]) -> Dialog:
        """Bring the dialog up with our audio at ``host:rtp_port``; raises ``NotConnected``."""
        ...

    def give_up(self) -> None:
        """Leave nobody waiting for an answer that will not come; nothing happens when there was one."""
        ...


class SipLine:
    """One SIP call. Made by ``dialling`` or ``answering``; see ``live.line.Line`` for what it promises."""

    def __init__(
        self,
        setup: _Setup,
        *,
        endpoint: SipEndpoint,
        media: MediaEngine,
        ports: PortRange,
        limits: CallLimits,
        recording: Path | None,
    ) -> None:
        self._setup = setup
        self._endpoint = endpoint
        self._media = media
        self._ports = ports
        self._limits = limits
        self._recording_path = recording
        self._rtp: RtpSession | None = None
        self._dialog: Dialog | None = None
        self._leg: Leg | None = None
        self._listener: LineListener | None = None
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
    ) -> SipLine:
        """Return a line that will call ``to`` through a trunk, showing ``from_user`` as the caller."""
        setup = _Dial(endpoint, to, from_user, route, limits.ring_s)
        return cls(setup, endpoint=endpoint, media=media, ports=ports, limits=limits, recording=recording)

    @classmethod
    def answering(
        cls,
        incoming: IncomingCall,
        endpoint: SipEndpoint,
        media: MediaEngine,
        ports: PortRange,
        limits: CallLimits,
        recording: Path | None = None,
    ) -> SipLine:
        """Return a line that will answer this call."""
        setup = _Answer(incoming)
        return cls(setup, endpoint=endpoint, media=media, ports=ports, limits=limits, recording=recording)

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
            if self._watcher:
                self._watcher.cancel()
            if self._rtp:
                self._rtp.close()
            if self._leg:
                self._recording = await self._leg.close()

    async def connect(self, on_ringing: Callable[[int], None]) -> None:
        """Dial or answer; the call clock starts when this returns."""
        rtp = self._rtp = await self._open_rtp()
        dialog = await self._setup.establish(self._endpoint.advertised[0], rtp.port, on_ringing)
        self._dialog = dialog
        remote = dialog.remote_sdp
        if remote.audio is None:
            await dialog.hang_up()
            raise NotConnected(
                Ending.FAILED, EndReason.ERROR, "The far end answered without an audio codec of ours.", 488
            )
        self._leg = self._media.open_leg(rtp, codec=G711(remote.audio.name.upper()), recording=self._recording_path)
        if self._listener:
            self._leg.listen(self._listener)
        rtp.attach(self._leg)
        self._aim(remote)
        dialog.on_offer = self._renegotiate
        dialog.on_info = self._info
        self._watcher = asyncio.create_task(self._watch(dialog, self._leg))

    def listen(self, listener: LineListener) -> None:
        """Send everything heard to this listener."""
        self._listener = listener
        if self._leg:
            self._leg.listen(listener)

    def say(self) -> Utterance:
        """Open the next utterance."""
        return _there(self._leg).say()

    def press(self, digits: str) -> None:
        """Send keypad digits (RFC 4733)."""
        _there(self._leg).press(digits)

    async def hang_up(self) -> None:
        """End the call from our side; idempotent."""
        if self._dialog and not self._end.done():
            self._settle(LineEnd(EndedBy.NEAR))
            await self._dialog.hang_up()

    async def ended(self) -> LineEnd:
        """Wait until the line is down."""
        return await asyncio.shield(self._end)

    def recording(self) -> RecordingResult | None:
        """Return the recording once the line is left."""
        return self._recording

    async def _open_rtp(self) -> RtpSession:
        try:
            return await RtpSession.open(self._endpoint.address[0], self._ports)
        except NoPortsLeft as error:
            words = f"No RTP port is free ({error}). Widen DIALNEXA_RTP_PORTS or lower DIALNEXA_CAPACITY."
            raise NotConnected(Ending.FAILED, EndReason.SYSTEM_AT_CAPACITY, words) from error
        except OSError as error:
            words = f"This machine gave no socket for audio ({error}). Check its limit of open files (ulimit -n)."
            raise NotConnected(Ending.FAILED, EndReason.SYSTEM_AT_CAPACITY, words) from error

    async def _watch(self, dialog: Dialog, leg: Leg) -> None:
        """Enforce the leg's caps and notice the far end's goodbye, whichever is first."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.duration_s
        down = asyncio.ensure_future(dialog.ended())
        try:
            while not down.done():
                await asyncio.wait({down}, timeout=min(_WATCH_S, max(0.0, deadline - loop.time())))
                if down.done():
                    end = down.result()
                    self._settle(LineEnd(_ENDED_BY[end.by], end.reason))
                elif loop.time() >= deadline:
                    self._settle(LineEnd(EndedBy.CAP, f"The call reached its cap of {self._limits.duration_s:g} s."))
                    await dialog.hang_up()
                elif leg.silent_for_s >= self._limits.no_audio_s and not leg.held:
                    self._settle(LineEnd(EndedBy.LOST, _no_audio(self._limits.no_audio_s)))
                    await dialog.hang_up()
        finally:
            down.cancel()

    def _settle(self, end: LineEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _aim(self, remote: SessionDescription) -> None:
        """Send audio where the far end wants it, or hold."""
        rtp, leg = _there(self._rtp), _there(self._leg)
        audio, event = remote.audio, remote.telephone_event
        if leg.held and not remote.on_hold:
            leg.on_alive()  # nobody sends while on hold: the silence that counts begins now
        leg.held = remote.on_hold
        if audio and not remote.on_hold:
            leg.set_codec(G711(audio.name.upper()))
            rtp.connect(
                (remote.address, remote.port),
                payload_type=audio.payload_type,
                event_payload_type=event.payload_type if event else None,
            )

    def _renegotiate(self, offer: SessionDescription) -> SessionDescription:
        """Answer a re-INVITE: hold, resume, another address or codec. Raises ``NoCommonCodec``."""
        dialog = _there(self._dialog)
        answer = make_answer(offer, self._endpoint.advertised[0], _there(self._rtp).port, previous=dialog.local_sdp)
        self._aim(narrowed(offer, answer))
        return answer

    def _info(self, content_type: str, body: bytes) -> None:
        """Take keypad digits that come by INFO instead of RTP."""
        if self._listener and self._leg:
            for digit in digits_of(content_type, body):
                self._listener.on_digit(digit, self._leg.at)


class _Dial:
    """Calls out."""

    def __init__(self, endpoint: SipEndpoint, to: str, from_user: str, route: SipRoute, ring_s: float) -> None:
        self._endpoint = endpoint
        self._to = to
        self._from_user = from_user
        self._route = route
        self._ring_s = ring_s

    async def establish(self, host: str, rtp_port: int, on_ringing: Callable[[int], None]) -> Dialog:
        """Send the INVITE and wait for its answer, at most the ring time."""
        rang = False

        def progress(step: sip.Progress) -> None:
            nonlocal rang
            if step.status >= 180 and not rang:
                rang = True
                on_ringing(step.status)

        call = self._endpoint.dial(
            self._to,
            from_user=self._from_user,
            host=self._route.host,
            port=self._route.port,
            offer=make_offer(host, rtp_port),
            credentials=self._route.credentials,
        )
        try:
            async with asyncio.timeout(self._ring_s):
                return await call.answered(progress)
        except TimeoutError:
            raise (
                nobody_picked_up(self._ring_s) if rang else unreachable(self._route.host, self._route.port)
            ) from None
        except sip.CallRejected as refusal:
            raise refused(refusal) from refusal
        except sip.CallTimedOut:
            raise unreachable(self._route.host, self._route.port) from None

    def give_up(self) -> None:
        """Do nothing: cancelling ``establish`` has cancelled the INVITE."""


class _Answer:
    """Answers."""

    def __init__(self, incoming: IncomingCall) -> None:
        self._incoming = incoming

    async def establish(self, host: str, rtp_port: int, on_ringing: Callable[[int], None]) -> Dialog:
        """Ring, then accept with the first codec both speak; refuses with 488 when there is none."""
        self._incoming.ring()
        on_ringing(180)
        offer = self._incoming.offer
        try:
            answer = make_answer(offer, host, rtp_port) if offer else make_offer(host, rtp_port)
            return await self._incoming.accept(answer)
        except SdpError as error:
            self._incoming.reject(488)
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


def _no_audio(seconds: float) -> str:
    return f"No audio arrived for {seconds:g} s: the far end is gone, or a firewall blocks RTP."


_Part = TypeVar("_Part")


def _there(part: _Part | None) -> _Part:
    """Return a part that exists by now; anything else is misuse of the line's order."""
    if part is None:
        raise RuntimeError("the line is used before it is entered and connected")
    return part
