"""The caller's half of the floor: their turns, spoken or keyed, and whether they take the agent's away. Pure."""

from __future__ import annotations

from dialnexa.live.conversation.actions import (
    CommitTurn,
    CutAgent,
    HangUp,
    NoteAside,
    NoteDigits,
    NoteInaudible,
    ReleaseAgent,
    SayBackchannel,
    StartReply,
)
from dialnexa.live.conversation.events import VoiceLasted, VoiceStarted, VoiceStopped
from dialnexa.live.conversation.floor import AgentFloor
from dialnexa.live.conversation.hearing import HeardTurn, Hearing, LateFinal
from dialnexa.live.conversation.keypad import Keypad
from dialnexa.live.conversation.listening import Listener
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.states import State, Timer
from dialnexa.live.conversation.voicemail import Screening
from dialnexa.live.conversation.words import is_backchannel, looks_unfinished, real_words


class CallerFloor(AgentFloor):
    """What the turn machine knows and does about the caller's words once there is a dialogue."""

    def __init__(self, settings: TurnSettings) -> None:
        super().__init__(settings)
        self._ear = Hearing()
        self._keypad = Keypad(settings)
        self._listener = Listener(settings.listener)
        self._screening: Screening | None = None
        """The question who answered, while it matters."""
        self._opened = False
        self._aside: HeardTurn | None = None
        self._inaudible = 0
        self._least_patience_ms = 0
        """Machines that speak in several sentences are heard to their end."""

    @property
    def undecided(self) -> bool:
        """Whether it is not known yet who answered."""
        return self._screening is not None and not self._screening.decided

    # --- their voice, words and keys ----------------------------------------------------------------------------------

    def _voice_in_turn(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        if not isinstance(event, VoiceStopped):
            went_on = self.state is State.ENDPOINTING
            self._disarm(Timer.COMMIT, Timer.REMIND, Timer.SILENCE, Timer.LISTENING)
            self.state = State.CALLER_SPEAKING
            if went_on:
                self._show_listening()
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

    # --- the end of their turn ----------------------------------------------------------------------------------------

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
            self._fire(Timer.COMMIT)
            return
        self._timers[Timer.COMMIT] = due
        if self.settings.listener.words and ear.settled and not ear.matched and looks_unfinished(ear.text):
            self._timers[Timer.LISTENING] = ear.ended + self.settings.listener.pause_ms

    def _show_listening(self) -> None:
        """The caller has long been speaking and is not done: between two of their words, say "mhm"."""
        theirs = self._reply is None and self.state in {State.CALLER_SPEAKING, State.ENDPOINTING}
        person = self._opened and not self.undecided and not self._least_patience_ms
        if theirs and person and not self._keypad and (word := self._listener.word(self._now, self._ear.began)):
            self._out.append(SayBackchannel(word))

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

    def _ask(self, turn: HeardTurn) -> None:
        """Have the model answer."""
        reply = self._new_reply(None, interruptible=self.settings.allow_interruptions)
        spoken = turn.voiced_ms > 0 or bool(turn.text)
        self._arm(Timer.FIRST_TOKEN, self.settings.first_token_ms)
        self._out.append(StartReply(reply.number, turn.end_ms if spoken else None, turn.final_ms))
        if self._ear.speaking and self._may_interrupt():
            self._hold(self._now)
            self.state = State.DECIDING

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

    def _take_back_opening(self) -> None:
        """Their "hello" and our first word began together: hear theirs out, as people do, then open anew."""
        self._drop_reply()
        self._opened = False
        self.state = State.OPENING

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

    # --- the end and the timers ---------------------------------------------------------------------------------------

    def _hang_up(self, how: HangUp) -> None:
        self._flush_aside()
        self._screening = None
        super()._hang_up(how)

    def _fire(self, timer: Timer) -> None:
        match timer:
            case Timer.DECIDE:
                self._decide_due()
            case Timer.KEYPAD:
                if self._reply is None:
                    self._close_turn()
            case Timer.LISTENING:
                self._show_listening()
            case _:
                super()._fire(timer)
