"""The times and limits of one conversation, derived from the agent's plan. Defaults as the best engines have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

from dialnexa.live.conversation.listening import ListenerSettings
from dialnexa.live.conversation.words import Phrases, looks_unfinished, phrases
from dialnexa.live.plan import CallPlan

_PATIENT_MS = 600
"""What the least eager agent waits longer than the most eager one."""
_CAREFUL_MS = 150
"""What an agent that wants the words right waits longer for them."""


_UNHEARD_MS = 2500


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Everything the turn machine needs to know; times in ms."""

    opening_mode: Literal["agent_defined", "agent_dynamic", "user"] = "agent_defined"
    opening_text: str = ""
    opening_pause_ms: int = 0

    commit_ms: int = 375
    """From the end of speech to the end of the turn, when the words are known."""
    commit_matched_ms: int = 200
    """The same when the words answer the question, so nothing more is to be expected."""
    commit_unfinished_ms: int = 1200
    """The same when the words sound unfinished, or only a partial is known."""
    commit_unheard_ms: int = _UNHEARD_MS
    """The same when the recogniser has said nothing yet."""
    commit_menu_ms: int = 1500
    """The least of the above once a menu speaks: it shall be heard to its end."""
    commit_screener_ms: int = 900
    """The least before an assistant that screens the call is told who calls: it speaks in several sentences."""
    inaudible_ms: int = 400
    """Voice at least this long without words is answered ("sorry?"), shorter is noise."""
    inaudible_count: int = 2
    """How often in a row."""

    allow_interruptions: bool = True
    interrupt_ms: int = 425
    """Voice this long interrupts the agent."""
    interrupt_words: int = 1
    """As many real words do so earlier."""
    unheard_ms: int = 150
    """Voice that begins this soon after the agent's did was not caused by it: nobody reacts as quickly."""
    backchannel_ms: int = 1500
    """After this much voice even "yeah yeah yeah" interrupts."""
    decide_ms: int = 1200
    """How long the recogniser may take over a short stretch of voice while the agent talks."""
    tail_ms: int = 1000
    """What the caller says this close to the agent's end is meant as an answer, even "okay"."""

    reminder_ms: int = 9000
    reminder_count: int = 1
    silence_end_ms: int = 15_000

    listener: ListenerSettings = field(default_factory=ListenerSettings)

    keypad: bool = True
    keypad_timeout_ms: int = 5000
    keypad_digits: int = 1
    keypad_end: str = "#"

    screen: bool = False
    """Find out first whether a machine answered."""
    screen_hold_ms: int = 2000
    """How long the opening waits for the person's "hello" then."""
    voicemail_hang_up: bool = False
    voicemail_message: str = ""
    voicemail_silence_ms: int = 1800
    """Silence after which the greeting is over, beep or not."""
    voicemail_beep_ms: int = 500
    """From the last moment a beep was heard to the message."""
    voicemail_wait_ms: int = 30_000
    """Longest greeting."""

    first_token_ms: int = 3000
    """Until the caller hears a filler; as long again until the model is asked once more."""
    first_token_retry_ms: int = 6000
    """What the second request may take before the agent apologises and hangs up."""
    tool_filler_ms: int = 700
    """Of silence while a function runs, until the caller hears a filler."""
    tool_filler_again_ms: int = 10_000
    """Of silence until the next one."""
    audio_ms: int = 4000
    """From text handed to the voice to the first sample on the wire."""
    stall_ms: int = 5000
    """A gap inside a reply."""
    hang_up_grace_ms: int = 200
    """After the last sample, so that the far end's jitter buffer plays it."""

    phrases: Phrases = field(default_factory=lambda: phrases("en"))

    def patience_ms(self, text: str, *, settled: bool, matched: bool) -> int:
        """Return how long after the caller's last voice their turn is over, by what is known of its words."""
        if not settled:
            return self.commit_unfinished_ms if text else self.commit_unheard_ms
        if text and matched:
            return self.commit_matched_ms
        return self.commit_unfinished_ms if looks_unfinished(text) else self.commit_ms

    @classmethod
    def of(cls, plan: CallPlan) -> TurnSettings:
        """Derive the settings from a call's plan (contract C.2.2); voicemail is looked for on outbound calls only."""
        agent = plan.agent
        turns = agent.turns
        commit = round(500 - 250 * _unit(turns.responsiveness) + _PATIENT_MS * (1 - _unit(turns.eagerness)))
        commit += _CAREFUL_MS if turns.careful else 0
        sensitivity = _unit(turns.interruption_sensitivity)
        return cls(
            opening_mode=agent.opening.mode,
            opening_text=agent.opening.text.strip(),
            opening_pause_ms=_ms(agent.opening.pause_s),
            commit_ms=commit,
            commit_matched_ms=max(200, commit - 175),
            commit_unheard_ms=_unheard_ms(plan),
            allow_interruptions=turns.allow_interruptions,
            interrupt_ms=round(500 - 150 * sensitivity),
            interrupt_words=1 if sensitivity >= 0.5 else 2,
            reminder_ms=_ms(turns.reminder_interval_s),
            reminder_count=turns.reminder_count,
            silence_end_ms=_ms(turns.silence_end_s),
            listener=_listener(plan),
            keypad=turns.keypad,
            keypad_timeout_ms=_ms(turns.keypad_timeout_s),
            keypad_digits=max(1, turns.keypad_digits),
            keypad_end=turns.keypad_end,
            screen=agent.voicemail.detect and plan.direction == "outbound",
            voicemail_hang_up=agent.voicemail.hang_up,
            voicemail_message=agent.voicemail.message.strip(),
            phrases=phrases(agent.transcriber.language),
        )


def _unheard_ms(plan: CallPlan) -> int:
    """A second recogniser is given as long for its words as the first one, from the moment it is asked."""
    ears = plan.agent.transcriber
    return _UNHEARD_MS + (_ms(ears.fallback_wait_s) if ears.fallback else 0)


def _listener(plan: CallPlan) -> ListenerSettings:
    turns = plan.agent.turns
    if not turns.backchannel_frequency:
        return ListenerSettings()
    words = turns.backchannels or phrases(plan.agent.transcriber.language).backchannels
    return ListenerSettings(words, _unit(turns.backchannel_frequency), crc32(plan.call_id.encode()))


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
