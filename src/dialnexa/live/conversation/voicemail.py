"""Who answered? A person, a machine that records, an assistant that screens the call, or a menu. Pure.

A person says a short greeting and waits; a machine talks on, in words that give it away, and beeps. The timers are
those of public answering-machine detectors: a greeting up to 2.5 s followed by 0.5 s of silence is a person's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dialnexa.live.conversation.events import (
    BeepHeard,
    DigitPressed,
    Event,
    FinalHeard,
    TickReached,
    VoiceStarted,
    VoiceStopped,
)
from dialnexa.live.speech.ports import Expectation


class Verdict(StrEnum):
    """Who answered."""

    HUMAN = "human"
    SCREENER = "screener"
    """An assistant that asks for name and reason before it puts the call through; it is talked to like a person."""
    IVR = "ivr"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, and what gave it away."""

    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class ScreeningRules:
    """Times in ms."""

    greeting_ms: int = 2500
    """Speech up to this long may be a person's greeting …"""
    greeting_silence_ms: int = 500
    """… when this much silence follows it."""
    speech_silence_ms: int = 1500
    """Longer speech is judged by its words, awaited this long."""
    speech_ms: int = 6000
    """Speech beyond this whose words nobody understood is a machine's."""
    monologue_ms: int = 10_000
    """Nobody talks this long into a phone without an answer."""
    nobody_ms: int = 10_000
    """No voice at all for this long: somebody listens."""
    watch_ms: int = 30_000
    """From the answer: how long words and beeps may still unmask a machine taken for a person."""


_SURE = re.compile(
    r"leave (?:\w+ ){0,3}(?:a |your )?(?:\w+ )?(?:message|name|number)|(?:after|at|until) the (?:tone|beep|signal)"
    r"|voice ?mail|mail ?box|record your message|(?:number|person) you (?:have )?(?:dialed|called|are trying to reach)"
    r"|not in service|get back to you as soon as"
)
_LIKELY = re.compile(
    r"(?:is|am|i'm|are|we're) (?:not|currently|un)(?: currently)? ?(?:available|able to)|unavailable"
    r"|(?:can't|cannot|can not|unable to) (?:come to|take|answer)"
    r"|try (?:\w+ )?again later"
)
_MENU = re.compile(
    r"\b(?:press|dial|enter|hit) (?:\w+ ){0,2}(?:one|two|three|four|five|six|seven|eight|nine|zero|star|pound|\d)\b"
    r"|main menu|options have changed|para español|for \w+(?: \w+){0,3},? press"
)
_SCREENER = re.compile(
    r"(?:state|say|record|give) your name|why you(?:'re| are) calling|(?:purpose|reason)(?: of| for) (?:\w+ )?call"
    r"|call screening|(?:screening|call) (?:service|assistant)|see if (?:\w+ )+is available"
)


def judge_text(text: str, *, sure_only: bool = False) -> Judgement | None:
    """Judge by words alone; ``sure_only``: only by words that a person hardly says."""
    spoken = text.lower().replace("’", "'")
    screened = _SCREENER.search(spoken)
    if screened and "message" not in spoken:
        return Judgement(Verdict.SCREENER, screened.group())
    if found := _SURE.search(spoken):
        return Judgement(Verdict.MACHINE, found.group())
    if found := _MENU.search(spoken):
        return Judgement(Verdict.IVR, found.group())
    if not sure_only and (found := _LIKELY.search(spoken)):
        return Judgement(Verdict.MACHINE, found.group())
    return None


class Screening:
    """Listens from the answer. The first judgement decides; a person by mere timing can still be unmasked later."""

    def __init__(self, began: int, rules: ScreeningRules | None = None) -> None:
        self._rules = rules or ScreeningRules()
        self._began = began
        self._speaking_since: int | None = None
        self._silent_since: int | None = None
        self._spoken = 0
        self._finals: list[str] = []
        self.decided = False
        self.closed = False

    @property
    def deadline(self) -> int | None:
        """When to be told the time, in ms of the call clock."""
        rules = self._rules
        if self.closed:
            return None
        if self.decided:
            return self._began + rules.watch_ms
        if self._speaking_since is not None:
            return self._speaking_since + max(0, rules.monologue_ms - self._spoken)
        if self._silent_since is not None:
            return self._silent_since + self._patience()
        return self._began + rules.nobody_ms

    def handle(self, event: Event) -> Judgement | None:
        """Take in an event; return a judgement when there is one, at most one per event."""
        if self.closed:
            return None
        match event:
            case VoiceStarted():
                self._speaking_since, self._silent_since = event.since, None
            case VoiceStopped():
                if self._speaking_since is not None:
                    self._spoken += max(0, event.until - self._speaking_since)
                self._speaking_since, self._silent_since = None, event.until
            case FinalHeard():
                # Partials are no evidence: a recogniser that listens for a machine's words finds them in any beginning.
                self._finals.append(event.text)
                return self._by_words()
            case BeepHeard():
                return self._decide(Verdict.MACHINE, "a beep")
            case DigitPressed():
                return None if self.decided else self._decide(Verdict.HUMAN, "pressed a key")
            case TickReached():
                return self._by_time(event.at)
            case _:
                pass
        return None

    def _patience(self) -> int:
        rules = self._rules
        return rules.greeting_silence_ms if self._spoken <= rules.greeting_ms else rules.speech_silence_ms

    def _by_words(self) -> Judgement | None:
        text = " ".join(self._finals)
        judgement = judge_text(text, sure_only=self.decided)
        if judgement is None or (self.decided and judgement.verdict is Verdict.SCREENER):
            return None
        return self._decide(judgement.verdict, f"heard “{judgement.evidence}”")

    def _by_time(self, at: int) -> Judgement | None:
        if self.deadline is None or at < self.deadline:
            return None
        if self.decided:
            self.closed = True
            return None
        if self._speaking_since is not None:
            return self._decide(Verdict.MACHINE, "talked without a pause")
        if self._silent_since is None:
            return self._decide(Verdict.HUMAN, "said nothing")
        if self._spoken > self._rules.speech_ms and not any(self._finals):
            return self._decide(Verdict.MACHINE, "a long greeting")
        return self._decide(Verdict.HUMAN, "a short greeting")

    def _decide(self, verdict: Verdict, evidence: str) -> Judgement:
        self.decided = True
        self.closed = verdict in {Verdict.MACHINE, Verdict.IVR}
        return Judgement(verdict, evidence)


GREETING = Expectation(
    kind="choice",
    phrases=(
        "hello",
        "hi",
        "yes",
        "speaking",
        "this is he",
        "this is she",
        "who is this",
        "who is calling",
        "good morning",
        "good afternoon",
        "how can i help you",
        "you have reached the voicemail of",
        "i am not available right now",
        "is not available",
        "please leave a message",
        "please leave a message after the tone",
        "please leave a message after the beep",
        "please leave your name and number",
        "i will call you back",
        "record your message",
        "at the tone",
        "the person you are calling is using a call assistant",
        "the person you are calling is using a screening service",
        "please say your name and why you are calling",
        "record your name and reason for calling",
        "i'll see if this person is available",
        "please state your name and why you are calling",
        "say your name and the reason for your call",
        "press one",
        "press two",
        "for sales press one",
        "for support press two",
        "main menu",
    ),
)
"""What the recogniser should expect in the first seconds of an outbound call."""
