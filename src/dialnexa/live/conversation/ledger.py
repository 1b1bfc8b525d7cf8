"""The heard ledger: what each side really said, and when. The record and the model's context both come from it.

An agent turn knows its intended text and, stretch by stretch, where in its audio each word lies; the line says how
many samples left on the wire. Together they give the words the caller heard, to the word.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby

from dialnexa.live.speech.ports import Message, ToolCall
from dialnexa.live.timeline import Citation, Passage, TurnSpoken

_SAMPLES_PER_CHARACTER = 550
"""Usual pace of speech (14.5 characters a second at 8 kHz), for audio whose length is not known yet."""
INAUDIBLE = "[inaudible]"
"""What the model sees of a turn nobody understood."""
UNFINISHED = "Not finished."
"""What it sees of a function that was cut off."""


@dataclass(slots=True)
class Stretch:
    """A piece of text handed to the voice at once, and its audio. Positions in samples of the agent turn's audio."""

    text: str
    offset: int
    """Where the text begins in the turn's intended text."""
    start: int | None = None
    """First sample; ``None`` until audio comes."""
    samples: int = 0
    complete: bool = False
    filler: bool = False
    """The platform's words ("one moment"), which the model need not remember."""
    marks: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """Words: first character, character after the last, first sample; relative to the stretch."""

    def heard(self, played: int) -> int:
        """Return how many characters were heard when ``played`` samples of the turn had left.

        A word counts once half of it was played.
        """
        if self.start is None or played <= self.start:
            return 0
        into = played - self.start
        if self.complete and into >= self.samples:
            return len(self.text)
        return self._by_marks(into) if self.marks else self._by_share(into)

    def _by_marks(self, into: int) -> int:
        heard = 0
        for i, (_, end, begins) in enumerate(self.marks):
            until = self.marks[i + 1][2] if i + 1 < len(self.marks) else max(self.samples, begins + 1)
            if into * 2 < begins + until:
                break
            heard = end
        # Punctuation that belongs to the last word heard comes along.
        while heard and heard < len(self.text) and not (self.text[heard].isalnum() or self.text[heard].isspace()):
            heard += 1
        return heard

    def _by_share(self, into: int) -> int:
        total = self.samples if self.complete else max(self.samples, len(self.text) * _SAMPLES_PER_CHARACTER)
        reached = min(len(self.text), into * len(self.text) // max(1, total))
        if reached == len(self.text):
            return reached
        return self.text.rfind(" ", 0, reached + 1) if " " in self.text[: reached + 1] else 0


@dataclass(slots=True)
class _ToolUse:
    """A function used in the middle of an agent turn; ``result`` is ``None`` while it runs."""

    call: ToolCall
    offset: int
    result: str | None = None


class AgentTurn:
    """One turn of the agent, while it is spoken and after."""

    def __init__(self, asked_ms: int, speech_end_ms: int | None = None) -> None:
        self.intended = ""
        self.stretches: list[Stretch] = []
        self.latency: dict[str, int] = {}
        self.spoken: TurnSpoken | None = None
        """Set once the turn is over and something of it was heard."""
        self.asked_ms = asked_ms
        """When the model was asked; its place in the dialogue."""
        self.passages: tuple[Passage, ...] = ()
        """What was found for the caller's turn that this one answers."""
        self.citations: tuple[Citation, ...] = ()
        """Those of them that the turn rests on."""
        self._speech_end_ms = speech_end_ms
        self._tools: list[_ToolUse] = []
        self._heard: int | None = None

    def add(self, text: str, *, filler: bool = False) -> Stretch:
        """Note a clause that goes to the voice."""
        self.intended += " " if self.intended else ""
        stretch = Stretch(text, len(self.intended), filler=filler)
        self.intended += text
        self.stretches.append(stretch)
        return stretch

    def split(self, stretch: Stretch) -> Stretch | None:
        """Close a stretch whose audio broke off; return a new one for its words without audio, if there are any."""
        reach = stretch.heard((stretch.start or 0) + stretch.samples)
        rest = stretch.text[reach:]
        stretch.text, stretch.complete = stretch.text[:reach], True
        if not rest.strip():
            return None
        offset = stretch.offset + reach + len(rest) - len(rest.lstrip())
        fresh = Stretch(rest.lstrip(), offset, filler=stretch.filler)
        self.stretches.insert(self.stretches.index(stretch) + 1, fresh)
        return fresh

    def shorten(self, stretch: Stretch, played: int) -> int:
        """End the last stretch with the word that is being played; return the sample at which its audio ends."""
        if stretch.start is None:
            self.stretches.remove(stretch)
            self.intended = self.intended[: stretch.offset].rstrip()
            return played
        into = max(0, played - stretch.start)
        begun = [mark for mark in stretch.marks if mark[2] < into]
        following = next((begins for _, _, begins in stretch.marks if begins >= into), None)
        if following is not None:
            stretch.text = stretch.text[: begun[-1][1]] if begun else ""
            stretch.samples = following
        elif not stretch.marks:
            stretch.text = stretch.text[: stretch.heard(played)]
            stretch.samples = min(stretch.samples, into)
        stretch.complete = True
        self.intended = self.intended[: stretch.offset] + stretch.text
        return stretch.start + stretch.samples

    def stage(self, name: str, at_ms: int) -> None:
        """Note when a stage of the waterfall was first reached, in ms since the caller's last voiced sample."""
        if self._speech_end_ms is not None:
            self.latency.setdefault(name, max(0, at_ms - self._speech_end_ms))

    def tool_started(self, call: ToolCall) -> None:
        """Note that the agent uses a function at this point of its turn."""
        self._tools.append(_ToolUse(call, len(self.intended)))

    def tool_finished(self, call: ToolCall, result: str) -> None:
        """Note what the model is told of the function's result."""
        for use in self._tools:
            if use.call is call:
                use.result = result

    def heard(self, played: int) -> str:
        """Return the text heard when ``played`` samples had left."""
        return self.intended[: self._reach(played)].rstrip()

    def close(self, played: int, start_ms: int, end_ms: int, *, interrupted: bool) -> TurnSpoken | None:
        """Settle what was heard; ``None`` when nothing was."""
        self._heard = self._reach(played)
        text = self.intended[: self._heard].rstrip()
        if text:
            cut = interrupted and text != self.intended.rstrip()
            self.spoken = TurnSpoken(
                "agent",
                text,
                start_ms,
                max(start_ms, end_ms),
                intended=self.intended if text != self.intended.rstrip() else "",
                interrupted=cut,
                latency=dict(self.latency),
                citations=self.citations,
            )
        return self.spoken

    def messages(self) -> list[Message]:
        """Return the turn as the model shall remember it: the heard part, functions in their places."""
        messages: list[Message] = []
        at = 0
        for offset, group in groupby(self._tools, key=lambda use: use.offset):
            uses = list(group)
            calls = tuple(use.call for use in uses)
            messages.append(Message("assistant", self._said(at, offset), tool_calls=calls))
            messages += [
                Message("tool", UNFINISHED if use.result is None else use.result, tool_call_id=use.call.id)
                for use in uses
            ]
            at = offset
        if rest := self._said(at, len(self.intended)):
            messages.append(Message("assistant", rest))
        return messages

    def _said(self, first: int, end: int) -> str:
        """Return what was heard of the clauses that begin in this part of the intended text, fillers left out."""
        reach = len(self.intended) if self._heard is None else self._heard
        parts = (
            stretch.text[: max(0, reach - stretch.offset)]
            for stretch in self.stretches
            if first <= stretch.offset and (stretch.offset < end) and not stretch.filler
        )
        return " ".join(part.strip() for part in parts if part.strip())

    def _reach(self, played: int) -> int:
        reach = 0
        for stretch in self.stretches:
            heard = stretch.heard(played)
            if heard == 0:
                break
            reach = stretch.offset + heard
            if heard < len(stretch.text):
                break
        return reach


@dataclass(frozen=True, slots=True)
class _CallerTurn:
    end_ms: int
    text: str
    spoken: TurnSpoken | None
    """``None``: nobody understood it, so the record has nothing to show."""
    aside: bool = False

    @property
    def keyed(self) -> bool:
        return self.spoken is not None and self.spoken.engine == "keypad"


class Ledger:
    """Everything said in one call, in order of time."""

    def __init__(self) -> None:
        self._entries: list[AgentTurn | _CallerTurn] = []

    def agent(self, asked_ms: int, speech_end_ms: int | None = None) -> AgentTurn:
        """Open an agent turn; ``speech_end_ms`` is the caller's last voiced moment, if it answers something."""
        turn = AgentTurn(asked_ms, speech_end_ms)
        self._entries.append(turn)
        return turn

    def caller(self, spoken: TurnSpoken, *, aside: bool = False) -> None:
        """Record a caller's turn; an aside ("mhm" while the agent talks) stays out of the model's context."""
        self._insert(_CallerTurn(spoken.end_ms, spoken.text, spoken, aside))

    def inaudible(self, end_ms: int) -> None:
        """Note that the caller said something nobody understood."""
        self._insert(_CallerTurn(end_ms, INAUDIBLE, None))

    def turns(self) -> tuple[TurnSpoken, ...]:
        """Return what was really said, ordered by start."""
        spoken = [entry.spoken for entry in self._entries if entry.spoken is not None]
        return tuple(sorted(spoken, key=lambda turn: turn.start_ms))

    def messages(self, *, inaudible: str = INAUDIBLE) -> list[Message]:
        """Return the dialogue as the model shall see it; the caller's turns in a row are one, keys apart."""
        messages: list[Message] = []
        joinable = False
        for entry in self._entries:
            if isinstance(entry, AgentTurn):
                if entry.passages and messages and messages[-1].role == "user":
                    messages[-1] = replace(messages[-1], passages=messages[-1].passages + entry.passages)
                said = entry.messages()
                messages += said
                joinable = joinable and not said
            elif not entry.aside:
                text = entry.text if entry.spoken else inaudible
                if joinable and messages and not entry.keyed and text and messages[-1].content:
                    messages[-1] = replace(messages[-1], content=f"{messages[-1].content} {text}")
                else:
                    messages.append(Message("user", text))
                joinable = not entry.keyed
        return messages

    def _insert(self, turn: _CallerTurn) -> None:
        """Append a turn; words that became known late go before the reply they did not get."""
        at = len(self._entries)
        while at and self._asked_after(self._entries[at - 1], turn):
            at -= 1
        self._entries.insert(at, turn)

    @staticmethod
    def _asked_after(entry: AgentTurn | _CallerTurn, turn: _CallerTurn) -> bool:
        return isinstance(entry, AgentTurn) and entry.asked_ms > turn.end_ms
