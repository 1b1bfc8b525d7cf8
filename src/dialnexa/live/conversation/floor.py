"""The agent's half of the floor: its turns, its timers, and what happens when mind or mouth fail it. Pure."""

from __future__ import annotations

from dialnexa.live.conversation.actions import (
    AbandonReply,
    Action,
    CancelTool,
    CutAgent,
    HangUp,
    HoldAgent,
    Report,
    RestartVoice,
    RetryReply,
    Say,
    SayFiller,
    SayKind,
    SpeakReminder,
)
from dialnexa.live.conversation.events import ToolStarted
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.states import Reply, State, Timer
from dialnexa.live.conversation.timers import Timers
from dialnexa.live.outcome import Ending, EndReason

_MOUTH_FAILURES = 3
"""A voice that fails this often in a row will not come back."""


class AgentFloor(Timers):
    """What the turn machine knows and does about the agent; ``CallerFloor`` adds the caller."""

    def __init__(self, settings: TurnSettings) -> None:
        super().__init__()
        self.settings = settings
        self.state = State.OPENING
        self._out: list[Action] = []
        self._reply: Reply | None = None
        self._replies = 0
        self._reminders = 0
        self._mouth_failures = 0
        self._farewell: HangUp | None = None

    # --- its turns ----------------------------------------------------------------------------------------------------

    def _new_reply(self, kind: SayKind | None, *, interruptible: bool) -> Reply:
        self._replies += 1
        self._disarm(Timer.COMMIT, Timer.LISTENING, Timer.REMIND, Timer.SILENCE, Timer.KEYPAD, Timer.DECIDE)
        self._reply = Reply(self._replies, kind, interruptible, self._now)
        self.state = State.THINKING
        return self._reply

    def _say(self, kind: SayKind, text: str, interruptible: bool, speech_end_ms: int | None = None) -> None:
        """Speak fixed words."""
        reply = self._new_reply(kind, interruptible=interruptible)
        reply.finished = True
        self._arm(Timer.AUDIO, self.settings.audio_ms)
        if kind == "reminder":
            self._out.append(SpeakReminder(reply.number, text, self._reminders))
        else:
            self._out.append(Say(reply.number, text, kind, speech_end_ms))

    def _forget_reply(self) -> None:
        self._reply = None
        self._disarm(Timer.FIRST_TOKEN, Timer.AUDIO, Timer.STALL, Timer.TOOL_FILLER, Timer.TOOL_LIMIT, Timer.DECIDE)

    def _drop_reply(self) -> None:
        if self._reply is not None:
            self._out.append(CutAgent(self._reply.number, by_caller=False))
            self._forget_reply()

    def _unheard(self, since: int) -> bool:
        """Tell whether the caller spoke up before they can have heard the reply begin."""
        reply = self._reply
        return reply is not None and (reply.began_at is None or since <= reply.began_at + self.settings.unheard_ms)

    def _hold(self, since: int) -> None:
        """No talking over the caller's first syllable, if they spoke up before they heard the reply."""
        reply = self._reply
        if reply is not None and self._unheard(since):
            reply.held = True
            self._disarm(Timer.AUDIO)
            self._out.append(HoldAgent(reply.number))

    def _await_audio(self, reply: Reply) -> None:
        if not reply.audible and not reply.held and Timer.AUDIO not in self._timers:
            self._arm(Timer.AUDIO, self.settings.audio_ms)

    def _reply_finished(self, reply: Reply) -> None:
        reply.finished = True
        self._disarm(Timer.FIRST_TOKEN, Timer.TOOL_FILLER, Timer.TOOL_LIMIT)
        self._await_audio(reply)

    def _tool_started(self, reply: Reply, event: ToolStarted) -> None:
        reply.tool, reply.tool_fillers = event, 0
        self._disarm(Timer.FIRST_TOKEN, Timer.STALL)
        self._await_patience(reply, event)
        self._arm(Timer.TOOL_LIMIT, event.limit_ms)

    def _await_patience(self, reply: Reply, tool: ToolStarted) -> None:
        """Nobody speaks while a function runs: ask the caller to wait in a moment, and again after a long while."""
        if tool.silent or (tool.once and reply.tool_fillers):
            return
        settings = self.settings
        self._arm(Timer.TOOL_FILLER, settings.tool_filler_again_ms if reply.tool_fillers else settings.tool_filler_ms)

    def _playout_started(self, reply: Reply) -> None:
        reply.began_at = self._now
        self._disarm(Timer.AUDIO)
        if self.state is State.THINKING:
            self.state = State.SPEAKING

    # --- when the agent fails -----------------------------------------------------------------------------------------

    def _first_token_due(self) -> None:
        """The model says nothing: a filler, then a second try, then an apology (contract C.10)."""
        reply = self._reply
        if reply is None:
            return
        if not reply.filler and not reply.retried:
            self._fill(reply, self.settings.phrases.filler)
            self._arm(Timer.FIRST_TOKEN, self.settings.first_token_ms)
        elif not reply.retried:
            self._report("llm", "The language model sent nothing; asking it once more.")
            self._retry(reply)
        else:
            self._apologise("The language model did not answer.")

    def _reply_failed(self, reply: Reply, detail: str) -> None:
        self._report("llm", detail)
        if reply.begun:  # half an answer was spoken already: leave it at that
            reply.finished = True
            self._await_audio(reply)
            self._out.append(AbandonReply(reply.number))
        elif not reply.retried:
            self._fill(reply, self.settings.phrases.filler)
            self._retry(reply)
        else:
            self._apologise(detail)

    def _retry(self, reply: Reply) -> None:
        reply.retried = True
        self._arm(Timer.FIRST_TOKEN, self.settings.first_token_retry_ms)
        self._out.append(RetryReply(reply.number))

    def _fill(self, reply: Reply, text: str) -> None:
        if not reply.filler:
            reply.filler = True
            self._out.append(SayFiller(reply.number, text))
            self._await_audio(reply)

    def _apologise(self, detail: str) -> None:
        self._drop_reply()
        self._farewell = HangUp(Ending.FAILED, EndReason.ERROR, detail)
        self._say("apology", self.settings.phrases.apology, interruptible=False)

    def _tool_filler_due(self) -> None:
        """A function takes long: nobody is left in silence, and nobody is told to wait all the time."""
        reply = self._reply
        if reply is None or reply.tool is None or reply.audible:
            return
        phrases = self.settings.phrases
        text = phrases.still_waiting if reply.tool_fillers else reply.tool.filler or phrases.filler
        reply.tool_fillers += 1
        self._out.append(SayFiller(reply.number, text))
        self._await_audio(reply)

    def _tool_limit_due(self) -> None:
        self._disarm(Timer.TOOL_FILLER)
        if self._reply is not None:
            self._out.append(CancelTool(self._reply.number))

    def _audio_due(self) -> None:
        """Text was handed to the voice, but nothing is on the wire."""
        if self._reply is not None:
            self._report("voice", "The voice was given text, but no audio came.")
            self._restart_voice(self._reply)

    def _stall_due(self) -> None:
        reply = self._reply
        if reply is None:
            return
        if reply.finished:
            self._report("voice", "The voice stopped in the middle of a reply.")
            self._restart_voice(reply)
            return
        self._report("llm", "The language model stopped in the middle of a reply.")
        reply.finished = True
        self._arm(Timer.STALL, self.settings.stall_ms)
        self._out.append(AbandonReply(reply.number))

    def _restart_voice(self, reply: Reply) -> None:
        if reply.voice_retried:
            self._hang_up(HangUp(Ending.FAILED, EndReason.ERROR, "The voice engine produced no audio."))
            return
        reply.voice_retried = True
        self._arm(Timer.AUDIO, self.settings.audio_ms)
        self._out.append(RestartVoice(reply.number))

    def _on_mouth_failed(self, detail: str) -> None:
        self._report("voice", detail)
        self._mouth_failures += 1
        if self._mouth_failures >= _MOUTH_FAILURES:
            self._hang_up(HangUp(Ending.FAILED, EndReason.ERROR, detail))
        else:
            self._out.append(RestartVoice(self._reply.number if self._reply else 0))

    # --- silence and the end ------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Nobody speaks: count the silence since somebody did."""
        self.state = State.LISTENING
        self._timers[Timer.SILENCE] = self._activity + self.settings.silence_end_ms
        if self._reminders < self.settings.reminder_count:
            self._timers[Timer.REMIND] = self._activity + self.settings.reminder_ms

    def _remind_due(self) -> None:
        texts = self.settings.phrases.reminders
        self._reminders += 1
        text = texts[min(self._reminders, len(texts)) - 1]
        self._say("reminder", text, self.settings.allow_interruptions)

    def _silence_due(self) -> None:
        self._hang_up(HangUp(Ending.COMPLETED, EndReason.SILENCE_TIMEOUT))

    def _hang_up_due(self) -> None:
        if self._farewell is not None:
            self._hang_up(self._farewell)

    def _hang_up(self, how: HangUp) -> None:
        self._drop_reply()
        self._timers.clear()
        self.state = State.ENDED
        self._out.append(how)

    def _report(self, part: str, message: str) -> None:
        self._out.append(Report(part, message))

    # --- timers -------------------------------------------------------------------------------------------------------

    def _fire(self, timer: Timer) -> None:
        match timer:
            case Timer.REMIND:
                self._remind_due()
            case Timer.SILENCE:
                self._silence_due()
            case Timer.FIRST_TOKEN:
                self._first_token_due()
            case Timer.AUDIO:
                self._audio_due()
            case Timer.STALL:
                self._stall_due()
            case Timer.TOOL_FILLER:
                self._tool_filler_due()
            case Timer.TOOL_LIMIT:
                self._tool_limit_due()
            case Timer.HANG_UP:
                self._hang_up_due()
            case _:
                pass
