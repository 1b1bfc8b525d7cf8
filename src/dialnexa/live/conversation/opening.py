"""How a call opens: who answered, a person or a machine, and the first words to either. Pure."""

from __future__ import annotations

from dialnexa.live.conversation.actions import EnableKeypad, HangUp, NoteVoicemail
from dialnexa.live.conversation.caller import CallerFloor
from dialnexa.live.conversation.events import VoiceLasted, VoiceStarted, VoiceStopped
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.states import State, Timer
from dialnexa.live.conversation.voicemail import Judgement, Screening, Verdict
from dialnexa.live.conversation.words import is_greeting
from dialnexa.live.outcome import Ending, EndReason

_BEEP_AGAIN_MS = 5000
"""A beep this soon after the message began: the machine was not ready, so the message starts over."""


class Opening(CallerFloor):
    """What the turn machine knows and does until a dialogue has begun, or a machine was left its message."""

    def __init__(self, settings: TurnSettings) -> None:
        super().__init__(settings)
        self._message_restarted = False

    @property
    def awaits_beep(self) -> bool:
        """Whether a beep would matter now."""
        leaving = self._reply is not None and self._reply.kind == "voicemail"
        return self._screening is not None or self.state is State.VOICEMAIL or leaving

    # --- the first words ----------------------------------------------------------------------------------------------

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

    def _voice_before_opening(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        if isinstance(event, VoiceStarted):
            self._disarm(Timer.COMMIT)
        elif isinstance(event, VoiceStopped) and not self.undecided:
            self._arm_commit()

    def _commit_due(self) -> None:
        self._disarm(Timer.COMMIT)
        if self.state is State.OPENING and not self._opened:
            self._open()
        elif self.state in {State.ENDPOINTING, State.OPENING} and not self.undecided:
            self._close_turn()

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

    # --- who answered -------------------------------------------------------------------------------------------------

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

    def _voice_of_machine(self, event: VoiceStarted | VoiceLasted | VoiceStopped) -> None:
        """Its greeting goes on, or has ended."""
        self._disarm(Timer.MESSAGE)
        if isinstance(event, VoiceStopped):
            self._timers[Timer.MESSAGE] = event.until + self.settings.voicemail_silence_ms

    # --- the message left to a machine --------------------------------------------------------------------------------

    def _leave_message(self) -> None:
        self._disarm(Timer.MESSAGE, Timer.MESSAGE_LIMIT)
        self._say("voicemail", self.settings.voicemail_message, interruptible=False)

    def _on_beep(self) -> None:
        if self.state is State.VOICEMAIL:
            self._arm(Timer.MESSAGE, self.settings.voicemail_beep_ms)
            return
        reply = self._reply
        too_early = reply and reply.kind == "voicemail" and self._now - reply.asked_at <= _BEEP_AGAIN_MS
        if too_early and not self._message_restarted:
            self._message_restarted = True
            self._drop_reply()
            self.state = State.VOICEMAIL
            self._arm(Timer.MESSAGE, self.settings.voicemail_beep_ms)

    def _fire(self, timer: Timer) -> None:
        match timer:
            case Timer.OPENING:
                self._opening_due()
            case Timer.COMMIT:
                self._commit_due()
            case Timer.MESSAGE | Timer.MESSAGE_LIMIT:
                self._leave_message()
            case _:
                super()._fire(timer)
