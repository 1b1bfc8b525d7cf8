"""The agent's mind in a call: asks the model, hands its words to the mouth clause by clause, carries out functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from dialnexa.live.conversation.events import (
    EndRequested,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    ReplyText,
    ToolFinished,
    ToolStarted,
)
from dialnexa.live.conversation.functions import FunctionResult, Functions
from dialnexa.live.conversation.itinerary import Itinerary
from dialnexa.live.conversation.knowledge import Library, consult, instructed
from dialnexa.live.conversation.ledger import INAUDIBLE, AgentTurn, Ledger
from dialnexa.live.conversation.mouth import Mouth
from dialnexa.live.conversation.tokens import TokenCount
from dialnexa.live.conversation.wiring import Wiring
from dialnexa.live.plan import AgentPlan
from dialnexa.live.speech.ports import (
    Cites,
    Expect,
    Expectation,
    Finished,
    Llm,
    Message,
    SpeechError,
    SteppedIn,
    TextDelta,
    ToolCall,
    Walked,
    closing,
)
from dialnexa.live.speech.sentences import Sentences
from dialnexa.live.timeline import ToolCalled, Trouble

PLATFORM_RULES = """\
You are speaking with a person on the telephone.
Answer in short spoken sentences, one question at a time. No lists, no markup, no emoji.
Write numbers and dates as they are spoken.
A user turn [inaudible] was not understood: ask the person to repeat it.
A user turn such as "DTMF: 12" are keys pressed on the keypad.
If you were interrupted, your turn shows only the words the person heard."""

_ROUNDS = 8
"""Requests to the model in one agent turn: more is a circle of functions calling each other."""


class Agent:
    """Makes replies, one at a time."""

    def __init__(
        self,
        plan: AgentPlan,
        llm: Llm,
        wiring: Wiring,
        *,
        functions: Functions,
        ledger: Ledger,
        mouth: Mouth,
        expect: Callable[[Expectation], None],
        library: Library | None = None,
    ) -> None:
        self._llm = llm
        self._functions = functions
        self._ledger = ledger
        self._mouth = mouth
        self._tell = wiring.tell
        self._emit = wiring.emit
        self._now = wiring.now
        self._spawn = wiring.spawn
        self._expect = expect
        self._library = library
        self._task: asyncio.Task[None] | None = None
        self._tool: asyncio.Task[FunctionResult] | None = None
        self._tool_expired = False
        self._quiet = False
        """Whether a function that was just used is one whose result is not spoken of at once."""
        self._guided = plan.model.id.startswith("builtin/")
        self._itinerary = Itinerary(wiring.emit)
        self._flows = plan.flow is not None
        self.tokens = TokenCount(guess=not self._guided)
        system = plan.prompt if self._guided else f"{PLATFORM_RULES}\n\n{plan.prompt}"
        self._system = Message("system", system.strip())

    # --- for the conversation -----------------------------------------------------------------------------------------

    def reply(self, number: int, turn: AgentTurn) -> None:
        """Ask the model for an agent turn; asking again for the same number starts over."""
        self.cancel()
        self._task = self._spawn(self._reply(number, turn))

    def cancel(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def expire_tool(self) -> None:
        """The function under way has had its time; the model is told so."""
        if self._tool is not None:
            self._tool_expired = True
            self._tool.cancel()

    def prime(self) -> None:
        """Learn where a flow begins, and what is expected as the answer to words that were not the engine's own."""
        if self._guided or self._flows:
            self._spawn(self._prime())

    @property
    def collected(self) -> Mapping[str, str]:
        """What a flow has learned so far."""
        return self._itinerary.collected

    # --- one reply ----------------------------------------------------------------------------------------------------

    async def _prime(self) -> None:
        try:
            async with closing(self._llm.stream(self._messages(), self._functions.tools)) as events:
                async for event in events:
                    if isinstance(event, Expect):
                        self._expect(event.expectation)
                    elif isinstance(event, Walked):
                        self._itinerary.follow(event)
        except SpeechError:
            return  # an expectation is a courtesy; the reply to come will tell what is wrong

    async def _reply(self, number: int, turn: AgentTurn) -> None:
        try:
            if self._library is not None:
                await self._consult(self._library, turn)
            for _ in range(_ROUNDS):
                calls = await self._round(number, turn)
                self._quiet = False
                if not calls or await self._use(number, turn, calls) or self._quiet:
                    break
        except SpeechError as error:
            self._tell(ReplyFailed(self._now(), number, str(error)))
            return
        self._tell(ReplyFinished(self._now(), number))
        self._mouth.finish(number)

    async def _consult(self, library: Library, turn: AgentTurn) -> None:
        """Look up what the caller said; a guided engine says itself what it made use of."""
        turn.passages = ()
        turn.passages = await consult(library, self._ledger.messages())
        turn.stage("knowledge", self._now())
        turn.citations = () if self._guided else tuple(one.citation for one in turn.passages)

    async def _round(self, number: int, turn: AgentTurn) -> list[ToolCall]:
        """Ask once: speak what comes, return the functions the model wants."""
        sentences = Sentences()
        calls: list[ToolCall] = []
        begun = False
        messages = self._messages(turn)
        asked = self.tokens.counted(messages, self._llm.stream(messages, self._functions.tools))
        async with closing(asked) as events:
            async for event in events:
                if not begun:
                    begun = True
                    turn.stage("llm_first_token", self._now())
                    self._tell(ReplyStarted(self._now(), number))
                match event:
                    case TextDelta():
                        self._speak(number, sentences.feed(event.text))
                    case ToolCall():
                        calls.append(event)
                    case Expect():
                        self._expect(event.expectation)
                    case Cites():
                        turn.citations = (*turn.citations, event.citation)
                    case SteppedIn():
                        self._emit(Trouble("llm", event.why))
                    case Walked():
                        self._itinerary.follow(event)
                        self._functions.know(event.collected)
                    case Finished():
                        break
        self._speak(number, [sentences.rest()])
        return calls

    def _speak(self, number: int, clauses: Sequence[str]) -> None:
        for clause in clauses:
            if clause:
                self._tell(ReplyText(self._now(), number, clause))
                self._mouth.speak(number, clause)

    async def _use(self, number: int, turn: AgentTurn, calls: Sequence[ToolCall]) -> bool:
        """Carry out functions, the one that hangs up last; return whether the call ends."""
        for call in sorted(calls, key=lambda call: self._functions.ends_call(call.name)):
            result = await self._use_one(number, turn, call)
            if result.ends_call:
                self._tell(EndRequested(self._now(), number, result.transferred))
                return True
        return False

    async def _use_one(self, number: int, turn: AgentTurn, call: ToolCall) -> FunctionResult:
        started = self._now()
        limit = self._functions.limit_ms(call.name)
        turn.tool_started(call)
        holding = self._functions.holding_message(call.name)
        announced = self._functions.announced(call.name)
        if announced:
            self._speak(number, [holding])
        silent = self._functions.silent(call.name) or (announced and bool(holding))
        waiting = "" if announced else holding
        self._tell(ToolStarted(started, number, call.name, limit, waiting, silent=silent, once=announced))
        result = await self._result(call, limit)
        took = self._now() - started
        turn.tool_finished(call, result.text)
        self._quiet |= not self._functions.speaks_after(call.name)
        self._emit(ToolCalled(call.name, call.arguments, result.text, result.ok, took))
        self._tell(ToolFinished(self._now(), number, call.name))
        return result

    async def _result(self, call: ToolCall, limit_ms: int) -> FunctionResult:
        self._tool_expired = False
        self._tool = asyncio.ensure_future(self._functions.call(call))
        try:
            return await self._tool
        except asyncio.CancelledError:
            if not self._tool_expired:
                raise
            return FunctionResult(f'{{"error": "{call.name} did not answer within {limit_ms // 1000} s."}}', ok=False)
        finally:
            self._tool = None

    def _messages(self, turn: AgentTurn | None = None) -> list[Message]:
        passages = () if turn is None or self._guided else turn.passages
        return [instructed(self._system, passages), *self._ledger.messages(inaudible="" if self._guided else INAUDIBLE)]
