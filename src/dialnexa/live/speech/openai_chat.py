"""The language-model adapter: streaming chat completions as OpenAI, vLLM, Ollama, llama.cpp, Groq … speak them.

One request per turn over a shared ``httpx.AsyncClient``. It retries once, and only before the first token: after that a
retry would make the agent say things twice. Source: the OpenAI API reference, chat completions, streaming.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import httpx
import orjson
import structlog

from dialnexa.live.plan import Model
from dialnexa.live.speech.ports import Finished, LlmEvent, Message, SpeechError, TextDelta, Tool, ToolCall
from dialnexa.live.speech.sse import data_lines

_log = structlog.get_logger(__name__)

_RETRIED_STATUSES = frozenset({408, 409, 429})
_OPENAI_HOST = "api.openai.com"


@dataclass(frozen=True, slots=True)
class ChatTimeouts:
    """How long each stage of a request may take, in seconds."""

    connect_s: float = 3.0
    first_token_s: float = 5.0
    between_tokens_s: float = 10.0


class _TryAgain(Exception):
    """The request failed before its first token, in a way that a second try may mend."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class OpenAiChat:
    """A language model behind an OpenAI-compatible endpoint."""

    def __init__(
        self,
        model: Model,
        http: httpx.AsyncClient,
        timeouts: ChatTimeouts | None = None,
        *,
        response_format: Mapping[str, object] | None = None,
    ) -> None:
        """Speak to ``model.base_url`` (which ends in ``/v1`` or the like) with the worker's shared client.

        ``response_format`` is passed on as it is: for answers that must be JSON.
        """
        self._model = model
        self._http = http
        self._timeouts = timeouts or ChatTimeouts()
        self._format = response_format
        self._url = f"{model.base_url.rstrip('/')}/chat/completions"

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[LlmEvent]:
        """Yield the reply as it is written, last a ``Finished``; closing the generator closes the HTTP stream.

        Tool calls are yielded whole, after the text and before ``Finished``. Raises ``SpeechError``.
        """
        request = _request(self._model, messages, tools)
        if self._format is not None:
            request["response_format"] = self._format
        body = orjson.dumps(request)
        for retries_left in (1, 0):
            try:
                async with aclosing(self._attempt(body)) as events:
                    async for event in events:
                        yield event
                return
            except _TryAgain as failure:
                if not retries_left:
                    raise SpeechError(failure.sentence) from failure
                _log.warning("llm_retry", model=self._model.id, why=failure.sentence)

    async def _attempt(self, body: bytes) -> AsyncGenerator[LlmEvent]:
        """Make one request; raises ``_TryAgain`` only while nothing was yielded."""
        reply = _Reply()
        try:
            async with self._post(body) as response, aclosing(data_lines(response.aiter_bytes())) as lines:
                async for data in self._paced(lines, reply):
                    if data == b"[DONE]":
                        break
                    if text := reply.take(data):
                        yield TextDelta(text)
        except (httpx.TransportError, TimeoutError) as error:
            sentence = f"{self._name}: {_cause(error, started=reply.started)}"
            if reply.started:
                raise SpeechError(sentence) from error
            raise _TryAgain(sentence) from error
        if not reply.started:
            raise _TryAgain(f"{self._name} closed the stream without a single token.")
        if not reply.complete:
            raise SpeechError(f"{self._name} closed the stream in the middle of its reply.")
        for call in reply.tool_calls():
            yield call
        yield reply.finished()

    @asynccontextmanager
    async def _post(self, body: bytes) -> AsyncGenerator[httpx.Response]:
        """Send the request and hand out the answered response, whose status is good."""
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        if self._model.api_key:
            headers["authorization"] = f"Bearer {self._model.api_key}"
        limits = self._timeouts
        timeout = httpx.Timeout(
            limits.between_tokens_s, connect=limits.connect_s, pool=limits.connect_s, read=limits.between_tokens_s
        )
        request = self._http.build_request("POST", self._url, content=body, headers=headers, timeout=timeout)
        async with asyncio.timeout(limits.first_token_s):
            response = await self._http.send(request, stream=True)
        try:
            if response.status_code != 200:
                await self._refuse(response)
            yield response
        finally:
            await response.aclose()

    async def _refuse(self, response: httpx.Response) -> None:
        """Turn an error answer into an exception that tells what to mend."""
        async with asyncio.timeout(self._timeouts.first_token_s):
            text = _error_text(await response.aread())
        status = response.status_code
        sentence = f"{self._name} answered {status}: {text}"
        if status in {401, 403}:
            sentence += " Check the API key of this agent's model."
        if status == 404:
            sentence += " Check the model's name and base_url (it usually ends in /v1)."
        if status in _RETRIED_STATUSES or status >= 500:
            raise _TryAgain(sentence)
        raise SpeechError(sentence, status=status)

    async def _paced(self, lines: AsyncIterator[bytes], reply: _Reply) -> AsyncGenerator[bytes]:
        """Yield lines, allowing ``first_token_s`` in all until the first token, then ``between_tokens_s`` each.

        Keep-alive comments therefore cannot stretch the wait for a first token.
        """
        deadline = asyncio.get_running_loop().time() + self._timeouts.first_token_s
        while True:
            if reply.started:
                deadline = asyncio.get_running_loop().time() + self._timeouts.between_tokens_s
            try:
                async with asyncio.timeout_at(deadline):
                    line = await anext(lines)
            except StopAsyncIteration:
                return
            yield line

    @property
    def _name(self) -> str:
        """Name the endpoint for people, without its key."""
        return f"The language model {self._model.id} at {self._model.base_url}"


@dataclass(slots=True)
class _PartialCall:
    """A tool call whose arguments still arrive."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class _Reply:
    """What one stream has said so far."""

    def __init__(self) -> None:
        self.started = False
        self.reason = ""
        self._calls: dict[int, _PartialCall] = {}
        self._usage: Mapping[str, object] = {}

    @property
    def complete(self) -> bool:
        """Whether the server said why it stopped; without that the reply was torn off."""
        return bool(self.reason)

    def take(self, data: bytes) -> str:
        """Read one chunk and return its text; a line that is no chunk is logged and skipped."""
        try:
            chunk = _mapping(orjson.loads(data))
        except orjson.JSONDecodeError:
            _log.warning("llm_garbage", length=len(data))
            return ""
        if error := chunk.get("error"):
            raise SpeechError(f"The language model failed in the middle of its reply: {_error_value(error)}")
        self._usage = _mapping(chunk.get("usage")) or self._usage
        choice = _mapping(next(iter(_sequence(chunk.get("choices"))), None))
        delta = _mapping(choice.get("delta"))
        for position, piece in enumerate(_sequence(delta.get("tool_calls"))):
            self._take_call(_mapping(piece), position)
        text = _text(delta.get("content"))
        self.reason = _text(choice.get("finish_reason")) or self.reason
        self.started = self.started or bool(text or self._calls or self.reason)
        return text

    def _take_call(self, piece: Mapping[str, object], position: int) -> None:
        """Add a piece of a tool call; servers that omit ``index`` send whole calls in order."""
        index = piece.get("index")
        key = index if isinstance(index, int) else (len(self._calls) if piece.get("id") else position)
        call = self._calls.setdefault(key, _PartialCall())
        function = _mapping(piece.get("function"))
        call.id = call.id or _text(piece.get("id"))
        call.name = call.name or _text(function.get("name"))
        arguments = function.get("arguments")
        # Ollama and some vLLM versions send the arguments as an object instead of JSON text.
        call.arguments += orjson.dumps(arguments).decode() if isinstance(arguments, dict) else _text(arguments)

    def tool_calls(self) -> list[ToolCall]:
        """Return the finished tool calls, with an id made up where the server gave none."""
        return [
            ToolCall(call.id or f"call_{index}", call.name, call.arguments or "{}")
            for index, call in sorted(self._calls.items())
            if call.name
        ]

    def finished(self) -> Finished:
        """Return the end of the reply with its token counts (0 when the server omits them)."""
        prompt, completion = self._usage.get("prompt_tokens"), self._usage.get("completion_tokens")
        return Finished(
            reason=self.reason,
            prompt_tokens=prompt if isinstance(prompt, int) else 0,
            completion_tokens=completion if isinstance(completion, int) else 0,
        )


def _request(model: Model, messages: Sequence[Message], tools: Sequence[Tool]) -> dict[str, object]:
    """Write the body; OpenAI's own newer models want ``max_completion_tokens``, everybody else ``max_tokens``.

    ``prompt_cache_key`` is OpenAI's own as well: others refuse what they do not know.
    """
    is_openai = _OPENAI_HOST in model.base_url
    limit = "max_completion_tokens" if is_openai else "max_tokens"
    body: dict[str, object] = {
        "model": model.id,
        "messages": [_message(message) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": model.temperature,
        limit: model.max_tokens,
    }
    if is_openai and model.cache_key:
        body["prompt_cache_key"] = model.cache_key
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
                },
            }
            for tool in tools
        ]
    return body


def _message(message: Message) -> dict[str, object]:
    """Write one message in the protocol's shape."""
    wire: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _sequence(value: object) -> Sequence[object]:
    """Return a JSON array, or an empty one for anything else."""
    return value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType]


def _text(value: object) -> str:
    """Return a JSON string, or an empty one for anything else."""
    return value if isinstance(value, str) else ""


def _error_value(error: object) -> str:
    """Return the message of an error object, or the error itself when it is plain text."""
    return _text(_mapping(error).get("message")) or _text(error) or "no reason given"


def _error_text(body: bytes) -> str:
    """Return what an error answer says, at most a few lines."""
    try:
        parsed = _mapping(orjson.loads(body))
    except orjson.JSONDecodeError:
        return body[:200].decode("utf-8", "replace").strip() or "no reason given."
    return _error_value(parsed.get("error") or parsed.get("message") or parsed.get("detail"))[:300]


def _cause(error: Exception, *, started: bool) -> str:
    """Say in words what went wrong on the connection."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "cannot connect. Is the server running, and is base_url right?"
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "stopped sending in the middle of its reply." if started else "sent no token in time."
    return f"the connection broke ({type(error).__name__})."
