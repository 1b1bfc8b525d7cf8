"""The turn machine: who speaks when. Pure: events go in, actions come out, and time is what the events say it is.

Every event is appended to ``log``; ``replay.replay`` of a log gives the same actions. The states::

    OPENING ──► LISTENING ◄──► CALLER_SPEAKING ──► ENDPOINTING ──► THINKING ──► SPEAKING ──► LISTENING
                                     ▲                                 │            │
                                     └────────── DECIDING ◄────────────┴────────────┘   (the caller speaks up)
    OPENING/SPEAKING ──► VOICEMAIL (a machine answered: wait for the beep)      any ──► CLOSING ──► ENDED

No state can be stuck: each one either waits for the caller's voice to stop (the detector always says so), or has a
timer armed, or has audio flowing, whose end or stall the line reports.

What is done about an event is told in layers, each of which knows only those below it: the timers (``timers.py``), the
agent's half of the floor (``floor.py``), the caller's (``caller.py``), how a call opens (``opening.py``), and here what
goes where.
"""

from __future__ import annotations

from dialnexa.live.conversation.actions import Action, FinalizeStt, HangUp, StopFiller
from dialnexa.live.conversation.events import (
    BeepHeard,
    Began,
    BreathTaken,
    DigitPressed,
    EarsLost,
    EndRequested,
    Event,
    FinalHeard,
    HoldBegan,
    HoldEnded,
    LineEnded,
    MouthFailed,
    PartialHeard,
    PlayoutFinished,
    PlayoutResumed,
    PlayoutStalled,
    PlayoutStarted,
    ReplyEvent,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    ReplyText,
    TickReached,
    ToolFinished,
    ToolStarted,
    VoiceLasted,
    VoiceStarted,
    VoiceStopped,
)
from dialnexa.live.conversation.opening import Opening
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.states import Reply, State, Timer
from dialnexa.live.conversation.words import real_words
from dialnexa.live.outcome import Ending, EndReason


class TurnMachine(Opening):
    """The turn-taking of one call. Feed it events in order of time; do what it says."""

    def __init__(self, settings: TurnSettings) -> None:
        super().__init__(settings)
        self.log: list[Event] = []
        self.deadline: int | None = None
        """The next moment (ms) at which ``TickReached`` matters; ``None``: no timer runs."""

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Take in what happened and return what to do about it, in order. Never raises for any order of events."""
        self.log.append(event)
        self._now = max(self._now, event.at)
        self._out = []
        if self.state is State.CLOSING and not isinstance(event, LineEnded):
            self._fire_timers()
        elif self.state is not State.ENDED:
            self._react(event)
        due = self._due()
        if self._screening is not None and self._screening.deadline is not None and self._on_hold_since is None:
            due.append(self._screening.deadline)
        self.deadline = min(due, default=None)
        return tuple(self._out)

    def _react(self, event: Event) -> None:
        late = self._ear.update(event)
        if self._screening and (judgement := self._screening.handle(event)):
            self._judged(judgement)
        if late is not None:
            self._late_final(late)
            return
        match event:
            case TickReached():
                self._fire_timers()
            case VoiceStarted() | VoiceLasted() | VoiceStopped():
                self._on_voice(event)
            case BreathTaken():
                self._show_listening()
            case PartialHeard():
                self._on_partial()
            case FinalHeard():
                self._on_final()
            case Began():
                self._on_began()
            case LineEnded():
                self._line_ended()
            case EarsLost():
                self._report("ears", event.detail)
                self._on_final()
            case DigitPressed():
                self._on_digit(event.digit)
            case BeepHeard():
                self._on_beep()
            case HoldBegan():
                self._hold_began()
            case HoldEnded():
                self._hold_ended()
            case MouthFailed():
                self._on_mouth_failed(event.detail)
            case _:
                if self._reply is not None and self._reply.number == event.reply:
                    self._on_reply(self._reply, event)

    def _on_voice(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        if isinstance(event, VoiceStopped) and not self._ear.deaf:
            self._out.append(FinalizeStt())
        match self.state:
            case State.OPENING:
                self._voice_before_opening(event)
            case State.LISTENING | State.ENDPOINTING | State.CALLER_SPEAKING:
                self._voice_in_turn(event)
            case State.THINKING | State.SPEAKING | State.DECIDING:
                self._voice_over_agent(event)
            case State.VOICEMAIL:
                self._voice_of_machine(event)
            case _:
                pass

    # --- the agent's turn ---------------------------------------------------------------------------------------------

    def _on_reply(self, reply: Reply, event: ReplyEvent) -> None:
        match event:
            case ReplyStarted():
                pass  # a token is no word yet: the caller still waits
            case ReplyText():
                reply.begun = True
                self._disarm(Timer.FIRST_TOKEN)
                self._await_audio(reply)
            case ReplyFinished():
                self._reply_finished(reply)
            case ReplyFailed():
                self._reply_failed(reply, event.detail)
            case ToolStarted():
                self._tool_started(reply, event)
            case ToolFinished():
                self._tool_finished(reply)
            case EndRequested():
                reply.interruptible = False
                self._farewell = HangUp.by_agent(transferred=event.transferred)
                if self.state is State.DECIDING:
                    self._dismiss()
            case PlayoutStarted():
                self._playout_started(reply)
            case PlayoutStalled() if reply.playing:
                reply.stalled = True
                if reply.tool is not None:
                    self._await_patience(reply, reply.tool)
                elif Timer.FIRST_TOKEN not in self._timers:
                    self._arm(Timer.STALL, self.settings.stall_ms)
            case PlayoutResumed() if reply.stalled:
                reply.stalled = False
                self._disarm(Timer.STALL, Timer.AUDIO)
            case PlayoutFinished():
                self._mouth_failures = 0
                self._reply_over()
            case _:
                pass

    def _tool_finished(self, reply: Reply) -> None:
        """The model is asked again; what the caller said meanwhile comes first."""
        if reply.tool_fillers:
            self._out.append(StopFiller(reply.number))
        reply.tool = None
        reply.begun = False
        self._disarm(Timer.TOOL_FILLER, Timer.TOOL_LIMIT)
        self._arm(Timer.FIRST_TOKEN, self.settings.first_token_ms)
        if self.state is State.DECIDING or not self._may_interrupt():
            return
        if self._ear.speaking:
            self._hold(self._now)
            self.state = State.DECIDING
        elif real_words(self._ear.text) >= self.settings.interrupt_words:
            self._interrupt()

    def _reply_over(self) -> None:
        """Everything of the agent's turn is played: the floor is the caller's."""
        self._forget_reply()
        self._activity = self._now
        deciding = self.state is State.DECIDING
        recent = self._now - self.settings.tail_ms
        if self._farewell is not None:
            self._flush_aside()
            self.state = State.CLOSING
            self._timers = {Timer.HANG_UP: self._now + self.settings.hang_up_grace_ms}
        elif self._keypad:
            self._close_turn()
        elif self.undecided:
            self.state = State.OPENING
        elif self._ear.speaking or (self._ear.pending and (deciding or self._ear.ended >= recent)):
            self._endpoint()
        elif self._aside is not None and self._aside.end_ms >= recent:
            turn, self._aside = self._aside, None
            self._commit(turn)
            self._ask(turn)
        else:
            self._set_aside()
            self._listen()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _line_ended(self) -> None:
        """Keep what was said last; nobody is there to answer it. Who had decided to hang up, ended the call."""
        self._drop_reply()
        turn = self._ear.take_all(self._now)
        if turn.text:
            self._commit(turn)
        how = HangUp(Ending.COMPLETED, EndReason.USER_DISCONNECTED)
        if self._farewell and (self.state is State.CLOSING or self._farewell.stands):
            how = self._farewell
        self._hang_up(how)
