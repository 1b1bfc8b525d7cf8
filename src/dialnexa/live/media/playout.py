"""What the agent says, frame by frame. G.711 is encoded when pushed; a tick only slices bytes."""

from __future__ import annotations

from collections import deque

from dialnexa.live.line import FRAME_SAMPLES, Samples
from dialnexa.live.media.codec import SILENCE, Codec, ducked, encode, transcode


class SpokenUtterance:
    """One utterance on a leg; the ``Utterance`` of the line. Samples are kept at one width, so positions are exact."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._width = codec.width
        self._audio = bytearray()
        self._next = 0
        self._pushed = 0
        self._played = 0
        self._finished = False
        self._cut = False
        self._paused = False
        self._ducked = False
        self._started_at: int | None = None

    @property
    def pushed(self) -> int:
        """Samples pushed so far."""
        return self._pushed

    @property
    def played(self) -> int:
        """Samples that really left on the wire."""
        return self._played

    @property
    def started_at(self) -> int | None:
        """Call-clock position of the first sample played; ``None`` before that."""
        return self._started_at

    @property
    def done(self) -> bool:
        """Whether everything pushed before ``finish`` was played, or the utterance was cut."""
        return self._cut or (self._finished and self._played == self._pushed)

    def push(self, samples: Samples) -> None:
        """Append audio of any length; ignored after ``finish`` or ``cut``, when nobody can hear it any more."""
        if self._finished or self._cut:
            return
        self._audio += encode(self._codec, samples)
        self._pushed += len(samples)

    def finish(self) -> None:
        """Say that no more audio follows; the last frame is padded with silence."""
        self._finished = True

    def cut(self) -> int:
        """Drop what was not played yet and return the samples that were."""
        self._cut = self._cut or not self.done
        self._audio.clear()
        return self._played

    def trim(self, to: int) -> None:
        """Forget the audio after sample ``to``, but none that was played; more may be pushed."""
        kept = min(max(to, self._played), self._pushed)
        del self._audio[self._next + (kept - self._played) * self._width :]
        self._pushed = kept

    def pause(self) -> None:
        """Hold at the exact sample; silence goes out instead."""
        self._paused = True

    def resume(self) -> None:
        """Go on from the exact sample, at full volume."""
        self._paused = self._ducked = False

    def duck(self) -> None:
        """Play on at −12 dB."""
        self._paused, self._ducked = False, True

    def take(self, at: int) -> bytes | None:
        """Return the next 160 encoded samples as they go out at ``at``, or ``None`` when there is nothing to play now.

        Less than a frame waits for more audio unless the utterance is finished.
        """
        ready = self._pushed - self._played
        if self._paused or self._cut or not ready or (ready < FRAME_SAMPLES and not self._finished):
            return None
        width = self._width
        payload = bytes(self._audio[self._next : self._next + FRAME_SAMPLES * width])
        self._next += len(payload)
        self._played += min(ready, FRAME_SAMPLES)
        if self._started_at is None:
            self._started_at = at
        if self._ducked:
            payload = ducked(self._codec, payload)
        return payload if ready >= FRAME_SAMPLES else payload + SILENCE[self._codec][ready * width :]

    def recode(self, codec: Codec) -> None:
        """Go on in another codec after a re-negotiation."""
        self._audio = bytearray(transcode(bytes(self._audio), self._codec, codec))
        self._next = self._next // self._width * codec.width
        self._codec, self._width = codec, codec.width


class Playout:
    """The utterances of one leg, played strictly one after the other."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._queue: deque[SpokenUtterance] = deque()

    def say(self) -> SpokenUtterance:
        """Open the next utterance; it plays once the ones before it are done."""
        utterance = SpokenUtterance(self._codec)
        self._queue.append(utterance)
        return utterance

    def take(self, at: int) -> bytes | None:
        """Return the frame that goes out at ``at``; ``None`` means silence."""
        queue = self._queue
        while queue:
            if not queue[0].done:
                return queue[0].take(at)
            queue.popleft()
        return None

    def recode(self, codec: Codec) -> None:
        """Go on in another codec after a re-negotiation."""
        self._codec = codec
        for utterance in self._queue:
            utterance.recode(codec)
