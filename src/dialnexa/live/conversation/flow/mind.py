"""``FlowMind``: a language model that speaks along a conversation graph, behind the port of a language model.

The graph decides where the conversation is, the model finds the words there and judges which of the edges on the
person's words is meant: they are tools, taken before anything is said at the place they lead to.

A turn of which the person heard nothing is taken back, with every move in it: the model answered half a sentence, and
what follows may mean something else. Once a word of it was heard, or a function was called in it, its moves stand.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence

from dialnexa.live.conversation.flow.briefing import briefing
from dialnexa.live.conversation.flow.moves import NOTE, Offer, offered, written
from dialnexa.live.conversation.flow.walk import Next, Walk
from dialnexa.live.conversation.ledger import UNFINISHED
from dialnexa.live.conversation.words import phrases
from dialnexa.live.plan import AgentPlan
from dialnexa.live.speech.embedded.flow import acting, graph, hearing
from dialnexa.live.speech.embedded.flow.acting import Wish
from dialnexa.live.speech.embedded.flow.memory import Memory
from dialnexa.live.speech.embedded.flow.nodes import ACTING
from dialnexa.live.speech.ports import (
    Expect,
    Expectation,
    Finished,
    Llm,
    LlmEvent,
    Message,
    TextDelta,
    Tool,
    ToolCall,
    Walked,
    closing,
)

_REQUESTS = 6
"""To the model in one turn, at most; in the last it may only talk."""
_FAILED = json.dumps({"error": "The person spoke before it was done."})


def guided_by_graph(agent: AgentPlan, llm: Llm) -> Llm:
    """Return the mind of a call: a model that speaks along the agent's graph, or the one given where there is none.

    Raises ``GraphError`` (a ``ValueError``) naming what is wrong. The embedded engine reads the graph itself.
    """
    return llm if agent.flow is None or agent.model.id.startswith("builtin/") else FlowMind(agent, llm)


class _Turn:
    """What one request of the conversation has come to so far."""

    def __init__(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        first = messages[0] if messages and messages[0].role == "system" else None
        self.system = first.content if first else ""
        self.dialogue = list(messages[1:] if first else messages)
        self.tools = tools
        self.noted = False
        self.said: list[str] = []
        self.calls: list[ToolCall] = []
        self.tokens = [0, 0]

    def reads(self, finished: Finished) -> None:
        self.tokens[0] += finished.prompt_tokens
        self.tokens[1] += finished.completion_tokens


class FlowMind:
    """The mind of one call."""

    def __init__(self, agent: AgentPlan, llm: Llm) -> None:
        """Raises ``GraphError`` when the agent's graph cannot run."""
        self._agent = agent
        self._llm = llm
        self._graph = graph.parse(agent.flow or {})
        self._own = {function.name: function.kind for function in agent.functions}
        apology = phrases(agent.transcriber.language).apology
        self._walk = Walk(self._graph, Memory(agent.variables), opening=agent.opening.text, apology=apology)
        self._walk.required = {
            function.name: required
            for function in agent.functions
            if isinstance(required := function.parameters.get("required"), list)
        }
        self._mark = self._walk.mark()
        self._known = 0
        """Messages there were when the mark was set."""
        self._whole = True
        """Whether the person had heard all that was said before they spoke."""
        self._spoken = agent.opening.text if agent.opening.mode == "agent_defined" else ""
        self._learned = 0
        self._awaiting = ""
        self._calls = 0
        self._particular = False
        """Whether the recogniser was told to expect something, which must then be taken back."""

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LlmEvent]:
        """Yield the reply: where the conversation goes, the graph's words and the model's, functions, ``Finished``.

        Before the person's first turn nothing is said, unless the opening is the model's to say.
        """
        turn = _Turn(messages, tools)
        self._walk.tools = acting.usable(self._agent.functions, (tool.name for tool in tools))
        step = self._begin(turn.dialogue)
        for left in reversed(range(_REQUESTS)):
            yield self._where()
            if step is None:
                break
            if step.text:
                yield self._say(turn, step.text)
            if step.call is not None:
                turn.calls = [self._call(step.call)]
            if step.call is not None or step.then == "wait":
                break
            if step.then == "end":
                turn.calls = self._end()
                break
            farewell = step.then == "farewell"
            offer = self._offer(turn, farewell=farewell, moves=left > 0)
            called: list[ToolCall] = []
            async for event in self._ask(turn, offer, called, farewell=farewell):
                yield event
            step = self._after(turn, offer, called, farewell=farewell)
        if not turn.calls and (expected := self._expected()):
            yield expected
        for call in turn.calls:
            yield call
        yield Finished("tool_calls" if turn.calls else "stop", *turn.tokens)

    # --- what happened ------------------------------------------------------------------------------------------------

    def _begin(self, dialogue: Sequence[Message]) -> Next | None:
        """Take in what happened since the last request; ``None`` when nothing is to be said."""
        last = dialogue[-1] if dialogue else None
        if self._awaiting:
            return self._returned(dialogue)
        news = self._learn(dialogue)
        if not any(message.role == "user" for message in dialogue):
            return self._open()
        if last is not None and last.role == "user":
            return self._heard(dialogue)
        return self._walk.informed() if news else Next(then="ask")

    def _open(self) -> Next | None:
        """Say the opening, where it is ours; asking again starts over."""
        if self._agent.opening.mode != "agent_dynamic":
            return None
        self._walk.back_to(self._mark)
        self._spoken = ""
        return self._walk.begin()

    def _heard(self, dialogue: Sequence[Message]) -> Next:
        since = dialogue[self._known :]
        heard = _letters(message.content for message in since if message.role == "assistant")
        if heard or any(message.role == "tool" for message in since):
            self._walk.opened()
            self._mark, self._whole = self._walk.mark(), _letters([self._spoken]) in heard
        else:
            self._walk.back_to(self._mark)
        self._known, self._spoken = len(dialogue), ""
        return self._walk.heard(whole=self._whole)

    def _returned(self, dialogue: Sequence[Message]) -> Next:
        """Take the result of the current node's function, or that it never came."""
        answers = [message.content for message in dialogue if message.tool_call_id == self._awaiting]
        self._awaiting = ""
        self._learned = sum(message.role == "tool" for message in dialogue)
        result = answers[-1] if answers and answers[-1] != UNFINISHED else _FAILED
        step = self._walk.returned(result)
        if dialogue[-1].role == "user":  # they spoke meanwhile; the outcome stands whatever they said
            self._known, self._spoken, self._mark = len(dialogue), "", self._walk.mark()
        return step

    def _learn(self, dialogue: Sequence[Message]) -> bool:
        """Keep what functions told the model since; tell whether there was anything."""
        answers = [message.content for message in dialogue if message.role == "tool"]
        news, self._learned = answers[self._learned :], len(answers)
        for result in news:
            self._walk.learn(result)
        return bool(news)

    # --- what is next -------------------------------------------------------------------------------------------------

    def _offer(self, turn: _Turn, *, farewell: bool, moves: bool) -> Offer:
        if farewell:
            return Offer({}, ())
        return offered(self._walk, turn.tools, self._own, moves=moves, notes=not turn.noted)

    async def _ask(
        self, turn: _Turn, offer: Offer, called: list[ToolCall], *, farewell: bool
    ) -> AsyncIterator[LlmEvent]:
        """Ask the model once: yield its words as they come, collect what it calls."""
        system = briefing(turn.system, self._walk, offer, " ".join(turn.said), farewell=farewell)
        said = ""
        gap = " " if turn.said else ""
        async with closing(self._llm.stream([Message("system", system), *turn.dialogue], offer.tools)) as events:
            async for event in events:
                match event:
                    case TextDelta():
                        yield TextDelta(gap + event.text)
                        gap, said = "", said + event.text
                    case ToolCall():
                        called.append(event)
                    case Finished():
                        turn.reads(event)
                    case Walked():
                        pass  # the embedded engine stepped in; where the call is, is decided here
                    case _:
                        yield event
        if said.strip():
            turn.said.append(said.strip())
            self._spoken += said

    def _after(self, turn: _Turn, offer: Offer, called: Sequence[ToolCall], *, farewell: bool) -> Next | None:
        """Carry out what the model called: functions come before moves, for their results may change its mind."""
        if farewell:
            turn.calls = self._end()
            return None
        functions = [call for call in called if call.name not in offer.moves]
        if functions:
            turn.calls = functions
            if self._walk.node.kind in ACTING and functions[0].name in {tool.name for tool in offer.functions}:
                wish = self._walk.calls(functions[0].name, written(functions[0]))
                turn.calls = [self._call(wish)]
            return None
        if not called:
            return None
        call = called[0]
        turn.noted = turn.noted or call.name == NOTE
        return offer.moves[call.name].take(self._walk, written(call))

    def _end(self) -> list[ToolCall]:
        name = self._walk.tools.get("end_call")
        return [self._tool_call(name, "{}")] if name else []

    def _call(self, wish: Wish) -> ToolCall:
        """Call the current node's function and remember whose result decides where to go."""
        wish = acting.fitted(wish, self._agent.functions)
        call = self._tool_call(wish.name, json.dumps(dict(wish.arguments)))
        self._awaiting = call.id
        return call

    def _tool_call(self, name: str, arguments: str) -> ToolCall:
        self._calls += 1
        return ToolCall(f"flow_{self._calls}", name, arguments)

    def _say(self, turn: _Turn, text: str) -> TextDelta:
        """Say the graph's own words."""
        gap = " " if turn.said else ""
        turn.said.append(text)
        self._spoken += text
        return TextDelta(f"{gap}{text}")

    def _where(self) -> Walked:
        walk = self._walk
        return Walked(walk.path, dict(walk.memory.collected), walk.trouble)

    def _expected(self) -> Expect | None:
        """Tell recognisers what may be answered where the conversation waits; where nothing is known, the key terms."""
        walk, keyterms = self._walk, self._agent.transcriber.keyterms
        words = hearing.names(self._agent.variables, keyterms)
        edges = self._graph.edges_from(walk.node)
        expectation = hearing.expectation(walk.node, edges, self._graph.globals, walk.memory, words)
        if expectation.kind == "free_text" and not expectation.phrases:
            if not keyterms and not self._particular:
                return None
            expectation = Expectation("free_text", keyterms, words)
        self._particular = True
        return Expect(expectation)


def _letters(texts: Iterable[str]) -> str:
    """Return only what is pronounced of texts, to compare them whatever the voice made of spaces and signs."""
    return "".join(letter for text in texts for letter in text.lower() if letter.isalnum())
