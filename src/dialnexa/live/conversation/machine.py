"""The turn machine: who speaks when. Pure: events go in, actions come out, and time is what the events say it is.

Every event is appended to ``log``; ``replay.replay`` of a log gives the same actions. The states::

    OPENING ──► LISTENING ◄──► CALLER_SPEAKING ──► ENDPOINTING ──► THINKING ──► SPEAKING ──► LISTENING
                                     ▲                                 │            │
                                     └────────── DECIDING ◄────────────┴────────────┘   (the caller speaks up)
    OPENING/SPEAKING ──► VOICEMAIL (a machine answered: wait for the beep)      any ──► CLOSING ──► ENDED

No state can be stuck: each one either waits for the caller's voice to stop (the detector always says so), or has a
timer armed, or has audio flowing, whose end or stall the line reports.
"""

from __future__ import annotations

from dialnexa.live.conversation.actions import (
    Action,
    CommitTurn,
    CutAgent,
    EnableKeypad,
    FinalizeStt,
    HangUp,
    NoteAside,
    NoteDigits,
    NoteInaudible,
    NoteVoicemail,
    ReleaseAgent,
    StartReply,
    StopFiller,
)
from dialnexa.live.conversation.events import (
    BeepHeard,
    Began,
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
from dialnexa.live.conversation.floor import AgentFloor
from dialnexa.live.conversation.hearing import HeardTurn, Hearing, LateFinal
from dialnexa.live.conversation.keypad import Keypad
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.states import Reply, State, Timer
from dialnexa.live.conversation.voicemail import Judgement, Screening, Verdict
from dialnexa.live.conversation.words import is_backchannel, is_greeting, real_words
from dialnexa.live.outcome import Ending, EndReason


class TurnMachine(AgentFloor):
    """The turn-taking of one call. Feed it events in order of time; do what it says."""

    def __init__(self, settings: TurnSettings) -> None:
        super().__init__(settings)
        self.log: list[Event] = []
        self._ear = Hearing()
        self._keypad = Keypad(settings)
        self._screening: Screening | None = None
        self._opened = False
        self._aside: HeardTurn | None = None
        self._inaudible = 0
        self._least_patience_ms = 0
        """Machines that speak in several sentences are heard to their end."""
        self.deadline: int | None = None
        """The next moment (ms) at which ``TickReached`` matters; ``None``: no timer runs."""

    @property
    def undecided(self) -> bool:
        """Whether it is not known yet who answered."""
        return self._screening is not None and not self._screening.decided

    @property
    def awaits_beep(self) -> bool:
        """Whether a beep would matter now."""
        leaving = self._reply is not None and self._reply.kind == "voicemail"
        return self._screening is not None or self.state is State.VOICEMAIL or leaving

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

    # --- the opening --------------------------------------------------------------------------------------------------

    def _on_began(self) -> None:
        settings = self.settings
        self._activity = self._now
        if settings.screen:
            self._screening = Screening(self._now)
            self._arm(Timer.OPENING, max(settings.opening_pause_ms, settings.screen_hold_ms))
        elif settings.opening_mode == "user":
            self._opened = True
            self._listen()
        elif settings.opening_pause_ms:
            self._arm(Timer.OPENING, settings.opening_pause_ms)
        else:
            self._open()

    def _opening_due(self) -> None:
        """The pause is over: speak first, unless the other side is at it (then its end opens)."""
        if self.state is not State.OPENING or self._ear.speaking:
            return
        if not self._ear.pending:
            self._open()
        elif not self.undecided:
            self._arm_commit()

    def _open(self) -> None:
        """Say the first words; what the person said before is on the record and before the model's eyes."""
        self._opened = True
        self._least_patience_ms = 0
        self._disarm(Timer.OPENING, Timer.COMMIT)
        turn = self._ear.take(self._now)
        if turn.text:
            self._commit(turn)
        settings = self.settings
        if settings.opening_mode == "agent_defined" and settings.opening_text:
            self._say(
                "opening", settings.opening_text, settings.allow_interruptions, turn.end_ms if turn.text else None
            )
        elif settings.opening_mode == "agent_dynamic" or turn.text:
            self._ask(turn)
        else:
            self._listen()

    def _judged(self, judgement: Judgement) -> None:
        if judgement.verdict is Verdict.MACHINE:
            self._machine_answered(judgement.evidence)
        elif judgement.verdict is Verdict.IVR:
            self._menu_answered(judgement.evidence)
        elif self.state is State.OPENING and not self._opened:
            self._screener_answered() if judgement.verdict is Verdict.SCREENER else self._open()
        elif self.state in {State.OPENING, State.ENDPOINTING}:
            self._endpoint()
        elif self.state is State.SPEAKING and self._ear.pending:
            self._spoke_over_opening()

    def _spoke_over_opening(self) -> None:
        """A person answered late, into the opening: a "hello" changes nothing, anything else is heard out."""
        if self._ear.text and not is_greeting(self._ear.text) and self._may_interrupt():
            self._interrupt()
        elif self._ear.text:
            self._set_aside()

    def _screener_answered(self) -> None:
        """Its words gave it away in mid-speech; the end of its speech opens."""
        self._least_patience_ms = self.settings.commit_screener_ms
        self._opening_due()

    def _take_back_opening(self) -> None:
        """Their "hello" and our first word began together: hear theirs out, as people do, then open anew."""
        self._drop_reply()
        self._opened = False
        self.state = State.OPENING

    def _menu_answered(self, evidence: str) -> None:
        self._least_patience_ms = self.settings.commit_menu_ms
        self._screening = None
        self._opened = True
        self._disarm(Timer.OPENING)
        self._out.append(EnableKeypad(evidence))
        if self.state is State.SPEAKING and self._reply and self._reply.kind == "opening":
            self._interrupt()
        elif self.state in {State.OPENING, State.ENDPOINTING}:
            self._endpoint()

    # --- a machine answered -------------------------------------------------------------------------------------------

    def _machine_answered(self, evidence: str) -> None:
        settings = self.settings
        self._screening = None
        self._drop_reply()
        self._timers.clear()
        self._out.append(NoteVoicemail(evidence))
        self._farewell = HangUp(Ending.VOICEMAIL, EndReason.VOICEMAIL_DETECTED, evidence)
        self._set_aside()
        if settings.voicemail_hang_up or not settings.voicemail_message:
            self._hang_up(self._farewell)
            return
        self.state = State.VOICEMAIL
        self._arm(Timer.MESSAGE_LIMIT, settings.voicemail_wait_ms)
        if not self._ear.speaking:
            self._timers[Timer.MESSAGE] = max(self._now, self._ear.ended + settings.voicemail_silence_ms)

    # --- the caller ---------------------------------------------------------------------------------------------------

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
                self._disarm(Timer.MESSAGE)
                if isinstance(event, VoiceStopped):
                    self._timers[Timer.MESSAGE] = event.until + self.settings.voicemail_silence_ms
            case _:
                pass

    def _voice_before_opening(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        if isinstance(event, VoiceStarted):
            self._disarm(Timer.COMMIT)
        elif isinstance(event, VoiceStopped) and not self.undecided:
            self._arm_commit()

    def _voice_in_turn(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        if not isinstance(event, VoiceStopped):
            self._disarm(Timer.COMMIT, Timer.REMIND, Timer.SILENCE)
            self.state = State.CALLER_SPEAKING
        elif self.state is State.CALLER_SPEAKING:
            self._endpoint()

    def _voice_over_agent(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        if self.state is not State.DECIDING:
            if isinstance(event, VoiceStarted) and self._may_interrupt():
                self._hold(event.since)
                self.state = State.DECIDING
            elif isinstance(event, VoiceStarted) and self.undecided and self._unheard(event.since):
                self._take_back_opening()
            elif isinstance(event, VoiceStarted) and self.undecided and self.settings.allow_interruptions:
                self._timers[Timer.DECIDE] = event.since + self.settings.screen_hold_ms
            elif isinstance(event, VoiceStopped):
                self._disarm(Timer.DECIDE)
        elif isinstance(event, VoiceLasted):
            if is_backchannel(self._ear.text):
                self._timers[Timer.DECIDE] = event.since + self.settings.backchannel_ms
            else:
                self._interrupt()
        elif isinstance(event, VoiceStopped):
            self._arm(Timer.DECIDE, self.settings.decide_ms)
            self._weigh_words()
        else:
            self._disarm(Timer.DECIDE)

    def _on_partial(self) -> None:
        if self.state is State.DECIDING:
            self._weigh_words()
        elif self.state is State.ENDPOINTING:
            self._arm_commit()

    def _on_final(self) -> None:
        match self.state:
            case State.OPENING if not self._ear.speaking and not self.undecided and self._ear.pending:
                self._arm_commit()
            case State.ENDPOINTING:
                self._arm_commit()
            case State.LISTENING if self._ear.text:
                self._disarm(Timer.REMIND, Timer.SILENCE)
                self._endpoint()
            case State.LISTENING | State.VOICEMAIL if not self._ear.speaking:
                self._set_aside()
            case State.DECIDING:
                self._weigh_words()
            case State.THINKING | State.SPEAKING if not self.undecided and not self._ear.speaking:
                self._words_without_voice()
            case _:
                pass

    def _late_final(self, late: LateFinal) -> None:
        """Words of a turn that was closed without them: on the record, and no reason to do anything."""
        if late.text and not late.turn.text:
            turn = late.turn
            self._out.append(CommitTurn(late.text, turn.start_ms, turn.end_ms, turn.confidence, turn.engine))

    def _on_digit(self, digit: str) -> None:
        if not self.settings.keypad or self.state is State.VOICEMAIL:
            return
        self._activity = self._now
        complete = self._keypad.press(digit)
        if self._reply is not None and self._may_interrupt():
            self._out.append(CutAgent(self._reply.number))
            self._forget_reply()
            self.state = State.CALLER_SPEAKING if self._ear.speaking else State.LISTENING
        if self._reply is None and (complete or not self.settings.keypad_timeout_ms):
            self._close_turn()
        else:
            self._arm(Timer.KEYPAD, self.settings.keypad_timeout_ms)
            if self.state is State.LISTENING:
                self._listen()

    # --- the end of the caller's turn ---------------------------------------------------------------------------------

    def _endpoint(self) -> None:
        """The agent is silent: go on with the caller's turn, wherever it stands."""
        if self._ear.speaking:
            self.state = State.CALLER_SPEAKING
            return
        self.state = State.ENDPOINTING
        self._arm_commit()

    def _arm_commit(self) -> None:
        ear = self._ear
        patience = self.settings.patience_ms(ear.text, settled=ear.settled, matched=ear.matched)
        due = ear.ended + max(patience, self._least_patience_ms)
        if due <= self._now:
            self._commit_due()
        else:
            self._timers[Timer.COMMIT] = due

    def _commit_due(self) -> None:
        self._disarm(Timer.COMMIT)
        if self.state is State.OPENING and not self._opened:
            self._open()
        elif self.state in {State.ENDPOINTING, State.OPENING} and not self.undecided:
            self._close_turn()

    def _close_turn(self) -> None:
        """Take the caller's turn, spoken or keyed, and have it answered."""
        unheard = self._ear.awaiting > 0 and not self._ear.text
        turn = self._ear.take(self._now)
        digits = self._keypad.take()
        if not turn.text and not digits:
            self._close_wordless(turn, unheard=unheard)
            return
        if turn.text:
            self._commit(turn)
            self._screening = None if self._opened else self._screening  # a dialogue has begun: it is a person
        if digits:
            self._out.append(NoteDigits(digits))
            self._out.append(CommitTurn(f"DTMF: {digits}", self._now, self._now, engine="keypad"))
        self._opened = True
        self._ask(turn)

    def _close_wordless(self, turn: HeardTurn, *, unheard: bool) -> None:
        if unheard:
            self._report("ears", "The caller spoke, but the recogniser sent no transcript.")
        spoke = turn.voiced_ms >= self.settings.inaudible_ms
        if spoke:
            self._activity = max(self._activity, turn.end_ms)
        if not spoke or self._inaudible >= self.settings.inaudible_count:
            self._listen()
            return
        self._inaudible += 1
        self._out.append(NoteInaudible(turn.start_ms, turn.end_ms))
        self._ask(turn)

    def _commit(self, turn: HeardTurn) -> None:
        self._flush_aside()
        self._inaudible = self._reminders = 0
        self._activity = max(self._activity, turn.end_ms)
        self._out.append(CommitTurn(turn.text, turn.start_ms, turn.end_ms, turn.confidence, turn.engine))

    # --- interruptions ------------------------------------------------------------------------------------------------

    def _may_interrupt(self) -> bool:
        return self._reply is not None and self._reply.yields and not self.undecided

    def _weigh_words(self) -> None:
        ear = self._ear
        if real_words(ear.text) >= self.settings.interrupt_words:
            self._interrupt()
        elif not ear.speaking and ear.settled:
            self._dismiss()

    def _words_without_voice(self) -> None:
        """The recogniser heard what the VAD did not; two real words count as speaking up."""
        if self._reply is None or self._reply.tool is not None:
            return
        if real_words(self._ear.text) >= 2 and self._may_interrupt():
            self._interrupt()
        elif self._ear.settled:
            self._set_aside()

    def _decide_due(self) -> None:
        if self.state is State.DECIDING and not self._ear.speaking:
            self._dismiss()
        elif self.state is State.DECIDING:
            self._interrupt()
        elif self.state is State.SPEAKING and self.undecided and self._reply:
            # Whoever talks on over the opening is no short "hello": be quiet until it is known who it is.
            self._out.append(CutAgent(self._reply.number))
            self._forget_reply()
            self.state = State.OPENING

    def _interrupt(self) -> None:
        if self._reply is not None:
            self._out.append(CutAgent(self._reply.number))
            self._forget_reply()
        self._flush_aside()
        self._endpoint()

    def _dismiss(self) -> None:
        """It was nothing, or just "mhm": the agent goes on."""
        self._disarm(Timer.DECIDE)
        self._set_aside()
        reply = self._reply
        if reply is None:
            self._listen()
            return
        self.state = State.SPEAKING if reply.playing else State.THINKING
        if reply.held:
            reply.held = False
            self._await_audio(reply)
            self._out.append(ReleaseAgent(reply.number))

    def _set_aside(self) -> None:
        """Close the caller's words without answering them; near the agent's end they may still become a turn."""
        turn = self._ear.take(self._now)
        if turn.text:
            self._flush_aside()
            self._aside = turn
        if self._reply is None:
            self._flush_aside()

    def _flush_aside(self) -> None:
        aside, self._aside = self._aside, None
        if aside is not None:
            self._out.append(NoteAside(aside.text, aside.start_ms, aside.end_ms))

    # --- the agent's turn ---------------------------------------------------------------------------------------------

    def _ask(self, turn: HeardTurn) -> None:
        """Have the model answer."""
        reply = self._new_reply(None, interruptible=self.settings.allow_interruptions)
        spoken = turn.voiced_ms > 0 or bool(turn.text)
        self._arm(Timer.FIRST_TOKEN, self.settings.first_token_ms)
        self._out.append(StartReply(reply.number, turn.end_ms if spoken else None, turn.final_ms))
        if self._ear.speaking and self._may_interrupt():
            self._hold(self._now)
            self.state = State.DECIDING

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

    # --- silence and the end ------------------------------------------------------------------------------------------

    def _hang_up(self, how: HangUp) -> None:
        self._flush_aside()
        self._screening = None
        super()._hang_up(how)

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

    # --- timers -------------------------------------------------------------------------------------------------------

    def _fire(self, timer: Timer) -> None:
        match timer:
            case Timer.OPENING:
                self._opening_due()
            case Timer.COMMIT:
                self._commit_due()
            case Timer.DECIDE:
                self._decide_due()
            case Timer.KEYPAD:
                if self._reply is None:
                    self._close_turn()
            case _:
                super()._fire(timer)
