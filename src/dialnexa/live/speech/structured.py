"""Asking a language model for JSON, outside of any conversation: whole answers, with the patience a call has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import httpx
import structlog

from dialnexa.live.plan import Model
from dialnexa.live.speech.openai_chat import ChatTimeouts, OpenAiChat
from dialnexa.live.speech.ports import Finished, Message, SpeechError, TextDelta

log = structlog.get_logger(__name__)

_PATIENCE = ChatTimeouts(connect_s=5, first_token_s=90, between_tokens_s=60)
_NOT_UNDERSTOOD = frozenset({400, 415, 422, 501})
"""What endpoints answer to a ``response_format`` they do not know."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, and the tokens it took; 0 where the endpoint does not tell."""

    text: str
    prompt_tokens: int
    completion_tokens: int


async def ask(
    model: Model, http: httpx.AsyncClient, messages: Sequence[Message], schema: Mapping[str, object] | None
) -> Answer:
    """Return a model's whole answer; with a schema the endpoint is asked to hold the model to it.

    Many endpoints know only plain JSON mode, or none: then the prompt alone has to do, so it should say what is wanted.
    Raises ``SpeechError``.
    """
    forms: list[dict[str, object] | None] = [None]
    if schema is not None:
        strict = {"name": "answer", "strict": True, "schema": dict(schema)}
        forms = [{"type": "json_schema", "json_schema": strict}, {"type": "json_object"}, None]
    for form in forms[:-1]:
        try:
            return await _whole(OpenAiChat(model, http, _PATIENCE, response_format=form), messages)
        except SpeechError as error:
            if error.status not in _NOT_UNDERSTOOD:
                raise
            log.info("response_format_not_understood", model=model.id, form=form["type"] if form else None)
    return await _whole(OpenAiChat(model, http, _PATIENCE), messages)


async def _whole(chat: OpenAiChat, messages: Sequence[Message]) -> Answer:
    written, end = list[str](), Finished()
    async with aclosing(chat.stream(messages, ())) as events:
        async for event in events:
            match event:
                case TextDelta():
                    written.append(event.text)
                case Finished():
                    end = event
                case _:
                    pass
    return Answer("".join(written), end.prompt_tokens, end.completion_tokens)
