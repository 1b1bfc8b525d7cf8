"""A call to tell stories about: a conversation over a ``FakeLine``, everything it said and did at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.live.fake_speech import FakeSpeech, FakeStt, Scripted
from tests.live.fakes import FakeLine, settle

from dialnexa.live.conversation.conversation import Conversation, ConversationResult
from dialnexa.live.conversation.functions import FunctionRunner
from dialnexa.live.conversation.knowledge import Library
from dialnexa.live.plan import AgentPlan, CallPlan, FunctionSpec, Model, Opening, TurnTaking, VoicemailHandling
from dialnexa.live.speech.fallback_ears import FallbackStt
from dialnexa.live.speech.ports import Final, Llm, Message, SttCapabilities
from dialnexa.live.timeline import Happening, TurnSpoken

END_CALL = FunctionSpec("end_call", "end_call", "Hang up.")


def plan(
    *,
    opening: Opening | None = None,
    turns: TurnTaking | None = None,
    voicemail: VoicemailHandling | None = None,
    functions: tuple[FunctionSpec, ...] = (),
    outbound: bool = False,
) -> CallPlan:
    agent = AgentPlan(
        agent_id="agt_1",
        version_id="av_1",
        name="Mia",
        prompt="You are Mia.",
        opening=opening or Opening(text="Hello, this is Mia."),
        model=Model(id="test/model"),
        turns=turns or TurnTaking(),
        voicemail=voicemail or VoicemailHandling(),
        functions=functions,
    )
    direction = "outbound" if outbound else "inbound"
    return CallPlan("call_1", direction, "+14155550100", "+16505550199", agent)


@dataclass
class Story:
    """One conversation under way."""

    line: FakeLine
    speech: FakeSpeech
    happenings: list[Happening] = field(default_factory=list)
    conversation: Conversation | None = None
    task: asyncio.Task[ConversationResult] | None = None

    @property
    def transcript(self) -> list[tuple[str, str]]:
        assert self.conversation is not None
        return [(turn.role, turn.text) for turn in self.conversation.result().turns]

    @property
    def turns(self) -> tuple[TurnSpoken, ...]:
        assert self.conversation is not None
        return self.conversation.result().turns

    @property
    def over(self) -> bool:
        assert self.task is not None
        return self.task.done()

    @property
    def result(self) -> ConversationResult:
        assert self.task is not None
        return self.task.result()

    def happened(self, kind: type[Happening]) -> list[Happening]:
        return [what for what in self.happenings if isinstance(what, kind)]

    def asked(self, request: int = -1) -> list[Message]:
        """What the model saw, without the system prompt."""
        return self.speech.mind.requests[request][1:]

    async def agent_is_done(self) -> None:
        """Run until the agent has begun and finished speaking."""
        await self.line.run_until(lambda: self.line.agent_speaks)
        await self.line.run_until(lambda: not self.line.agent_speaks)

    async def says(self, text: str, seconds: float = 1.0) -> None:
        """The caller says this now and is understood."""
        self.speech.ears.script.append(text)
        self.line.caller_speaks(seconds)
        await self.line.run(seconds)


@asynccontextmanager
async def story(
    call: CallPlan | None = None,
    *,
    heard: Iterable[str | Final | None] = (),
    spare_heard: Iterable[str | Final | None] = (),
    replies: Iterable[Scripted] = (),
    functions: FunctionRunner | None = None,
    library: Library | None = None,
    continuous: bool = False,
    mind: Llm | None = None,
) -> AsyncGenerator[Story]:
    """``mind`` answers instead of the script ``replies``; ``spare_heard`` is what a plan's second recogniser hears."""
    line = FakeLine()
    told = Story(line, FakeSpeech.scripted(line.clock, heard=heard, replies=replies))
    told.speech.thinks = mind
    told.speech.ears.capabilities = SttCapabilities(continuous=continuous)
    if (second := (call or plan()).agent.transcriber.fallback) is not None:
        ears, spare = told.speech.ears, FakeStt(spare_heard, clock=line.clock)
        told.speech.hears = FallbackStt(ears, spare, second, 1.0, sleep=line.clock.sleep)
    told.conversation = Conversation(
        call or plan(), line, told.speech, told.happenings.append, functions=functions, library=library
    )
    told.task = asyncio.create_task(told.conversation.run())
    await settle()
    try:
        yield told
    finally:
        if not told.task.done():
            told.task.cancel()
        await asyncio.gather(told.task, return_exceptions=True)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"outlived the conversation: {left}"
