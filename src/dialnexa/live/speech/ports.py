"""What the conversation asks of a recogniser, a voice and a language model. Providers are thin adapters to these.

Every stream belongs to one call, is opened with ``async with`` and can be cancelled at any await.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dialnexa.live.line import Samples
from dialnexa.live.plan import AgentPlan, Transcriber, Voice
from dialnexa.live.timeline import Citation, FlowNodeEntered, Passage


class SpeechError(Exception):
    """A provider failed for good (after its own retries); says which one, why, and what the operator can do."""

    def __init__(self, sentence: str, *, status: int | None = None) -> None:
        """Say what is wrong; ``status`` is the HTTP status, where one was answered."""
        super().__init__(sentence)
        self.status = status


# --- what the next answer may be -------------------------------------------------------------------------------------

ExpectationKind = Literal[
    "free_text", "yes_no", "digits", "number", "date", "time", "datetime", "name", "choice", "phone"
]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the agent's last question expects: the embedded recogniser builds a grammar from it, others key terms."""

    kind: ExpectationKind = "free_text"
    phrases: tuple[str, ...] = ()
    """For ``choice``: the phrases of every option. For others: further phrases that must be understood (hold on, …)."""
    words: tuple[str, ...] = ()
    """Names and brands that may occur, taken from call variables."""


# --- ears ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Partial:
    """What the recogniser believes so far; replaces the partial before it."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """A stretch of speech that will not change any more; text may be empty when nothing was understood."""

    text: str
    confidence: float | None = None
    engine: str = ""
    matched: bool = False
    """Whether it answers the expectation (then the turn is surely complete)."""


@dataclass(frozen=True, slots=True)
class SteppedIn:
    """Another recogniser, or another language model, answers this time, for the agent's own did not."""

    why: str
    by: str = ""
    """Which recogniser; empty when the other one cannot do it any more."""
    heard_ms: int = 0
    """How much audio it was sent for that."""


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    """How a recogniser wants to be fed."""

    continuous: bool
    """True: send all audio. False: send only speech (with some audio before it), then ``finalize``."""
    sample_rate: int = 8000


class SttStream(Protocol):
    """Ears of one call."""

    def send(self, samples: Samples) -> None:
        """Take audio at once, never blocking; drops the oldest when the provider cannot keep up."""
        ...

    def finalize(self) -> None:
        """Ask for the final of everything sent so far; exactly one ``Final`` answers each call."""
        ...

    def expect(self, expectation: Expectation) -> None:
        """Say what the next stretch of speech probably is."""
        ...

    def events(self) -> AsyncIterator[Partial | Final | SteppedIn]:
        """Yield what was understood until the stream is closed; raises ``SpeechError``."""
        ...


class Stt(Protocol):
    """A recogniser, shared by all calls of a worker."""

    capabilities: SttCapabilities

    def open(self, settings: Transcriber) -> AbstractAsyncContextManager[SttStream]:
        """Open the ears of one call."""
        ...


# --- mouth -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised audio at 8 kHz."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text pushed since the last ``Spoken``, and where it starts in that audio (samples at 8 kHz)."""

    text_start: int
    text_end: int
    sample: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """All audio of the text pushed before the last ``flush`` has been yielded."""


@dataclass(frozen=True, slots=True)
class PhraseLookedUp:
    """The voice looked for a phrase among those it had spoken before."""

    hit: bool
    kept: bool = False
    """Whether it is there from now on."""


TtsEvent = Speech | Word | Spoken | PhraseLookedUp


class TtsStream(Protocol):
    """Mouth of one call."""

    def push(self, text: str) -> None:
        """Add text; synthesis may start at once or at ``flush``."""
        ...

    def flush(self) -> None:
        """End the stretch of text; exactly one ``Spoken`` follows its audio."""
        ...

    def cancel(self) -> None:
        """Forget all text and audio not yielded yet; nothing of it is yielded later, nor its ``Spoken``."""
        ...

    def events(self) -> AsyncIterator[TtsEvent]:
        """Yield audio and word marks until the stream is closed; raises ``SpeechError``."""
        ...


class Tts(Protocol):
    """A voice engine, shared by all calls of a worker."""

    def open(self, voice: Voice) -> AbstractAsyncContextManager[TtsStream]:
        """Open the mouth of one call."""
        ...


# --- mind ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a function called; ``arguments`` is the JSON text it wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the dialogue, in the shape of the chat-completions protocol."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    passages: tuple[Passage, ...] = ()
    """Of a user turn: what the knowledge bases say to it. Guided engines read it here; models in their instructions."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call."""

    name: str
    description: str
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Expect:
    """What the model thinks the person will answer; only guided engines say this."""

    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Cites:
    """The reply says what a passage says; only guided engines know and tell this."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is complete."""

    reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Walked:
    """Where the conversation stands in its graph; only flow engines say this, as often as they like."""

    path: tuple[FlowNodeEntered, ...]
    """Every node since the call began. A turn that nobody heard may be taken back, so the end of it may change."""
    collected: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is known by now beyond the call's own variables."""
    trouble: str = ""
    """What is wrong with the graph, where it could not lead on."""


LlmEvent = TextDelta | ToolCall | Expect | Cites | Walked | Finished | SteppedIn


class Llm(Protocol):
    """A language model as one call sees it."""

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LlmEvent]:
        """Yield the reply piece by piece, last a ``Finished``; closing the iterator cancels the request.

        Raises ``SpeechError`` once its own retries are used up.
        """
        ...


@asynccontextmanager
async def closing(events: AsyncIterator[LlmEvent]) -> AsyncGenerator[AsyncIterator[LlmEvent]]:
    """Close a stream of events when done with it, which cancels its request."""
    try:
        yield events
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


# --- all three -------------------------------------------------------------------------------------------------------


class Providers(Protocol):
    """Lend a call its ears, mouth and mind. Each raises ``SpeechError`` with a sentence that lists what there is."""

    def stt(self, settings: Transcriber) -> Stt:
        """Return the recogniser an agent names."""
        ...

    def tts(self, voice: Voice) -> Tts:
        """Return the engine of the voice an agent names."""
        ...

    def llm(self, agent: AgentPlan) -> Llm:
        """Return the mind of one call."""
        ...
