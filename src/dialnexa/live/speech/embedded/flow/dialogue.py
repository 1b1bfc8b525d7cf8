"""Walk a conversation graph: one ``Dialogue`` is fed what happened in a call, event by event, and says what comes next.

It holds no more than the events imply: replaying the same events gives the same replies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.flow import anytime, machines, match
from dialnexa.live.speech.embedded.flow.fields import mapping
from dialnexa.live.speech.embedded.flow.graph import Condition, Edge, Graph, Node
from dialnexa.live.speech.embedded.flow.render import render
from dialnexa.live.speech.embedded.flow.slots import Answer, completed, keypad, understand
from dialnexa.live.speech.ports import Expectation

SILENCE = "[silence]"
"""The user turn that stands for saying nothing when something was expected."""
_MOST_HOPS = 32
"""Nodes passed in one turn; more is a circle of nodes that ask nothing."""
_MOST_WORDS = 40
_SORRY = ("Sorry, I did not get that.", "I am sorry, I still did not understand.", "Sorry, once more.")
_GIVE_UP = "I am sorry, I am having trouble understanding you. Please try again later. Goodbye."
_FAREWELL = "Goodbye."
_TOOLS = {"transfer": "call_transfer", "sms": "sms"}
_GENERIC = frozenset(match.normalise(phrase) for phrase in vocabulary.GENERIC)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a conversation knows before it starts."""

    opening: str = ""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    keyterms: tuple[str, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    """Functions that may be called: by kind (``end_call``) and by name, to the name to use."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A function to call."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes next: words, a function, and what may be answered."""

    text: str = ""
    wish: Wish | None = None
    expectation: Expectation | None = None
    ended: bool = False

    def sentences(self) -> list[str]:
        """Return the text sentence by sentence; joined they are the text."""
        return re.findall(r".+?(?:[.!?]+\s+|$)", self.text, re.DOTALL)


class Dialogue:
    """A conversation in progress. Feed ``opened``, ``hear`` and ``returned`` in the order things happened."""

    def __init__(self, graph: Graph, setting: Setting) -> None:
        self._graph = graph
        self._setting = setting
        self._listeners = anytime.listeners(graph)
        self._node = graph.start
        self._slots: dict[str, Answer] = {}
        self._misses = 0
        self._silences = 0
        self._pending: Answer | None = None
        self._opened = False
        self._ended = False
        self._waiting = False
        self._said: list[str] = []
        self._wish: Wish | None = None

    # --- what happens ---

    @property
    def slots(self) -> Mapping[str, Answer]:
        """What is known so far."""
        return self._slots

    def opened(self) -> None:
        """Note that the opening was spoken (by the platform), so that the next words answer it."""
        self._opened = True

    def open(self) -> Reply:
        """Speak the opening."""
        self._opened = True
        self._say(self._message(self._graph.start))
        return self._reply()

    def listening(self) -> Reply:
        """Return what may be answered now, without saying anything."""
        return self._reply()

    def hear(self, text: str) -> Reply:
        """Take one user turn: words, keys (``DTMF: 1``), nothing understood (empty), or ``SILENCE``."""
        if self._ended:
            self._end(_FAREWELL)
        elif text.strip().lower() == SILENCE:
            self._silent()
        else:
            if self._waiting:
                # The person speaks although a function's result never came: go on as if it had failed.
                self._outcome("failure")
                self._said.clear()
            self._listen(text)
        return self._reply()

    def returned(self, result: str) -> Reply:
        """Take the result of the function asked for last; results of other functions need no answer."""
        if self._waiting:
            if self._node.kind == "function":
                self._slots[self._node.slot] = _result_answer(result)
            self._outcome("failure" if _failed(result) else "success")
        return self._reply()

    # --- one user turn ---

    def _listen(self, text: str) -> None:
        """Machines first, then what may be said at any moment, then the current question."""
        key = machines.menu_key(text)
        if key and "press_digits" in self._setting.tools:
            self._wish = Wish(self._setting.tools["press_digits"], {"digits": key})
            return
        if machines.asks_who_calls(text):
            self._say(_statement(self._message(self._graph.start)) or "One moment please.")
            return
        unheard, self._opened = not self._opened, True
        called = self._called(text, urgent=unheard)
        if called is not None:
            self._interlude(called)
        elif unheard and self._message(self._node):
            # The person spoke before hearing the opening, so that is the answer to whatever was said.
            self._say(self._message(self._node))
        elif self._pending is not None:
            self._confirmed(text, self._pending)
        else:
            self._answered(text)

    def _called(self, text: str, *, urgent: bool) -> Node | None:
        """Return the global node that was called for; ``urgent`` leaves out the polite ones."""
        polite_may_contain: bool | None = None
        for node in self._listeners:
            phrases = self._spoken_phrases(anytime.phrases_of(node))
            if node.intent not in anytime.POLITE:
                if match.equals(text, phrases) or match.mentions(text, phrases):
                    return node
                continue
            if urgent:
                continue
            if match.equals(text, phrases):
                return node
            if polite_may_contain is None:
                polite_may_contain = self._understood(text) is None
            if polite_may_contain and match.matches(text, phrases) and not self._wanted(text):
                return node
        return None

    def _interlude(self, node: Node) -> None:
        """Run a global node: say its message, go where it leads, else come back to the question."""
        message = self._message(node)
        self._say(message)
        way = self._first(node, text="", answered=True)
        if way is not None:
            self._enter(way.target, said="")
        elif node.intent in anytime.ENDING:
            self._end("")
        elif node.intent == "repeat":
            self._say(self._asked())
        elif node.intent != "wait":
            self._say(self._question())

    def _understood(self, text: str) -> Answer | None:
        """Read the turn as an answer to the current question."""
        if self._pending is not None:
            return understand("yes_no", text)
        expects = self._node.expects
        return understand(expects.kind, text, expects.options) if expects else None

    def _wanted(self, text: str) -> bool:
        """Tell whether the turn's words lead on from here."""
        return any(self._says(edge.condition, text) for edge in self._graph.edges_from(self._node))

    def _answered(self, text: str) -> None:
        """Take the turn as an answer: fill the slot, confirm if asked to, follow the first edge that holds."""
        answer = self._understood(text)
        way = next((edge for edge in self._graph.edges_from(self._node) if self._says(edge.condition, text)), None)
        if answer is not None and self._node.confirm and way is None:
            self._pending = answer
            self._say(self._question())
            return
        self._take(text, answer)

    def _confirmed(self, text: str, pending: Answer) -> None:
        """Take the answer to "is that right?": yes, no, or another answer at once."""
        consent = understand("yes_no", text)
        expects = self._node.expects
        if consent is not None and consent.value == "yes":
            self._pending = None
            self._take("", pending)
        elif expects and expects.kind not in {"yes_no", "free_text"} and (other := self._corrected(text)):
            self._pending = other
            self._say(self._question())
        elif consent is not None:
            self._pending = None
            self._say(f"Sorry about that. {self._question()}")
        else:
            self._missed()

    def _corrected(self, text: str) -> Answer | None:
        """Read another answer out of "no, it is …"."""
        expects = self._node.expects
        said = re.sub(r"^(no|nope|not? quite)\b[\s,.]*", "", text.strip(), flags=re.IGNORECASE)
        return understand(expects.kind, said, expects.options) if expects and said else None

    def _take(self, text: str, answer: Answer | None) -> None:
        """Keep the answer and go on along the first edge that holds; else it counts as not understood."""
        expects = self._node.expects
        if answer is not None and expects is not None:
            self._keep(self._node, answer)
        way = self._first(self._node, text, answered=answer is not None or (expects is None and bool(text.strip())))
        if way is not None:
            # Keys pressed for one question never answer the next.
            self._enter(way.target, said="" if keypad(text) else text)
        elif answer is not None and not self._graph.edges_from(self._node):
            self._end(_FAREWELL)
        else:
            self._missed()

    def _keep(self, node: Node, answer: Answer) -> None:
        """Fill the node's slot; a day joins the time known before, and the other way round."""
        self._slots[node.slot] = completed(self._slots.get(node.slot), answer)

    # --- edges ---

    def _first(self, node: Node, text: str, *, answered: bool) -> Edge | None:
        """Return the first edge that holds."""
        return next(
            (edge for edge in self._graph.edges_from(node) if self._holds(edge.condition, node, text, answered)), None
        )

    def _holds(self, condition: Condition, node: Node, text: str, answered: bool) -> bool:
        """Judge one condition; what depends on an answer needs one."""
        match condition.kind:
            case "always":
                return answered
            case "expression":
                return answered and condition.expression is not None and condition.expression.holds(self._lookup)
            case "slot":
                filled = self._slots.get(condition.text or node.slot)
                wanted = condition.value.lower()
                return answered and filled is not None and (not wanted or filled.value.lower() == wanted)
            case _:
                return self._says(condition, text)

    def _says(self, condition: Condition, text: str) -> bool:
        """Tell whether the words themselves fulfil the condition."""
        if not text.strip():
            return False
        phrases = self._spoken_phrases(condition.phrases)
        if condition.kind == "keyword":
            return match.mentions(text, phrases)
        return condition.kind in {"intent", "llm"} and match.matches(text, phrases)

    def _special(self, kind: str, count: int, limit: int) -> Edge | None:
        """Return the ``no_match`` or ``silence`` edge that is due after that many."""
        for edge in self._graph.edges_from(self._node):
            value = edge.condition.value
            if edge.condition.kind == kind and count >= (int(value) if value.isdecimal() else limit):
                return edge
        return None

    def _missed(self) -> None:
        """Ask again in other words, and after the retries go on gracefully."""
        self._misses += 1
        way = self._special("no_match", self._misses, self._node.retries + 1)
        if way is not None:
            self._enter(way.target, said="")
        elif self._misses > self._node.retries:
            self._end(_GIVE_UP)
        elif self._pending is None and self._misses <= len(self._node.reprompts):
            self._say(self._render(self._node.reprompts[self._misses - 1]))
        else:
            self._say(f"{_SORRY[(self._misses - 1) % len(_SORRY)]} {self._question()}")

    def _silent(self) -> None:
        """Remind the person of the question; this never counts as a wrong answer."""
        self._silences += 1
        way = self._special("silence", self._silences, 1)
        if way is not None:
            self._enter(way.target, said="")
        else:
            self._say(f"Are you still there? {self._question()}")

    # --- nodes ---

    def _enter(self, target: str, said: str) -> None:
        """Go to a node and on through those that ask nothing; ``said`` may already answer the next question."""
        for _ in range(_MOST_HOPS):
            self._node = node = self._graph.nodes[target]
            self._misses = self._silences = 0
            self._pending = None
            way = self._pass(node, said)
            if way is None:
                return
            if node.kind in {"start", "conversation"}:
                said = ""  # one sentence answers one question
            target = way.target
        self._end(_GIVE_UP)

    def _pass(self, node: Node, said: str) -> Edge | None:
        """Do what a node does on arrival; return the way on, or ``None`` to stay and wait."""
        match node.kind:
            case "start" | "conversation":
                return self._ask(node, said)
            case "logic":
                for slot, text in node.sets.items():
                    value = self._render(text)
                    self._slots[slot] = Answer(value, value)
                self._say(self._message(node))
                return self._on(self._first(node, text="", answered=True))
            case "end" | "global":
                self._end(self._message(node))
                return None
            case "function" | "transfer" | "sms":
                return self._call(node)

    def _ask(self, node: Node, said: str) -> Edge | None:
        """Ask the node's question, unless what was said already answers it and the node lets it count."""
        expects = node.expects
        if expects and expects.kind not in {"date", "time"}:
            self._slots.pop(node.slot, None)
        answer = understand(expects.kind, said, expects.options) if expects and node.carry and said else None
        if answer is not None:
            self._keep(node, answer)
            if way := self._first(node, said, answered=True):
                return way
        self._say(self._message(node))
        return None

    def _call(self, node: Node) -> Edge | None:
        """Ask for the node's function, or take its failure edge when there is none to call."""
        self._say(self._message(node))
        name = self._setting.tools.get(node.function or _TOOLS.get(node.kind, ""))
        if name is None:
            # A text message cannot be sent on a web call: contract C.12 lets the flow go on as if it had been.
            return self._on(self._way("success" if node.kind == "sms" else "failure"))
        arguments = {
            key: self._render(value) if isinstance(value, str) else value for key, value in node.arguments.items()
        }
        self._wish = Wish(name, arguments)
        self._waiting = True
        return None

    def _outcome(self, value: str) -> None:
        """Leave a function node by what came of it."""
        self._waiting = False
        way = self._on(self._way(value))
        if way is not None:
            self._enter(way.target, said="")

    def _way(self, value: str) -> Edge | None:
        """Return the edge for an outcome, else the first that holds anyway."""
        edges = self._graph.edges_from(self._node)
        outcome = (e for e in edges if e.condition.kind == "outcome" and e.condition.value.lower() in {value, ""})
        return next(outcome, None) or self._first(self._node, text="", answered=True)

    def _on(self, way: Edge | None) -> Edge | None:
        """Return the way, or end the call where there is none."""
        if way is None:
            self._end(_FAREWELL)
        return way

    def _end(self, text: str) -> None:
        """Say the last words and ask for the call to be ended."""
        self._say(text)
        self._ended = True
        name = self._setting.tools.get("end_call")
        self._wish = Wish(name) if name else None

    # --- words ---

    def _say(self, text: str) -> None:
        if text.strip():
            self._said.append(text.strip())

    def _render(self, text: str) -> str:
        return render(text, self._lookup)

    def _message(self, node: Node) -> str:
        """Return what a node says; the start node says the agent's opening when it has no words of its own."""
        if node is self._graph.start and not node.message:
            return self._setting.opening
        return self._render(node.message)

    def _asked(self) -> str:
        """Return the last question in full."""
        return self._question() if self._pending is not None else self._message(self._node)

    def _question(self) -> str:
        """Return the current question in its short form."""
        if self._pending is not None:
            return f"I heard {self._pending.spoken}. Is that right?"
        return self._render(self._node.question) if self._node.question else _last_question(self._message(self._node))

    def _lookup(self, name: str) -> str:
        """Return the text of a slot (as said back), one of its parts, or a variable."""
        if name in self._slots:
            return self._slots[name].spoken
        if name in self._setting.variables:
            return self._setting.variables[name]
        slot, _, part = name.rpartition(".")
        answer = self._slots.get(slot)
        if answer is None:
            return ""
        return {"value": answer.value, "spoken": answer.spoken, **answer.parts}.get(part, "")

    def _spoken_phrases(self, phrases: Sequence[str]) -> list[str]:
        """Fill variables into phrases; a value must never turn a phrase into a pattern."""
        return [
            render(phrase, lambda name: self._lookup(name).replace("/", " ")) if "{{" in phrase else phrase
            for phrase in phrases
        ]

    # --- the reply ---

    def _reply(self) -> Reply:
        """Hand out what was said since the last reply."""
        text, wish = " ".join(self._said), self._wish
        self._said, self._wish = [], None
        waiting = self._ended or self._waiting
        return Reply(text, wish, None if waiting else self._expectation(), self._ended)

    def _expectation(self) -> Expectation:
        """Say what may be answered: the question's own phrases, those of the edges, and the global ones."""
        words = _names(self._setting)
        if self._pending is not None:
            return Expectation("yes_no", words=words)
        expects = self._node.expects
        own = (
            [*expects.phrases, *(phrase for option in expects.options for phrase in option.phrases)] if expects else []
        )
        led = [phrase for edge in self._graph.edges_from(self._node) for phrase in edge.condition.phrases]
        called = [phrase for node in self._listeners for phrase in node.phrases]
        kind = expects.kind if expects else "choice" if led else "free_text"
        return Expectation(kind, self._audible([*own, *led, *called]), words)

    def _audible(self, phrases: Sequence[str]) -> tuple[str, ...]:
        """Return the phrases a recogniser can listen for, each once: no patterns, nothing it knows anyway."""
        plain = [phrase for phrase in phrases if not match.is_pattern(phrase)]
        spoken = dict.fromkeys(_as_spoken(phrase) for phrase in self._spoken_phrases(plain))
        return tuple(text for text in spoken if text and match.normalise(text) not in _GENERIC)


def _as_spoken(phrase: str) -> str:
    """Write a phrase as a recogniser's dictionary has it: lower-case words with their apostrophes."""
    return " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", phrase.lower().replace("’", "'")))


def _names(setting: Setting) -> tuple[str, ...]:
    """Return words that may occur and no dictionary promises: key terms and short variable values."""
    texts = (*setting.keyterms, *(value for value in setting.variables.values() if len(value.split()) <= 4))
    found = dict.fromkeys(word for text in texts for word in _as_spoken(text).split() if len(word) > 1)
    return tuple(found)[:_MOST_WORDS]


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def _last_question(text: str) -> str:
    """Return the last sentence that asks; the whole text when none does."""
    return next((sentence for sentence in reversed(_sentences(text)) if sentence.endswith("?")), text)


def _statement(text: str) -> str:
    """Return the sentences that do not ask: who is calling, and why."""
    return " ".join(sentence for sentence in _sentences(text) if not sentence.endswith("?"))


def _failed(result: str) -> bool:
    """Tell whether a function's result reports a failure."""
    try:
        parsed: object = json.loads(result)
    except ValueError:
        return result.strip().lower().startswith(("error", "failed", "failure"))
    report = mapping(parsed)
    return bool(report.get("error")) or report.get("ok") is False or report.get("success") is False


def _result_answer(result: str) -> Answer:
    """Keep a function's result: JSON fields become parts, for ``{{slot.field}}``."""
    try:
        parsed: object = json.loads(result)
    except ValueError:
        parsed = None
    parts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in mapping(parsed).items()}
    return Answer(result, result, parts)
