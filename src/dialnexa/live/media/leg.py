"""One call's audio: what goes out and what comes in at each tick. Passive: its phase calls it, it owns no task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, LineListener, Samples
from dialnexa.live.media.beds import Bed
from dialnexa.live.media.codec import SILENCE, Codec, encode, transcode
from dialnexa.live.media.coder import ear_of, mouth_of
from dialnexa.live.media.comfort_noise import ComfortNoise
from dialnexa.live.media.jitter import JitterBuffer
from dialnexa.live.media.key_account import KeyAccount
from dialnexa.live.media.keys import TONE_TICKS, KeyPresses
from dialnexa.live.media.playout import Playout, SpokenUtterance
from dialnexa.live.media.recorder import Recorder
from dialnexa.live.media.tones import keypad_tone
from dialnexa.live.outcome import RecordingResult

_LONGEST_GAP = 50
"""Frames (1 s); nothing for longer is a far end that pauses, not audio that got lost."""


class FrameTransport(Protocol):
    """What carries a leg's frames: an RTP session, a carrier's websocket. No method may block or raise."""

    @property
    def events(self) -> bool:
        """Whether the far end takes telephone-events; otherwise keys go out as tones."""
        ...

    def poll(self) -> None:
        """Hand everything that arrived since the last tick to the leg's ``on_frame`` and ``on_key``.

        Transports that push as data comes in do nothing here.
        """
        ...

    def send(self, payload: bytes, at: int, marker: bool) -> None:
        """Send a packet of 160 samples that start at ``at`` on the call clock; ``marker`` after the stream paused."""
        ...

    def send_event(self, digit: str, started_at: int, duration: int, end: bool, marker: bool) -> None:
        """Send one packet of a key press; ``duration`` in samples."""
        ...


class Leg:
    """One call in the media engine. Made by ``MediaEngine.open_leg``; its clock starts there."""

    def __init__(
        self,
        transport: FrameTransport,
        codec: Codec,
        recorder: Recorder | None,
        leave: Callable[[Leg], None],
        fmtp: str = "",
    ) -> None:
        self.codec = codec
        self.held = False
        """The peer put us on hold: nothing is sent, utterances wait."""
        self.listener: LineListener | None = None
        self._fmtp = fmtp
        self._mouth = mouth_of(codec, fmtp)
        self.hears = codec
        """The codec that arrives; nearly always the one we speak."""
        self._ear = ear_of(codec)
        self.jitter = self._ear.jitter if self._ear else JitterBuffer(codec.silence)
        self.decoded: Samples | None = None
        """This tick's frame, when what we hear is a codec with a memory."""
        self.missing = 0
        """Frames missing in a row, for concealment."""
        self.concealed = 0
        """Frames missing in the middle of the far end's audio, since the beginning."""
        self.noise: ComfortNoise | None = None
        """What to hear while the far end pauses on purpose."""
        self._resumed = True
        self._pausing = True
        self._late_before = 0
        self.complained = False
        """Whether its listener or its transport failed before: one log line is enough."""
        self._transport = transport
        self._recorder = recorder
        self._leave = leave
        self._playout = Playout(codec)
        self._keys = KeyPresses()
        self._tones: dict[str, bytes] = {}
        self._bed: Bed | None = None
        self._at = 0
        self._heard_at = 0
        self._marker = True
        self._sent = SILENCE[codec]
        self._pressed = KeyAccount()
        self._left = False
        self._closed = False

    # --- for the line -------------------------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The call clock: samples since the leg was opened, at the start of the next tick."""
        return self._at

    @property
    def silent_for_s(self) -> float:
        """Seconds since the last packet arrived; for the watchdog of a far end that vanished."""
        return max(0, self._at - self._heard_at) / SAMPLE_RATE

    @property
    def late(self) -> int:
        """Packets that came too late to be played."""
        return self._late_before + self.jitter.late

    def listen(self, listener: LineListener) -> None:
        """Send everything heard to this listener from the next tick on."""
        self.listener = listener

    def say(self) -> SpokenUtterance:
        """Open the next utterance; it plays once the ones before it are done."""
        return self._playout.say()

    def lay(self, bed: Bed | None) -> None:
        """Play a background beneath everything from the next tick on; ``None`` for silence."""
        self._bed = bed

    def press(self, digits: str) -> None:
        """Queue keypad digits; speech waits until they are sent. Raises ``ValueError`` for what no keypad has."""
        self._keys.press(digits)

    def set_codec(self, codec: Codec, fmtp: str = "") -> None:
        """Go on in another codec after a re-negotiation; what was not played yet is carried over.

        ``fmtp`` is how the far end wants it (RFC 4566 format parameters).
        """
        if codec is self.codec and fmtp == self._fmtp:
            return
        if self._recorder:
            self._recorder.flush(codec)
        self._sent = SILENCE[codec]
        self.codec, self._fmtp = codec, fmtp
        self._mouth = mouth_of(codec, fmtp)
        self._playout.recode(codec)
        self._tones.clear()
        self._hear_in(codec)

    def leave(self) -> None:
        """Leave the clock at once; idempotent."""
        if not self._left:
            self._left = True
            self._leave(self)

    async def close(self) -> RecordingResult | None:
        """Leave the clock and finish the recording; ``None`` when none was asked for, or when closed before."""
        if self._closed:
            return None
        self._closed = True
        self.leave()
        self.listener = None
        return await self._recorder.close() if self._recorder else None

    # --- for the transport --------------------------------------------------------------------------------------------

    def on_frame(self, payload: bytes, timestamp: int, ssrc: int = 0, codec: Codec | None = None) -> None:
        """Take one packet of audio of any duration; ``codec`` when it may not be the negotiated one.

        ``timestamp`` is RTP's, at the codec's own clock.
        """
        self._heard_at = self._at
        self._resumed = True
        if codec is not None and codec is not self.hears:
            if codec.has_memory or self.hears.has_memory:
                self._hear_in(codec)
            else:
                payload = transcode(payload, codec, self.hears)
        if self._ear is not None:
            self._ear.push(payload, timestamp, ssrc)
        else:
            self.jitter.push(payload, timestamp, ssrc)

    def on_key(self, digit: str) -> None:
        """Take one key press, reported once by the transport."""
        self._heard_at = self._at
        self._pressed.event(digit, self._at)

    def on_info_key(self, digit: str) -> None:
        """Take one key press that came with the signalling (SIP INFO)."""
        self._pressed.info(digit, self._at)

    def on_alive(self) -> None:
        """Note that something valid without audio arrived: what is missing now is a pause."""
        self._pausing = True
        self._heard_at = self._at

    def on_noise(self, payload: bytes) -> None:
        """Take the far end's description of its background (RFC 3389): it pauses until audio comes again."""
        self.on_alive()
        self._resumed = False
        if self.noise is None or self.noise.payload != payload:
            self.noise = ComfortNoise(payload)

    # --- for the phase ------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Fetch what arrived."""
        self._transport.poll()

    def transmit(self) -> None:
        """Send this tick's packet: a key, the agent's audio, or silence, so that the stream never stops."""
        if self.held:
            self._marker = True
            return
        if self._keys.busy:
            self._transmit_key()
            return
        payload = self._playout.take(self._at)
        if self._bed is not None:
            payload = self._bed.under(self.codec, payload, self._at)
        if payload is not None:
            self._sent = payload
        self._send()

    def take(self) -> bytes | None:
        """Return the frame heard in this tick, encoded; ``None`` when it is missing, or already ``decoded``."""
        if self._ear is not None:
            self.decoded = self._ear.take()
            self._count(self._ear.missing)
            return None
        payload = self.jitter.pop()
        self._count(0 if payload is not None else self.missing + 1)
        return payload

    def on_tone(self, digit: str) -> None:
        """Take a key heard in the audio."""
        self._pressed.sound(digit, self._at)

    def deliver(self, samples: Samples, voice: float | None, voice_lag: int) -> None:
        """End the tick: record it, tell the listener, move the clock."""
        at = self._at
        self._at = at + FRAME_SAMPLES
        if self._recorder:
            self._recorder.add(samples, self._sent)
        self._sent = SILENCE[self.codec]
        digits = self._pressed.due(at) if self._pressed.busy else ()
        listener = self.listener
        if listener is None:
            return
        listener.on_audio(samples, at)
        if voice is not None:
            listener.on_voice(voice, at + FRAME_SAMPLES - voice_lag)
        for digit in digits:
            listener.on_digit(digit, at)
        listener.on_tick(at)

    def _transmit_key(self) -> None:
        packet = self._keys.take(self._at)
        if packet is not None and self._transport.events:
            self._transport.send_event(
                packet.digit, packet.started_at, packet.duration, packet.end, packet.first or self._marker
            )
            self._marker = False
            return
        if packet is not None and packet.step < TONE_TICKS:
            start = packet.step * FRAME_SAMPLES
            width = self.codec.width
            self._sent = self._tone(packet.digit)[start * width : (start + FRAME_SAMPLES) * width]
        self._send()

    def _send(self) -> None:
        mouth = self._mouth
        self._transport.send(self._sent if mouth is None else mouth.encode(self._sent), self._at, self._marker)
        self._marker = False

    def _hear_in(self, codec: Codec) -> None:
        """Begin a new stream of this codec; what waits of the old one is given up."""
        if codec is self.hears and codec.has_memory:
            return
        self._late_before = self.late
        self.hears, self.decoded = codec, None
        self._ear = ear_of(codec)
        self.jitter = self._ear.jitter if self._ear else JitterBuffer(codec.silence)

    def _tone(self, digit: str) -> bytes:
        if digit not in self._tones:
            self._tones[digit] = encode(self.codec, keypad_tone(digit, TONE_TICKS * FRAME_SAMPLES / SAMPLE_RATE))
        return self._tones[digit]

    def _count(self, missing: int) -> None:
        """Note how many frames are missing in a row by now; a gap counts once it has ended."""
        if not missing:
            if 0 < self.missing <= _LONGEST_GAP and not self._pausing:
                self.concealed += self.missing
            self._pausing = False
            if self._resumed:
                self.noise = None
        self.missing = missing if self.noise is None else 0
