"""Walk a conversation graph: one ``Dialogue`` is fed what happened in a call, event by event, and says what comes next.

It holds no more than the events imply: replaying the same events gives the same replies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dialnexa.live.speech.embedded.flow import acting, anytime, hearing, machines, match, reading, results
from dialnexa.live.speech.embedded.flow.acting import Wish
from dialnexa.live.speech.embedded.flow.graph import Edge, Graph, Node
from dialnexa.live.speech.embedded.flow.memory import Memory
from dialnexa.live.speech.embedded.flow.slots import Answer, keypad, understand
from dialnexa.live.speech.embedded.flow.ways import Ways
from dialnexa.live.speech.ports import Expectation
from dialnexa.live.timeline import Citation, FlowNodeEntered, Passage

SILENCE = "[silence]"
"""The user turn that stands for saying nothing when something was expected."""
_MARK = re.compile(r"\s*(\[[^\]]*\]\s*)+")
"""Other remarks in brackets ("[inaudible]") are a turn of which nothing was understood."""
_MOST_HOPS = 32
"""Nodes passed in one turn; more is a circle of nodes that ask nothing."""
_SORRY = ("Sorry, I did not get that.", "I am sorry, I still did not understand.", "Sorry, once more.")
_GIVE_UP = "I am sorry, I am having trouble understanding you. Please try again later. Goodbye."
_FAREWELL = "Goodbye."
_WHAT_ELSE = "What else can I do for you?"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a conversation has before it starts."""

    opening: str = ""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    keyterms: tuple[str, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    """Functions that may be called: by kind (``end_call``) and by name, to the name to use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes next: words, and perhaps a function."""

    text: str = ""
    wish: Wish | None = None
    cites: Citation | None = None
    """Where the words come from, if out of a knowledge base."""

    def sentences(self) -> list[str]:
        """Return the text sentence by sentence; joined they are the text."""
        return re.findall(r".+?(?:[.!?]+\s+|$)", self.text, re.DOTALL)


class Dialogue:
    """A conversation in progress. Feed ``opened``, ``hear`` and ``returned`` in the order things happened."""

    def __init__(self, graph: Graph, setting: Setting) -> None:
        self._graph = graph
        self._setting = setting
        self._memory = Memory(setting.variables)
        self._ways = Ways(graph, self._memory)
        self._listeners = anytime.listeners(graph)
        self._node = graph.start
        self._misses = 0
        self._silences = 0
        self._pending: Answer | None = None
        self._opened = False
        self._ended = False
        self._waiting = False
        self._said: list[str] = []
        self._wish: Wish | None = None
        self._passages: Sequence[Passage] = ()
        self._cites: Citation | None = None
        self._path = [entered(graph.start, "start")]

    # --- what happens ---

    @property
    def slots(self) -> Mapping[str, Answer]:
        """What the caller told so far."""
        return self._memory.slots

    @property
    def path(self) -> tuple[FlowNodeEntered, ...]:
        """Every node since the call began."""
        return tuple(self._path)

    @property
    def collected(self) -> Mapping[str, str]:
        """What is worth keeping after the call."""
        return self._memory.collected

    def opened(self) -> None:
        """Note that the opening was spoken (by the platform), so that the next words answer it."""
        self._opened = True

    def open(self) -> Reply:
        """Speak the opening."""
        self._opened = True
        self._say(self._message(self._graph.start))
        return self._reply()

    def expectation(self) -> Expectation | None:
        """Return what may be answered now; ``None`` when nothing is awaited from the person."""
        if self._ended or self._waiting:
            return None
        words = hearing.names(self._setting.variables, self._setting.keyterms)
        if self._pending is not None:
            return Expectation("yes_no", words=words)
        edges = self._graph.edges_from(self._node)
        return hearing.expectation(self._node, edges, self._listeners, self._memory, words)

    def hear(self, text: str, passages: Sequence[Passage] = ()) -> Reply:
        """Take one user turn: words, keys (``DTMF: 1``), nothing understood (empty), or ``SILENCE``.

        ``passages`` are what knowledge bases say to it, best first.
        """
        self._passages = passages
        if self._ended:
            self._end(_FAREWELL)
        elif text.strip().lower() == SILENCE:
            self._silent()
        else:
            if self._waiting:
                # The person speaks although a function's result never came: go on as if it had failed.
                self._leave("failure")
                self._said.clear()
            self._listen("" if _MARK.fullmatch(text) else text)
        return self._reply()

    def returned(self, result: str) -> Reply:
        """Take the result of the function asked for last; results of other functions need no answer."""
        if self._waiting:
            if self._node.kind == "function":
                self._memory.keep(self._node.slot, results.answer(result), collected=False)
                self._memory.learn(results.variables(result))
            self._leave("failure" if results.failed(result) else "success")
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
        listener = self._called(text, unheard=unheard)
        if listener is not None:
            self._interlude(listener)
        elif unheard and self._message(self._node):
            # The person spoke before hearing the opening, so that is the answer to whatever was said.
            self._say(self._message(self._node))
        elif reading.asks(text) and not self._answers_here(text) and self._looked_up(text):
            return
        elif self._pending is not None:
            self._confirmed(text, self._pending)
        else:
            self._answered(text)

    def _called(self, text: str, *, unheard: bool) -> Node | None:
        """Return the global node that was called for.

        Polite ones (hello, goodbye …) need the whole utterance where the turn also answers the question, and before
        the opening was heard there is nothing to be polite about.
        """
        for node in self._listeners:
            phrases = self._memory.phrases(anytime.phrases_of(node))
            polite = node.intent in anytime.POLITE
            if polite and unheard:
                continue
            if match.equals(text, phrases) or (not polite and match.mentions(text, phrases)):
                return node
            if polite and match.matches(text, phrases) and not self._leads_on(text):
                return node
        return None

    def _leads_on(self, text: str) -> bool:
        """Tell whether the turn answers the question, or its words lead on from here."""
        return self._understood(text) is not None or self._ways.worded(self._node, text) is not None

    def _interlude(self, node: Node) -> None:
        """Run a global node: say its message, go where it leads, else come back to the question."""
        defined = node.id in self._graph.nodes
        if defined:
            self._path.append(entered(node, "global"))
        self._say(self._message(node))
        way = self._ways.after(node)
        if way is not None:
            self._enter(way)
            return
        if node.intent in anytime.ENDING:
            self._end("")
            return
        if defined:
            self._path.append(entered(self._node, "return"))
        if node.intent == "repeat":
            self._say(self._question() if self._pending is not None else self._message(self._node))
        elif node.intent != "wait":
            self._say(self._question())

    def _answers_here(self, text: str) -> bool:
        """Tell whether a question of the caller is what this node waits for; anything is free text, so that is none."""
        free = self._node.expects is None or self._node.expects.kind == "free_text"
        read = None if free and self._pending is None else self._understood(text)
        return read is not None or self._ways.worded(self._node, text) is not None

    def _looked_up(self, text: str) -> bool:
        """Answer from the knowledge base and come back to our own question; return whether there was an answer."""
        found = reading.answer(text, self._passages)
        if found is None:
            return False
        words, passage = found
        question = self._question()
        self._say(words)
        self._say(question if question.endswith("?") else _WHAT_ELSE)
        self._cites = passage.citation
        return True

    def _understood(self, text: str) -> Answer | None:
        """Read the turn as an answer to the current question."""
        if self._pending is not None:
            return understand("yes_no", text)
        expects = self._node.expects
        return understand(expects.kind, text, expects.options) if expects else None

    def _answered(self, text: str) -> None:
        """Take the turn as an answer; one that must be confirmed is read back first."""
        answer = self._understood(text)
        if answer is not None and self._node.confirm and self._ways.worded(self._node, text) is None:
            self._pending = answer
            self._say(self._question())
        else:
            self._take(text, answer)

    def _confirmed(self, text: str, pending: Answer) -> None:
        """Take the answer to "is that right?": yes, no, or another answer at once."""
        consent = understand("yes_no", text)
        if consent is not None and consent.value == "yes":
            self._pending = None
            self._take("", pending)
        elif (other := self._corrected(text)) is not None:
            self._pending = other
            self._say(self._question())
        elif consent is not None:
            self._pending = None
            self._say(f"Sorry about that. {self._question()}")
        else:
            self._missed()

    def _corrected(self, text: str) -> Answer | None:
        """Read another answer out of "no, it is …"; anything is free text, so that corrects nothing."""
        expects = self._node.expects
        if expects is None or expects.kind in {"yes_no", "free_text"}:
            return None
        return understand(expects.kind, re.sub(r"^\W*no(pe)?\b\W*", "", text, flags=re.IGNORECASE), expects.options)

    def _take(self, text: str, answer: Answer | None) -> None:
        """Keep the answer and go on along the first edge that holds; else it counts as not understood."""
        node = self._node
        if answer is not None:
            self._memory.keep(node.slot, answer)
        way = self._ways.after(node, text, answered=answer is not None or (node.expects is None and bool(text.strip())))
        if way is not None:
            # Keys pressed for one question never answer the next.
            self._enter(way, said="" if keypad(text) else text)
        elif answer is not None and not self._ways.exist(node):
            self._end(_FAREWELL)
        elif not self._looked_up(text):
            self._missed()

    def _missed(self) -> None:
        """Ask again in other words, and after the retries go on gracefully."""
        self._misses += 1
        node = self._node
        way = self._ways.counted(node, "no_match", self._misses, node.retries + 1)
        if way is not None:
            self._enter(way)
        elif self._misses > node.retries:
            self._end(_GIVE_UP)
        elif self._pending is None and self._misses <= len(node.reprompts):
            self._say(self._memory.render(node.reprompts[self._misses - 1]))
        else:
            self._say(f"{_SORRY[(self._misses - 1) % len(_SORRY)]} {self._question()}")

    def _silent(self) -> None:
        """Remind the person of the question; this never counts as a wrong answer."""
        self._silences += 1
        way = self._ways.counted(self._node, "silence", self._silences, 1)
        if way is not None:
            self._enter(way)
        else:
            self._say(f"Are you still there? {self._question()}")

    # --- nodes ---

    def _enter(self, edge: Edge, said: str = "") -> None:
        """Go along an edge and on through those that ask nothing; ``said`` may already answer the next question."""
        for _ in range(_MOST_HOPS):
            self._node = node = self._graph.nodes[edge.target]
            self._path.append(entered(node, "edge", edge.id))
            self._misses = self._silences = 0
            self._pending = None
            way = self._arrive(node, said)
            if way is None:
                return
            if node.kind in {"start", "conversation"}:
                said = ""  # one sentence answers one question
            edge = way
        self._end(_GIVE_UP)

    def _arrive(self, node: Node, said: str) -> Edge | None:
        """Do what a node does on arrival; return the way on, or ``None`` to stay and wait."""
        match node.kind:
            case "start" | "conversation" if node.ends:
                self._end(self._message(node))
                return None
            case "start" | "conversation":
                return self._ask(node, said)
            case "logic":
                for slot, text in node.sets.items():
                    value = self._memory.render(text)
                    self._memory.keep(slot, Answer(value, value))
                self._say(self._message(node))
                return self._or_end(self._ways.after(node))
            case "end" | "global":
                self._end(self._message(node))
                return None
            case "function" | "transfer" | "sms":
                return self._call(node)

    def _ask(self, node: Node, said: str) -> Edge | None:
        """Ask the node's question, unless what was said already answers it and the node lets it count."""
        expects = node.expects
        if expects and expects.kind not in {"date", "time"}:  # those may complete a moment half known
            self._memory.forget(node.slot)
        answer = understand(expects.kind, said, expects.options) if expects and node.carry and said else None
        if answer is not None:
            self._memory.keep(node.slot, answer)
            if way := self._ways.after(node, said):
                return way
        self._say(self._message(node))
        return None

    def _call(self, node: Node) -> Edge | None:
        """Ask for the node's function, or go on at once when there is none to call."""
        self._say(self._message(node))
        wish = acting.wish(node, self._setting.tools, self._memory)
        if wish is None:
            # A text message cannot be sent on a web call: contract C.12 lets the flow go on as if it had been.
            return self._or_end(self._ways.outcome(node, "success" if node.kind == "sms" else "failure"))
        self._wish = wish
        self._waiting = True
        return None

    def _leave(self, outcome: str) -> None:
        """Leave a function node by what came of it."""
        self._waiting = False
        way = self._or_end(self._ways.outcome(self._node, outcome))
        if way is not None:
            self._enter(way)

    def _or_end(self, way: Edge | None) -> Edge | None:
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

    def _message(self, node: Node) -> str:
        """Return what a node says; the start node says the agent's opening when it has no words of its own."""
        if node is self._graph.start and not node.message:
            return self._setting.opening
        return self._memory.render(node.message)

    def _question(self) -> str:
        """Return the current question in its short form."""
        if self._pending is not None:
            return f"I heard {self._pending.spoken}. Is that right?"
        return self._memory.render(self._node.question) or _last_question(self._message(self._node))

    def _reply(self) -> Reply:
        """Hand out what was said since the last reply."""
        text, wish, cites = " ".join(self._said), self._wish, self._cites
        self._said, self._wish, self._cites = [], None, None
        return Reply(text, wish, cites)


def entered(node: Node, by: Literal["start", "edge", "global", "return"], edge_id: str = "") -> FlowNodeEntered:
    """Return the line of the timeline that tells of an arrival."""
    return FlowNodeEntered(node.id, node.label, node.kind, by, edge_id)


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+", text) if part]


def _last_question(text: str) -> str:
    """Return the last sentence that asks; the whole text when none does."""
    return next((sentence for sentence in reversed(_sentences(text)) if sentence.endswith("?")), text)


def _statement(text: str) -> str:
    """Return the sentences that do not ask: who is calling, and why."""
    return " ".join(sentence for sentence in _sentences(text) if not sentence.endswith("?"))
