"""The driver of a conversation: wires line, turn machine, ears, mouth and mind, and does what the machine says.

It lives on the line's callbacks: nothing here runs on a timer of its own, and between two events nothing runs at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from weakref import proxy

import structlog

from dialnexa.kit.weak import weakly
from dialnexa.live.conversation.actions import (
    AbandonReply,
    Action,
    CancelTool,
    CommitTurn,
    CutAgent,
    EnableKeypad,
    FinalizeStt,
    HangUp,
    HoldAgent,
    NoteAside,
    NoteDigits,
    NoteInaudible,
    NoteVoicemail,
    ReleaseAgent,
    Report,
    RestartVoice,
    RetryReply,
    Say,
    SayBackchannel,
    SayFiller,
    SpeakReminder,
    StartReply,
    StopFiller,
)
from dialnexa.live.conversation.agent import Agent
from dialnexa.live.conversation.backchannels import Backchannels
from dialnexa.live.conversation.ears import Ears
from dialnexa.live.conversation.events import (
    BeepHeard,
    Began,
    DigitPressed,
    Event,
    HoldBegan,
    HoldEnded,
    LineEnded,
    TickReached,
    VoiceStarted,
)
from dialnexa.live.conversation.flow.mind import guided_by_graph
from dialnexa.live.conversation.functions import FunctionRunner, Functions
from dialnexa.live.conversation.knowledge import Library
from dialnexa.live.conversation.ledger import AgentTurn, Ledger
from dialnexa.live.conversation.machine import TurnMachine
from dialnexa.live.conversation.mouth import Mouth
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.transfer import CallTransfer
from dialnexa.live.conversation.voice import VoiceDetector, VoiceSettings
from dialnexa.live.conversation.voicemail import GREETING
from dialnexa.live.conversation.wiring import Wiring
from dialnexa.live.conversation.words import as_sentences
from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Line, Samples
from dialnexa.live.media.tones import BeepDetector
from dialnexa.live.outcome import Ending, EndReason, Used
from dialnexa.live.plan import CallPlan
from dialnexa.live.speech.ports import Expectation, Providers
from dialnexa.live.timeline import (
    DigitsPressed,
    Happening,
    Interrupted,
    SilenceReminder,
    Trouble,
    TurnSpoken,
    VoicemailDetected,
)

_log = structlog.get_logger(__name__)

_PER_MS = SAMPLE_RATE // 1000


@dataclass(frozen=True)
class ConversationResult:
    """How a conversation ended, and what was really said."""

    ending: Ending
    reason: EndReason
    turns: tuple[TurnSpoken, ...]
    detail: str = ""
    collected: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a flow learned."""
    used: Used = field(default_factory=Used)


class Conversation:
    """One conversation over one line; a ``LineListener``. ``run`` it once; ``result`` is there whatever happens."""

    def __init__(
        self,
        plan: CallPlan,
        line: Line,
        speech: Providers,
        emit: Callable[[Happening], None],
        *,
        functions: FunctionRunner | None = None,
        library: Library | None = None,
    ) -> None:
        agent = self._plan = plan.agent
        self._line = line
        self._emit = emit
        self._formatted = agent.transcriber.formatted
        self._ledger = Ledger()
        settings = TurnSettings.of(plan)
        self._machine = TurnMachine(settings)
        self._voice = VoiceDetector(
            VoiceSettings(lasting_ms=settings.interrupt_ms, breath_ms=settings.listener.breath_ms)
        )
        self._beep = BeepDetector() if settings.screen else None
        # The parts do not keep the conversation alive: a call that is over is freed at once, not by the collector.
        wiring = Wiring(weakly(self._tell), emit, now=weakly(self._clock), spawn=weakly(self._spawn))
        self._ears = Ears(speech.stt(agent.transcriber), agent.transcriber, wiring)
        self._mouth = Mouth(line, speech.tts(agent.voice), agent.voice, wiring)
        self._backchannels = Backchannels(settings.listener.words, line, speech.tts(agent.voice), agent.voice, wiring)
        self._transfer = CallTransfer(
            line, emit=emit, said=self._mouth.said, give_way=self._mouth.give_way, back=proxy(self)
        )
        self._functions = Functions(
            agent.functions,
            press=line.press,
            emit=emit,
            runner=functions,
            transfer=self._transfer.run,
            web=plan.channel == "web",
        )
        self._agent = Agent(
            agent,
            guided_by_graph(agent, speech.llm(agent)),
            wiring,
            functions=self._functions,
            ledger=self._ledger,
            mouth=self._mouth,
            expect=weakly(self._expect),
            library=library,
        )
        self._turn: AgentTurn | None = None
        self._now = 0
        self._held = False
        self._events: deque[Event] = deque()
        self._telling = False
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._end = HangUp(Ending.COMPLETED, EndReason.USER_DISCONNECTED)

    async def run(self) -> ConversationResult:
        """Hold the conversation until it ends itself; cancel it when the line went down.

        The line is left as it is: whoever opened it hangs up. Everything started here has ended on return.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                self._line.listen(self)
                if (background := self._plan.background) is not None:
                    self._spawn(self._line.underlay(background))
                if self._machine.settings.screen:
                    self._expect(GREETING)
                self._ears.start()
                self._mouth.start()
                self._tell(Began(self._now))
                try:
                    await self._over.wait()
                finally:
                    self._close()
        except* Exception as errors:  # noqa: BLE001
            # A bug in an adapter must cost this call only, and leave a result.
            _log.exception("conversation broke", errors=[repr(error) for error in errors.exceptions])
            self._end = HangUp(Ending.FAILED, EndReason.ERROR, f"Internal error: {errors.exceptions[0]!r}")
        return self.result()

    def _close(self) -> None:
        """Settle what was said last, and stop everything."""
        self._tell(LineEnded(self._now))
        self._over.set()
        if (use := self._mouth.cache_use()) is not None:
            self._emit(use)
        for task in self._tasks:
            task.cancel()

    def result(self) -> ConversationResult:
        """Return how it ended and what was said so far; good at any time, also after cancellation.

        While nothing else is known, the far end hung up.
        """
        end, told = self._end, dict(self._agent.collected)
        turns = self._ledger.turns()
        return ConversationResult(end.ending, end.reason, turns, end.detail, told, self._used())

    def _used(self) -> Used:
        """Return what of ears, mouth and mind was used so far."""
        agent, tokens = self._plan, self._agent.tokens
        return Used(
            stt=agent.transcriber.id,
            stt_ms=self._ears.sent_ms,
            stt_fallback=self._ears.fallback,
            stt_fallback_ms=self._ears.fallback_ms,
            tts=agent.voice.id,
            tts_characters=self._mouth.characters + self._backchannels.characters,
            llm=agent.model.id,
            llm_requests=tokens.requests,
            llm_input_tokens=tokens.input,
            llm_output_tokens=tokens.output,
            llm_estimated=tokens.estimated,
            legs=self._transfer.used,
        )

    @property
    def log(self) -> tuple[Event, ...]:
        """Return every event the turn machine handled, for replay."""
        return tuple(self._machine.log)

    # --- LineListener -------------------------------------------------------------------------------------------------

    def on_audio(self, samples: Samples, at: int) -> None:
        """Take 20 ms of the caller's audio."""
        if self._over.is_set() or self._held:
            return
        self._ears.on_audio(samples, at)
        if self._beep is not None and self._machine.awaits_beep and self._beep.feed(samples):
            self._tell(BeepHeard((at + FRAME_SAMPLES) // _PER_MS))

    def on_voice(self, probability: float, at: int) -> None:
        """Take the VAD's word on one window; music on hold is no voice."""
        if self._held:
            return
        event = self._voice.feed(probability, at // _PER_MS)
        if event is not None:
            if isinstance(event, VoiceStarted):
                self._ears.speech_began(event.since)
                self._backchannels.prepare()
            self._tell(event)

    def on_digit(self, digit: str, at: int) -> None:
        """Take one key press."""
        if not self._held:
            self._tell(DigitPressed(at // _PER_MS, digit))

    def on_tick(self, at: int) -> None:
        """Follow the playout, and tell the machine the time when it asked for it."""
        if self._over.is_set():
            return
        self._now = now = (at + FRAME_SAMPLES) // _PER_MS
        if self._line.held is not self._held:
            self._follow_hold(now)
        self._mouth.on_tick(at)
        self._transfer.on_tick(now)
        if self._voice.speaking and (stopped := self._voice.starve(now)):
            self._tell(stopped)
        deadline = self._machine.deadline
        if deadline is not None and now >= deadline:
            self._tell(TickReached(now))

    def _follow_hold(self, now: int) -> None:
        """Time on hold does not count: neither reminders nor watchdogs run, and nothing that is heard is the caller."""
        self._held = self._line.held
        if self._held and (stopped := self._voice.silence(now)):
            self._tell(stopped)
        self._tell(HoldBegan(now) if self._held else HoldEnded(now))

    # --- events in, actions out ---------------------------------------------------------------------------------------

    def _clock(self) -> int:
        return self._now

    def _spawn(self, job: Coroutine[object, object, None]) -> asyncio.Task[None]:
        if self._group is None:
            raise RuntimeError("The conversation has not started.")
        task = self._group.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell(self, event: Event) -> None:
        """Hand an event to the machine and do what it says; events caused by that wait their turn."""
        self._events.append(event)
        if self._telling or self._over.is_set():
            return
        self._telling = True
        try:
            while self._events:
                for action in self._machine.handle(self._events.popleft()):
                    self._do(action)
        except Exception as error:  # noqa: BLE001
            # The line's clock serves every call of the worker: a bug here must end this call, never reach the clock.
            _log.exception("conversation broke", event_kind=type(event).__name__)
            self._end = HangUp(Ending.FAILED, EndReason.ERROR, f"Internal error: {error!r}")
            self._over.set()
        finally:
            self._telling = False

    def _do(self, action: Action) -> None:
        match action:
            case FinalizeStt():
                self._ears.finalize()
            case CommitTurn() | NoteAside() | NoteInaudible():
                self._record(action)
            case StartReply() | RetryReply() | AbandonReply() | CancelTool():
                self._think(action)
            case StopFiller():
                self._mouth.stop_filler(action.reply)
            case Say() | SayFiller() | SpeakReminder():
                self._say(action)
            case SayBackchannel():
                self._backchannels.say(action.text)
            case HoldAgent():
                self._mouth.hold()
            case ReleaseAgent():
                self._mouth.release()
            case CutAgent():
                self._cut(action)
            case RestartVoice():
                self._mouth.restart()
            case NoteDigits():
                self._emit(DigitsPressed("user", action.digits))
            case NoteVoicemail():
                self._emit(VoicemailDetected(action.evidence))
            case EnableKeypad():
                self._functions.offer_keypad()
            case Report():
                self._emit(Trouble(action.part, action.message))
            case HangUp():
                self._end = action
                self._over.set()

    def _record(self, action: CommitTurn | NoteAside | NoteInaudible) -> None:
        if isinstance(action, NoteInaudible):
            self._ledger.inaudible(action.end_ms)
            return
        aside = isinstance(action, NoteAside)
        text = as_sentences(action.text) if self._formatted else action.text
        spoken = TurnSpoken("user", text, action.start_ms, action.end_ms)
        if isinstance(action, CommitTurn):
            spoken = replace(spoken, confidence=action.confidence, engine=action.engine)
        self._ledger.caller(spoken, aside=aside)
        self._emit(spoken)

    def _think(self, action: StartReply | RetryReply | AbandonReply | CancelTool) -> None:
        match action:
            case StartReply():
                self._turn = turn = self._ledger.agent(self._now, action.speech_end_ms)
                turn.stage("endpoint", self._now)
                if action.final_ms is not None:
                    turn.stage("stt_final", action.final_ms)
                self._mouth.begin(action.reply, turn)
                self._agent.reply(action.reply, turn)
            case RetryReply() if self._turn is not None:
                self._agent.reply(action.reply, self._turn)
            case AbandonReply():
                self._agent.cancel()
                self._mouth.finish(action.reply)
            case CancelTool():
                self._agent.expire_tool()
            case _:
                pass

    def _say(self, action: Say | SayFiller | SpeakReminder) -> None:
        if isinstance(action, SayFiller):
            self._mouth.speak(action.reply, action.text, filler=True)
            return
        if isinstance(action, SpeakReminder):
            self._emit(SilenceReminder(action.number))
        speech_end = action.speech_end_ms if isinstance(action, Say) else None
        self._turn = self._ledger.agent(self._now, speech_end)
        self._turn.stage("endpoint", self._now)
        self._mouth.begin(action.reply, self._turn)
        self._mouth.speak(action.reply, action.text)
        self._mouth.finish(action.reply)
        if isinstance(action, Say) and action.kind == "opening":
            self._agent.prime()

    def _cut(self, action: CutAgent) -> None:
        self._agent.cancel()
        heard = self._mouth.cut()
        if action.by_caller and heard is not None:
            self._emit(Interrupted(self._now, heard.text))

    def _expect(self, expectation: Expectation) -> None:
        """Pass on what may be said next; as long as nobody knows who answered, greetings and machines as well."""
        if self._machine.undecided and expectation is not GREETING:
            expectation = replace(expectation, phrases=(*expectation.phrases, *GREETING.phrases))
        self._ears.expect(expectation)


async def converse(
    plan: CallPlan,
    line: Line,
    speech: Providers,
    emit: Callable[[Happening], None],
    *,
    functions: FunctionRunner | None = None,
    library: Library | None = None,
) -> ConversationResult:
    """Talk over a connected line until the conversation ends itself; cancel it when the line goes down.

    Use ``Conversation`` directly where the result is needed after cancellation.
    """
    return await Conversation(plan, line, speech, emit, functions=functions, library=library).run()
