"""The audio of one SIP call: its RTP session and its media leg, as the two session descriptions agreed on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dialnexa.live.line import SAMPLE_RATE, LineListener, NotConnected
from dialnexa.live.lines.encryption import KeyAgreement
from dialnexa.live.lines.quality import quality_of
from dialnexa.live.media import libopus
from dialnexa.live.media.codec import Codec
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.leg import Leg
from dialnexa.live.outcome import Ending, EndReason, MediaQuality, RecordingResult
from dialnexa.live.plan import Encryption
from dialnexa.live.rtp.ports import NoPortsLeft, PortRange
from dialnexa.live.rtp.session import RtpSession
from dialnexa.live.sip.messages.sdp import Codec as Format
from dialnexa.live.sip.messages.sdp import (
    Direction,
    NotAcceptable,
    SessionDescription,
    codecs_named,
    make_answer,
    make_offer,
    narrowed,
)


class CallAudio:
    """What a call hears and says. ``open`` before the INVITE or its answer, ``start`` once both sides have spoken."""

    def __init__(
        self,
        media: MediaEngine,
        ports: PortRange,
        *,
        bind: str,
        advertised: str,
        recording: Path | None,
        encryption: Encryption,
        codecs: Sequence[str] = (),
        keys_in_band: bool = False,
    ) -> None:
        """Take the address to bind to, and the one peers are told. ``keys_in_band``: keys go out as tones in any case.

        ``codecs`` are the trunk's own, best first, in offers and answers alike; without any all of ours are spoken, and
        the far end's order decides. Raises ``ValueError`` for a name that is none of ours.
        """
        self._formats = _spoken(codecs)
        self._ours_first = bool(codecs)
        self._media = media
        self._ports = ports
        self._bind = bind
        self._advertised = advertised
        self._recording = recording
        self._encryption = encryption
        self._keys_in_band = keys_in_band
        self._keys = KeyAgreement(encryption)
        self._listener: LineListener | None = None
        self._rtp: RtpSession | None = None
        self._leg: Leg | None = None
        self._early: Leg | None = None
        self._offered: SessionDescription | None = None
        self.expects_audio = True
        """Whether the far end has to send something: not while it has us on hold, or is muted (recvonly)."""

    # --- its life -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take a port. Raises ``NotConnected`` when there is none: a lack of them is an outcome, not a crash."""
        try:
            self._rtp = await RtpSession.open(self._bind, self._ports)
        except NoPortsLeft as error:
            words = f"No RTP port is free ({error}). Widen DIALNEXA_RTP_PORTS or lower DIALNEXA_CAPACITY."
            raise NotConnected(Ending.FAILED, EndReason.SYSTEM_AT_CAPACITY, words) from error
        except OSError as error:
            words = f"This machine gave no socket for audio ({error}). Check its limit of open files (ulimit -n)."
            raise NotConnected(Ending.FAILED, EndReason.SYSTEM_AT_CAPACITY, words) from error

    def start(self, local: SessionDescription, remote: SessionDescription) -> None:
        """Begin: the call is answered; ``local`` is what we said, ``remote`` the far end, narrowed to what we speak.

        Raises ``NotConnected`` when that leaves no codec, or no key where one is required.
        """
        rtp = self._session
        self._end_early()
        if remote.audio is None:
            raise NotConnected(
                Ending.FAILED, EndReason.ERROR, "The far end answered without an audio codec of ours.", 488
            )
        leg = self._leg = self._media.open_leg(
            rtp,
            codec=Codec(remote.audio.name.upper()),
            fmtp=remote.audio.fmtp,
            listener=self._listener,
            recording=self._recording,
        )
        rtp.attach(leg)
        try:
            self.follow(local, remote)
        except NotAcceptable as error:
            raise NotConnected(Ending.FAILED, EndReason.ERROR, f"No call without encryption: {error}.", 488) from error

    def hear_early(self, remote: SessionDescription, listener: LineListener) -> None:
        """Let somebody listen to what the far end sends before its answer; ``remote`` came with a provisional one.

        Silence is sent meanwhile, so that the way back through a NAT is open. Repeat when it changes its mind or
        another fork speaks. What cannot be heard (no codec, no key) is not: the answer decides.
        """
        if remote.audio is None or remote.rejected or self._offered is None:
            return
        leg = self._early
        if leg is None:
            codec, fmtp = Codec(remote.audio.name.upper()), remote.audio.fmtp
            leg = self._early = self._media.open_leg(self._session, codec=codec, fmtp=fmtp, listener=listener)
            self._session.attach(leg)
        try:
            self._aim(leg, self._offered, remote)
        except NotAcceptable:
            self._end_early()

    def _end_early(self) -> None:
        if self._early:
            self._early.leave()
            self._early = None

    def release(self) -> None:
        """Give the port back at once; idempotent."""
        if self._rtp:
            self._rtp.close()

    async def close(self) -> RecordingResult | None:
        """Leave the media clock and finish the recording; ``None`` when there is none."""
        self._end_early()
        self.release()
        self._listener = None
        return await self._leg.close() if self._leg else None

    # --- what is agreed with the far end ------------------------------------------------------------------------------

    def offer(self) -> SessionDescription:
        """Return what we offer."""
        self._offered = self._keys.offered(make_offer(self._advertised, self._session.port, codecs=self._formats))
        return self._offered

    def answer(self, offer: SessionDescription, previous: SessionDescription | None = None) -> SessionDescription:
        """Return our answer; ``previous`` is what we said last in the same call. Raises ``SdpError``."""
        return self.answer_with(self._keys, offer, previous)

    def answer_with(
        self, keys: KeyAgreement, offer: SessionDescription, previous: SessionDescription | None = None
    ) -> SessionDescription:
        """Return our answer to somebody with whom these keys are agreed on. Raises ``SdpError``."""
        offer, crypto = keys.choose(offer)
        return make_answer(
            offer,
            self._advertised,
            self._session.port,
            codecs=self._formats,
            ours_first=self._ours_first,
            previous=previous,
            crypto=crypto,
        )

    def renegotiate(self, offer: SessionDescription, previous: SessionDescription) -> SessionDescription:
        """Answer a re-INVITE and follow it: hold, resume, another address or codec. Raises ``SdpError``."""
        answer = self.answer(offer, previous)
        self.follow(answer, narrowed(offer, answer))
        return answer

    def follow(self, local: SessionDescription, remote: SessionDescription) -> None:
        """Send audio where the far end wants it and encrypted as agreed, or hold. Raises ``NotAcceptable``.

        ``local`` is what we said last, ``remote`` the far end, whoever of them offered.
        """
        self._aim(self.leg, local, remote)

    def elsewhere(self) -> AudioMove:
        """Prepare to go on with somebody else; until the move is made nothing changes."""
        return AudioMove(self, KeyAgreement(self._encryption))

    def offer_with(self, keys: KeyAgreement) -> SessionDescription:
        """Return an offer of this audio to somebody else, with keys of its own: the far end now knows the others."""
        return keys.offered(make_offer(self._advertised, self._session.port, codecs=self._formats))

    def move(self, keys: KeyAgreement, local: SessionDescription, remote: SessionDescription) -> None:
        """Go on with somebody else: same port, clock, listener and recording. Raises ``NotAcceptable``, unmoved."""
        keys.agreed(local, remote)
        self._keys = keys
        self.leg.on_alive()
        self.follow(local, remote)

    def _aim(self, leg: Leg, local: SessionDescription, remote: SessionDescription) -> None:
        rtp = self._session
        rtp.secure(self._keys.agreed(local, remote))
        audio, event = remote.audio, remote.telephone_event
        expects = not remote.on_hold and remote.direction is not Direction.RECVONLY
        if expects and not self.expects_audio:
            leg.on_alive()  # nobody sends while on hold or muted: the silence that counts begins now
        self.expects_audio = expects
        leg.held = remote.on_hold
        if audio and not remote.on_hold:
            leg.set_codec(Codec(audio.name.upper()), audio.fmtp)
            rtp.connect(
                (remote.address, remote.port),
                payload_type=audio.payload_type,
                event_payload_type=event.payload_type if event and not self._keys_in_band else None,
                clock_rate=audio.rate,
                event_clock_rate=event.rate if event else SAMPLE_RATE,
                arriving=_arriving(local, remote),
                rtcp_port=remote.rtcp_port,
                rtcp_mux=local.rtcp_mux and remote.rtcp_mux,
            )

    # --- for the line -------------------------------------------------------------------------------------------------

    @property
    def leg(self) -> Leg:
        """The leg in the media engine, once started."""
        if self._leg is None:
            raise RuntimeError("the call's audio is used before it was started")
        return self._leg

    def listen(self, listener: LineListener) -> None:
        """Send everything heard to this listener."""
        self._listener = listener
        if self._leg:
            self._leg.listen(listener)

    @property
    def takes_events(self) -> bool:
        """Whether keys go by RFC 4733."""
        return self._session.events

    def press(self, keys: str) -> None:
        """Send keys with the audio: by RFC 4733 where agreed on, else as tones."""
        self.leg.press(keys)

    def quality(self) -> MediaQuality | None:
        """Return how good the audio has been so far; ``None`` when the call was never up."""
        if self._rtp is None or self._leg is None:
            return None
        return quality_of(self._rtp, self._leg)

    @property
    def _session(self) -> RtpSession:
        if self._rtp is None:
            raise RuntimeError("the call's audio is used before it was opened")
        return self._rtp


class AudioMove:
    """The audio of a call on its way to somebody else."""

    def __init__(self, audio: CallAudio, keys: KeyAgreement) -> None:
        self._audio = audio
        self._keys = keys

    def offer(self) -> SessionDescription:
        """Return what somebody else is offered."""
        return self._audio.offer_with(self._keys)

    def answer(self, offer: SessionDescription, previous: SessionDescription | None = None) -> SessionDescription:
        """Return the answer to somebody else's offer. Raises ``SdpError``."""
        return self._audio.answer_with(self._keys, offer, previous)

    def hear_early(self, remote: SessionDescription, listener: LineListener) -> None:
        """Leave ringing tones unheard: until the answer the audio is the far end's."""

    def make(self, local: SessionDescription, remote: SessionDescription) -> None:
        """Move. Raises ``NotAcceptable`` when it cannot be; the audio then goes on as it was."""
        self._audio.move(self._keys, local, remote)


def _spoken(names: Sequence[str]) -> tuple[Format, ...]:
    """Return the formats by these names; Opus is left out where its library is missing."""
    formats = codecs_named(names)
    if libopus.available():
        return formats
    return tuple(spoken for spoken in formats if spoken.rate == SAMPLE_RATE)


def _arriving(local: SessionDescription, remote: SessionDescription) -> dict[int, Codec | None]:
    """Return what the payload numbers of arriving packets mean: by our description, else by the far end's."""
    meanings: dict[int, Codec | None] = {}
    for spoken in (*local.codecs, *remote.codecs):
        if spoken.is_event or spoken.is_speech:
            meanings.setdefault(spoken.payload_type, None if spoken.is_event else Codec(spoken.name.upper()))
    return meanings
