"""Counting what a language model is asked and answers, for endpoints that tell it and for those that do not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from dialnexa.live.speech.ports import Finished, LlmEvent, Message, TextDelta, ToolCall, closing

CHARACTERS_PER_TOKEN = 4
"""Of English text, roughly, in the tokenizers in use; only where the endpoint tells nothing."""
PER_MESSAGE = 4
"""What the frame of a message takes."""


class TokenCount:
    """The tokens of all requests of one conversation."""

    def __init__(self, *, guess: bool = True) -> None:
        """Count; ``guess`` where the endpoint tells nothing, else such requests used no tokens."""
        self.requests = self.input = self.output = 0
        self.estimated = False
        self.guess = guess

    async def counted(self, messages: Sequence[Message], events: AsyncIterator[LlmEvent]) -> AsyncGenerator[LlmEvent]:
        """Pass the answer to a request on as it comes, counting it; closing it closes ``events``."""
        with self.request(messages) as count:
            async with closing(events) as answer:
                async for event in answer:
                    count.saw(event)
                    yield event

    def request(self, messages: Sequence[Message]) -> RequestCount:
        """Begin counting a request."""
        return RequestCount(self, messages)


class RequestCount:
    """The tokens of one request; ``with`` it, show it what comes. One that is cut short is counted all the same."""

    def __init__(self, whole: TokenCount, messages: Sequence[Message]) -> None:
        self._whole = whole
        self._asked = sum(_length(message) for message in messages)
        self._answered = 0
        self._told: Finished | None = None

    def __enter__(self) -> RequestCount:
        """Count the request."""
        return self

    def __exit__(self, *_: object) -> None:
        """Add what was used: as the endpoint told it, else guessed from lengths."""
        told, whole = self._told, self._whole
        whole.requests += 1
        if told is not None and (told.prompt_tokens or told.completion_tokens):
            whole.input += told.prompt_tokens
            whole.output += told.completion_tokens
        elif whole.guess:
            whole.input += self._asked
            whole.output += -(-self._answered // CHARACTERS_PER_TOKEN)
            whole.estimated = True

    def saw(self, event: LlmEvent) -> None:
        """Take note of what the model said."""
        match event:
            case TextDelta():
                self._answered += len(event.text)
            case ToolCall():
                self._answered += len(event.name) + len(event.arguments)
            case Finished():
                self._told = event
            case _:
                pass


def _length(message: Message) -> int:
    called = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return PER_MESSAGE + -(-(len(message.content) + called) // CHARACTERS_PER_TOKEN)
