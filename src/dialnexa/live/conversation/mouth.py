"""The mouth of one call: text goes to the voice, its audio to the line, and what left on the wire to the ledger."""

from __future__ import annotations

import asyncio
from collections import deque

from dialnexa.live.conversation.events import (
    MouthFailed,
    PlayoutFinished,
    PlayoutResumed,
    PlayoutStalled,
    PlayoutStarted,
)
from dialnexa.live.conversation.ledger import AgentTurn, Stretch
from dialnexa.live.conversation.wiring import Wiring
from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Line, Samples, Utterance
from dialnexa.live.plan import Voice
from dialnexa.live.speech.ports import PhraseLookedUp, Speech, SpeechError, Spoken, Tts, TtsEvent, TtsStream, Word
from dialnexa.live.timeline import AudioCacheUsed, TurnSpoken

_PER_MS = SAMPLE_RATE // 1000


class Mouth:
    """Speaks one agent turn at a time; each is one utterance on the line."""

    def __init__(
        self,
        line: Line,
        tts: Tts,
        voice: Voice,
        wiring: Wiring,
    ) -> None:
        self._line = line
        self._tts = tts
        self._voice = voice
        self._tell = wiring.tell
        self._emit = wiring.emit
        self._now = wiring.now
        self._spawn = wiring.spawn
        self._task: asyncio.Task[None] | None = None
        self._stream: TtsStream | None = None
        self._owed: deque[Stretch] = deque()
        self._reply = 0
        self._turn: AgentTurn | None = None
        self._utterance: Utterance | None = None
        self._complete = False
        self._held = False
        self._stalled = False
        self._played = 0
        self._end = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._looked_up: list[PhraseLookedUp] = []
        self.characters = 0
        """How many the voice was given to speak."""

    # --- for the conversation -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect the voice; text is kept until it is there."""
        self._task = self._spawn(self._run())

    def restart(self) -> None:
        """Connect the voice anew; it speaks what it still owes."""
        if self._task is not None:
            self._task.cancel()
        self._stream = None
        self.start()

    def begin(self, reply: int, turn: AgentTurn) -> None:
        """Start speaking an agent turn."""
        self._reply, self._turn, self._utterance = reply, turn, None
        self._complete = self._held = self._stalled = False
        self._played = self._end = 0

    def speak(self, reply: int, text: str, *, filler: bool = False) -> None:
        """Speak a clause; ignored when that turn is over already, or when there is nothing to pronounce."""
        if reply != self._reply or self._turn is None or self._complete or not any(c.isalnum() for c in text):
            return
        stretch = self._turn.add(text, filler=filler)
        self._turn.stage("first_clause", self._now())
        self._owed.append(stretch)
        self._push(stretch)

    def finish(self, reply: int) -> None:
        """Say that the turn has no more text; ``PlayoutFinished`` follows once the last sample left."""
        if reply == self._reply and self._turn is not None and not self._complete:
            self._complete = True
            self._maybe_done()

    def cache_use(self) -> AudioCacheUsed | None:
        """Return how the voice's cache was used; ``None`` for a voice that has none."""
        if not self._voice.cached:
            return AudioCacheUsed("disabled")
        lookups = len(self._looked_up)
        hits = sum(each.hit for each in self._looked_up)
        new = sum(each.kept for each in self._looked_up)
        return AudioCacheUsed("enabled", lookups, hits, lookups - hits, new, hits / lookups) if lookups else None

    def hold(self) -> None:
        """Let nothing of the turn out until ``release``."""
        self._held = True
        if self._utterance is not None:
            self._utterance.pause()

    def release(self) -> None:
        """Go on from the exact sample."""
        self._held = False
        if self._utterance is not None:
            self._utterance.resume()

    async def said(self) -> None:
        """Wait until everything said so far was played, or cut."""
        if self._speaking():
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def give_way(self) -> None:
        """Say nothing more in this turn: somebody else speaks on the line."""
        self._owed.clear()
        if self._utterance is not None:
            self._utterance.finish()

    def stop_filler(self, reply: int) -> None:
        """End a filler with the word it is at, if it is the last that was said; nothing else is touched."""
        stretches = self._turn.stretches if self._turn is not None and reply == self._reply else []
        if not stretches or not stretches[-1].filler or (self._owed and self._owed[0] is not stretches[-1]):
            return
        filler = stretches[-1]
        if self._owed:
            self._owed.clear()
            if self._stream is not None:
                self._stream.cancel()
        if self._turn is not None:
            end = self._turn.shorten(filler, self._played)
            if self._utterance is not None and filler.start is not None:
                self._utterance.trim(end)

    def cut(self) -> TurnSpoken | None:
        """Stop at this sample and return what was heard of the turn."""
        if self._turn is None:
            return None
        if self._stream is not None:
            self._stream.cancel()
        self._owed.clear()
        if self._utterance is not None:
            self._played = self._utterance.cut()
        return self._close(interrupted=True)

    def on_tick(self, at: int) -> None:
        """Follow the utterance; call it after every tick. Cheap when the agent is silent."""
        if self._waiting and not self._speaking():
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                if not each.done():
                    each.set_result(None)
        utterance = self._utterance
        if utterance is None:
            return
        played = utterance.played
        if played != self._played:
            self._moved(utterance, played, at)
        elif self._played and not self._stalled and not self._held and played == utterance.pushed:
            self._stalled = not utterance.done
            if self._stalled:
                self._tell(PlayoutStalled(self._now(), self._reply))
        if utterance is self._utterance and utterance.done:
            self._finished()

    def _speaking(self) -> bool:
        utterance = self._utterance
        return bool(self._owed) or (
            utterance is not None and not utterance.done and utterance.played < utterance.pushed
        )

    # --- playing ------------------------------------------------------------------------------------------------------

    def _moved(self, utterance: Utterance, played: int, at: int) -> None:
        first = self._played == 0
        self._played = played
        contiguous = (utterance.started_at or 0) + played
        self._end = contiguous if at < contiguous <= at + FRAME_SAMPLES else at + FRAME_SAMPLES
        if first and self._turn is not None:
            self._turn.stage("first_packet", (utterance.started_at or at) // _PER_MS)
            self._tell(PlayoutStarted(self._now(), self._reply))
        elif self._stalled:
            self._stalled = False
            self._tell(PlayoutResumed(self._now(), self._reply))

    def _maybe_done(self) -> None:
        if not self._complete or self._owed:
            return
        if self._utterance is None:
            self._finished()
        else:
            self._utterance.finish()

    def _finished(self) -> None:
        reply = self._reply
        self._close(interrupted=False)
        self._tell(PlayoutFinished(self._now(), reply))

    def _close(self, *, interrupted: bool) -> TurnSpoken | None:
        turn, utterance = self._turn, self._utterance
        self._turn = self._utterance = None
        self._reply = 0
        if turn is None:
            return None
        started = (utterance.started_at if utterance is not None else None) or 0
        end = max(self._end, started)
        spoken = turn.close(self._played, started // _PER_MS, end // _PER_MS, interrupted=interrupted)
        if spoken is not None:
            self._emit(spoken)
        return spoken

    # --- the voice ----------------------------------------------------------------------------------------------------

    def _push(self, stretch: Stretch) -> None:
        if self._stream is not None:
            self._stream.push(stretch.text)
            self.characters += len(stretch.text)
            self._stream.flush()

    async def _run(self) -> None:
        """Serve one stream of the voice; ``restart`` makes the next."""
        detail = "The voice engine closed its stream."
        try:
            async with self._tts.open(self._voice) as stream:
                self._connected(stream)
                try:
                    async for event in stream.events():
                        self._take(event)
                finally:
                    self._stream = None if self._stream is stream else self._stream
                    self._task = None if self._task is asyncio.current_task() else self._task
        except SpeechError as error:
            detail = str(error)
        self._tell(MouthFailed(self._now(), detail))

    def _connected(self, stream: TtsStream) -> None:
        self._stream = stream
        owed, self._owed = self._owed, deque()
        for stretch in owed:
            rest = stretch if stretch.start is None else self._remainder(stretch)
            if rest is not None:
                self._owed.append(rest)
                self._push(rest)
        self._maybe_done()

    def _remainder(self, stretch: Stretch) -> Stretch | None:
        """Close a stretch whose audio broke off, and return the words it still owes."""
        return self._turn.split(stretch) if self._turn is not None else None

    def _take(self, event: TtsEvent) -> None:
        if isinstance(event, PhraseLookedUp):
            self._looked_up.append(event)
            return
        if not self._owed or self._turn is None:
            return
        stretch = self._owed[0]
        match event:
            case Speech():
                self._play(stretch, event.samples)
            case Word():
                stretch.marks.append((event.text_start, event.text_end, event.sample))
            case Spoken():
                stretch.complete = True
                self._owed.popleft()
                self._maybe_done()

    def _play(self, stretch: Stretch, samples: Samples) -> None:
        if self._utterance is None:
            self._utterance = self._line.say()
            if self._held:
                self._utterance.pause()
            if self._turn is not None:
                self._turn.stage("tts_first_audio", self._now())
        if stretch.start is None:
            stretch.start = self._utterance.pushed
        self._utterance.push(samples)
        stretch.samples += len(samples)
