"""The ears of one call: what the line hears goes to the recogniser, what it understands comes back as events."""

from __future__ import annotations

from collections import deque

from dialnexa.live.conversation.events import EarsLost, FinalHeard, PartialHeard
from dialnexa.live.conversation.wiring import Wiring
from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.media import denoiser
from dialnexa.live.media.denoiser import Denoiser
from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.ports import Expectation, Final, Partial, SpeechError, SteppedIn, Stt, SttStream
from dialnexa.live.timeline import Trouble

_PRE_ROLL_MS = 300
"""Audio before the first voiced window that a recogniser fed with speech only gets as well."""
_RING_FRAMES = 40
"""800 ms: the pre-roll, and the time the VAD takes to be sure."""
_WAITING_FRAMES = 500
"""10 s of audio kept while the recogniser is being connected."""
_FAILURES = 3
"""After so many failures without a word between them the recogniser is given up."""


class Ears:
    """Feeds one recogniser stream and opens it anew when it breaks. Audio calls never block."""

    def __init__(
        self,
        stt: Stt,
        settings: Transcriber,
        wiring: Wiring,
    ) -> None:
        self._stt = stt
        self._settings = settings
        self._tell = wiring.tell
        self._emit = wiring.emit
        self._now = wiring.now
        self._spawn = wiring.spawn
        self._continuous = stt.capabilities.continuous
        self._ring: deque[tuple[int, Samples]] = deque(maxlen=_RING_FRAMES)
        self._waiting: deque[Samples | None] = deque(maxlen=_WAITING_FRAMES)
        self._denoiser = Denoiser() if settings.denoised and denoiser.available() else None
        """Hears everything, the pauses too: there it learns what noise is."""
        self._open = False
        self._stream: SttStream | None = None
        self._expectation: Expectation | None = None
        self._owed = 0
        """Finals asked of the present stream and not received."""
        self._failures = 0
        self._sent = 0
        self._excuse = ""
        self.fallback = ""
        """Which other recogniser was asked, if any."""
        self.fallback_ms = 0
        """How much audio that one was sent."""

    @property
    def sent_ms(self) -> int:
        """How much audio the recogniser was sent."""
        return self._sent * 1000 // SAMPLE_RATE

    def start(self) -> None:
        """Connect the recogniser; audio is kept until it is there."""
        if self._settings.denoised and self._denoiser is None:
            self._emit(Trouble("ears", "Noise is not removed: this system has no package of pyspeex-noise."))
        self._spawn(self._run())

    def on_audio(self, samples: Samples, at: int) -> None:
        """Take a frame of the caller's audio that starts at ``at`` (samples)."""
        if self._denoiser is not None:
            samples = self._denoiser.clean(samples)
        if self._continuous or self._open:
            self._send(samples)
        else:
            self._ring.append((at, samples))

    def speech_began(self, since_ms: int) -> None:
        """The caller speaks since then: from now on every frame goes to the recogniser."""
        if self._continuous or self._open:
            return
        self._open = True
        first = (since_ms - _PRE_ROLL_MS) * SAMPLE_RATE // 1000
        for at, samples in self._ring:
            if at >= first:
                self._send(samples)
        self._ring.clear()

    def finalize(self) -> None:
        """The caller fell silent: ask for the final of what was sent."""
        self._open = False
        if self._stream is not None:
            self._ask_final(self._stream)
        else:
            self._keep(None)

    def expect(self, expectation: Expectation) -> None:
        """Tell the recogniser what will probably be said next."""
        self._expectation = expectation
        if self._stream is not None:
            self._stream.expect(expectation)

    def _send(self, samples: Samples) -> None:
        if self._stream is not None:
            self._stream.send(samples)
            self._sent += len(samples)
        else:
            self._keep(samples)

    def _keep(self, samples: Samples | None) -> None:
        """Keep audio for a recogniser that is being connected; a final that drops out of the back was nothing."""
        if len(self._waiting) == _WAITING_FRAMES and self._waiting.popleft() is None:
            self._nothing()
        self._waiting.append(samples)

    def _ask_final(self, stream: SttStream) -> None:
        self._owed += 1
        stream.finalize()

    def _nothing(self) -> None:
        """Answer a final that will never come: a turn that waits for it would wait in vain."""
        self._tell(FinalHeard(self._now(), ""))

    async def _run(self) -> None:
        while True:
            detail = await self._listen()
            owed, self._owed = self._owed, 0
            for _ in range(owed):
                self._nothing()
            self._failures += 1
            if self._failures >= _FAILURES:
                break
            self._emit(Trouble("ears", f"{detail} Connecting again."))
        self._tell(EarsLost(self._now(), "The recogniser is lost; the call goes on without it, by keypad only."))

    async def _listen(self) -> str:
        """Serve one stream until it breaks; return why."""
        try:
            async with self._stt.open(self._settings) as stream:
                self._connected(stream)
                async for event in stream.events():
                    self._heard(event)
        except SpeechError as error:
            return str(error)
        finally:
            self._stream = None
        return "The recogniser closed its stream."

    def _connected(self, stream: SttStream) -> None:
        self._stream = stream
        if self._expectation is not None:
            stream.expect(self._expectation)
        while self._waiting:
            samples = self._waiting.popleft()
            if samples is None:
                self._ask_final(stream)
            else:
                stream.send(samples)
                self._sent += len(samples)

    def _heard(self, event: Partial | Final | SteppedIn) -> None:
        if isinstance(event, Partial):
            self._tell(PartialHeard(self._now(), event.text))
        elif isinstance(event, SteppedIn):
            self._stepped_in(event)
        else:
            self._owed = max(0, self._owed - 1)
            self._failures = 0
            self._tell(FinalHeard(self._now(), event.text, event.confidence, event.engine, event.matched))

    def _stepped_in(self, event: SteppedIn) -> None:
        """Note that another recogniser was asked; the same reason is told once."""
        self.fallback = event.by or self.fallback
        self.fallback_ms += event.heard_ms
        if event.why != self._excuse:
            self._excuse = event.why
            self._emit(Trouble("ears", event.why))
