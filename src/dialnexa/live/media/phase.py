"""A quarter of the worker's calls, taken through one tick together: send, receive, decode, judge, tell."""

from __future__ import annotations

import numpy as np
import structlog
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES
from dialnexa.live.media.codec import SILENCE, Codec
from dialnexa.live.media.dtmf import KeypadEar
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.plc import HISTORY_FRAMES, Concealer
from dialnexa.live.media.vad import Silero, VoiceEar

log = structlog.get_logger(__name__)

_SCALE = np.float32(1 / 32768)


class Phase:
    """The legs that tick together. Row *i* of every array belongs to ``legs[i]``."""

    def __init__(self, model: Silero | None) -> None:
        self.legs: list[Leg] = []
        self._voice = VoiceEar(model) if model else None
        self._keypad = KeypadEar()
        self._concealer = Concealer[Leg]()
        self._past = [np.zeros((0, FRAME_SAMPLES), np.int16)] * HISTORY_FRAMES
        """What was heard in the last ticks, oldest first."""
        self._cycle: int | None = None

    def add(self, leg: Leg) -> None:
        """Take a leg in; it ticks from the next cycle on."""
        self.legs.append(leg)
        nothing = np.zeros((1, FRAME_SAMPLES), np.int16)
        self._past = [np.vstack((frames, nothing)) for frames in self._past]
        self._keypad.add()
        if self._voice:
            self._voice.add()

    def remove(self, leg: Leg) -> None:
        """Let a leg go; the last one takes its row."""
        row = self.legs.index(leg)
        self.legs[row] = self.legs[-1]
        self.legs.pop()
        past = [frames.copy() for frames in self._past]  # listeners may still hold views of the old ones
        for frames in past:
            frames[row] = frames[-1]
        self._past = [frames[:-1] for frames in past]
        self._concealer.forget(leg)
        self._keypad.remove(row)
        if self._voice:
            self._voice.remove(row)

    def run(self, cycle: int) -> None:
        """Tick every leg up to this cycle.

        Cycles skipped by a stall are heard, recorded and delivered one by one, but nothing is sent for them: a burst
        would only overflow the far end's buffer. Speech goes on where it stopped.
        """
        missed = 0 if self._cycle is None else cycle - self._cycle - 1
        self._cycle = cycle
        if not self.legs:
            return
        for behind in range(missed, 0, -1):
            self._lag(behind)
            self._receive()
        if missed:
            self._lag(0)
        for leg in self.legs:
            try:
                leg.transmit()
            except Exception:  # one call's broken transport must not cost the others their packet
                if _first(leg):
                    log.exception("media.transmit_failed", at=leg.at)
        self._receive()

    def _lag(self, ticks: int) -> None:
        """Tell the legs how far behind the clock they are, for everything that came meanwhile comes at once now."""
        for leg in self.legs:
            leg.jitter.behind = ticks

    def _receive(self) -> None:
        legs = self.legs
        for leg in legs:
            try:
                leg.poll()
            except Exception:  # nor what arrived
                if _first(leg):
                    log.exception("media.poll_failed", at=leg.at)
        frames = self._decode([leg.take() for leg in legs])
        self._past = [*self._past[1:], frames]
        wave = frames * _SCALE
        heard = self._voice.feed(wave) if self._voice else None
        for row, digit in self._keypad.feed(wave):
            legs[row].on_tone(digit)
        lag = heard[1] if heard else 0
        voices = heard[0].tolist() if heard else [None] * len(legs)
        for leg, samples, voice in zip(legs.copy(), frames, voices, strict=True):
            try:
                leg.deliver(samples, voice, lag)
            except Exception:  # one call's broken listener must not stop the clock of all the others
                if _first(leg):
                    log.exception("media.listener_failed", at=leg.at)

    def _decode(self, payloads: list[bytes | None]) -> NDArray[np.int16]:
        """Return the samples of all rows, missing frames concealed; read-only, because listeners share it."""
        legs = self.legs
        silent = SILENCE[Codec.PCMU]
        encoded = np.frombuffer(b"".join([p or silent for p in payloads]), np.uint8).reshape(-1, FRAME_SAMPLES)
        frames = Codec.PCMU.expansion[encoded]
        a_law = [row for row, leg in enumerate(legs) if leg.hears is Codec.PCMA and payloads[row] is not None]
        if a_law:
            frames[a_law] = Codec.PCMA.expansion[encoded[a_law]]
        missing: list[int] = []
        for row, payload in enumerate(payloads):
            if payload is None:
                decoded = legs[row].decoded
                if decoded is None:
                    missing.append(row)
                else:
                    frames[row] = decoded
        if missing or self._concealer.gaps:
            self._conceal(frames, missing)
        frames.flags.writeable = False
        return frames

    def _conceal(self, frames: NDArray[np.int16], missing: list[int]) -> None:
        """Fill the missing rows with what might have been, or the noise of a pause; join the others to their gaps."""
        legs, concealer = self.legs, self._concealer
        for leg in concealer.gaps - {legs[row] for row in missing}:
            row = legs.index(leg)
            frames[row] = concealer.join(leg, frames[row])
        begun = [row for row in missing if legs[row].missing == 1]
        if begun:
            history = np.hstack([past[begun] for past in self._past])
            concealer.begin([legs[row] for row in begun], history)
        for row in missing:
            noise = legs[row].noise
            filled = concealer.fill(legs[row]) if noise is None else noise.take()
            if filled is not None:
                frames[row] = filled


def _first(leg: Leg) -> bool:
    """Tell whether this is a leg's first accident: it would be logged fifty times a second."""
    first, leg.complained = not leg.complained, True
    return first
