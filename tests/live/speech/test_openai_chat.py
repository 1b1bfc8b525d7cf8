from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from dialnexa.live.plan import Model
from dialnexa.live.speech.openai_chat import OpenAiChat
from dialnexa.live.speech.ports import Finished, LlmEvent, Message, SpeechError, TextDelta, Tool, ToolCall
from tests.live.speech.chat_server import DONE, STOP, ChatServer, chat_server, chunk, hangs, refuses, resets, says

HELLO = (chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo."}))
REPLY = [TextDelta("Hel"), TextDelta("lo."), Finished("stop")]
USER = [Message("user", "Hi")]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def chat(server: ChatServer, http: httpx.AsyncClient) -> OpenAiChat:
    return OpenAiChat(Model("gpt-test", server.url, api_key="k-1", temperature=0.3, max_tokens=90), http)


async def reply(llm: OpenAiChat, tools: list[Tool] | None = None) -> list[LlmEvent]:
    return [event async for event in llm.stream(USER, tools or [])]


async def test_a_reply_arrives_piece_by_piece(http: httpx.AsyncClient) -> None:
    usage = chunk({}, None, choices=[], usage={"prompt_tokens": 7, "completion_tokens": 2})
    async with chat_server(says(b": keep-alive\n\n", *HELLO, STOP, usage, DONE)) as server:
        assert await reply(chat(server, http)) == [*REPLY[:2], Finished("stop", 7, 2)]
    asked = server.asked[0]
    assert asked.line == "POST /v1/chat/completions HTTP/1.1"
    assert asked.headers["authorization"] == "Bearer k-1"
    assert asked.body == {
        "model": "gpt-test",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.3,
        "max_tokens": 90,
    }


async def test_only_openai_is_told_in_its_own_words(http: httpx.AsyncClient) -> None:
    async with chat_server(*[says(*HELLO, STOP, DONE)] * 2) as server:
        for path in ("/v1", "/api.openai.com/v1"):
            model = Model("gpt-test", server.url.replace("/v1", path), max_tokens=90, cache_key="av_1")
            await reply(OpenAiChat(model, http))
    other, openai = (
        set(asked.body) - {"model", "messages", "stream", "stream_options", "temperature"} for asked in server.asked
    )
    assert (other, openai) == ({"max_tokens"}, {"max_completion_tokens", "prompt_cache_key"})


async def test_chunks_may_be_cut_anywhere(http: httpx.AsyncClient) -> None:
    wire = b"".join((*HELLO, STOP, DONE)).replace(b"\n", b"\r\n")
    async with chat_server(says(*(wire[at : at + 7] for at in range(0, len(wire), 7)))) as server:
        assert await reply(chat(server, http)) == REPLY


async def test_tools_are_offered_and_called_with_arguments_in_pieces(http: httpx.AsyncClient) -> None:
    def call(index: int, **function: str) -> dict[str, object]:
        return {"index": index, "function": function}

    pieces = (
        chunk({"tool_calls": [{**call(0, name="book", arguments=""), "id": "c1"}]}),
        chunk({"tool_calls": [call(0, arguments='{"day":')]}),
        chunk({"tool_calls": [{**call(1, name="end_call", arguments="{}"), "id": "c2"}]}),
        chunk({"tool_calls": [call(0, arguments='"tue"}')]}),
        chunk({}, "tool_calls"),
    )
    tool = Tool("book", "Books a day.", {"type": "object", "properties": {"day": {"type": "string"}}})
    async with chat_server(says(*pieces, DONE)) as server:
        events = await reply(chat(server, http), [tool])
    assert events == [ToolCall("c1", "book", '{"day":"tue"}'), ToolCall("c2", "end_call", "{}"), Finished("tool_calls")]
    offered = {"name": "book", "description": "Books a day.", "parameters": tool.parameters}
    assert server.asked[0].body["tools"] == [{"type": "function", "function": offered}]


async def test_a_tool_call_may_come_whole_without_id_and_index(http: httpx.AsyncClient) -> None:
    whole = chunk({"tool_calls": [{"function": {"name": "end_call", "arguments": {"why": "done"}}}]}, "stop")
    async with chat_server(says(whole)) as server:
        assert await reply(chat(server, http)) == [ToolCall("call_0", "end_call", '{"why":"done"}'), Finished("stop")]


async def test_the_dialogue_is_written_in_the_protocols_shape(http: httpx.AsyncClient) -> None:
    dialogue = [
        Message("assistant", "", tool_calls=(ToolCall("c1", "book", "{}"),)),
        Message("tool", "booked", tool_call_id="c1"),
    ]
    async with chat_server(says(*HELLO, STOP, DONE)) as server:
        assert [event async for event in chat(server, http).stream(dialogue, [])] == REPLY
    function = {"name": "book", "arguments": "{}"}
    assert server.asked[0].body["messages"] == [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        {"role": "tool", "content": "booked", "tool_call_id": "c1"},
    ]


async def test_garbage_lines_are_skipped(http: httpx.AsyncClient) -> None:
    async with chat_server(says(HELLO[0], b"data: {oops\n\n", b"event: x\n", *HELLO[1:], STOP, DONE)) as server:
        assert await reply(chat(server, http)) == REPLY


@pytest.mark.parametrize(
    "fault",
    [refuses(429, "slow down"), refuses(500, "oops"), resets(), says(), hangs(), hangs(b": ping\n\n"), hangs(head=b"")],
    ids=["429", "500", "reset", "empty stream", "no first token", "keep-alives only", "no headers"],
)
async def test_it_tries_once_more_before_the_first_token(http: httpx.AsyncClient, fault: object) -> None:
    async with chat_server(fault, says(*HELLO, STOP, DONE)) as server:  # pyright: ignore[reportArgumentType]
        assert await reply(chat(server, http)) == REPLY
    assert len(server.asked) == 2


async def test_it_tries_only_once_more(http: httpx.AsyncClient) -> None:
    async with chat_server(refuses(500, "oops"), refuses(503, "still oops")) as server:
        with pytest.raises(SpeechError, match="answered 503: still oops"):
            await reply(chat(server, http))


async def test_a_wrong_key_is_not_tried_again_and_says_what_to_mend(http: httpx.AsyncClient) -> None:
    async with chat_server(refuses(401, "bad key")) as server:
        with pytest.raises(SpeechError, match=r"401: bad key Check the API key") as failure:
            await reply(chat(server, http))
    assert "k-1" not in str(failure.value)


@pytest.mark.parametrize("fault", [says(*HELLO), hangs(*HELLO)], ids=["closed", "half-open"])
async def test_a_reply_torn_off_is_an_error_and_never_said_twice(http: httpx.AsyncClient, fault: object) -> None:
    events: list[LlmEvent] = []

    async def keep(llm: OpenAiChat) -> None:
        async for event in llm.stream(USER, []):
            events.append(event)  # noqa: PERF401 - what came before the error counts

    async with chat_server(fault) as server:  # pyright: ignore[reportArgumentType]
        with pytest.raises(SpeechError, match="middle of its reply"):
            await keep(chat(server, http))
    assert events == REPLY[:2]
    assert len(server.asked) == 1


async def test_an_error_inside_the_stream_is_told(http: httpx.AsyncClient) -> None:
    async with chat_server(says(HELLO[1], b'data: {"error": {"message": "out of memory"}}\n\n')) as server:
        with pytest.raises(SpeechError, match="out of memory"):
            await reply(chat(server, http))


async def test_closing_the_reply_closes_the_request(http: httpx.AsyncClient) -> None:
    async with chat_server(hangs(*HELLO)) as server:
        async with aclosing(chat(server, http).stream(USER, [])) as events:
            assert await anext(events) == TextDelta("Hel")
        await server.hung_up.wait()


async def test_nobody_there(http: httpx.AsyncClient) -> None:
    async with chat_server() as server:
        url = server.url
    with pytest.raises(SpeechError, match="cannot connect"):
        await reply(OpenAiChat(Model("m", url), http))
