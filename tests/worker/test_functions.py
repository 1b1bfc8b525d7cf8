"""Custom functions: the request a version describes, what the model reads of its answer, and how failures are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from dialnexa.kit.outgoing import Answer, OutgoingError, Refused, TimedOut
from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.worker.functions import ANSWER_LIMIT, HttpFunctions

URL = "https://api.example.com/orders"


@dataclass
class Server:
    """Answers as it was told, and remembers what came."""

    answers: list[Answer | OutgoingError]
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
        answer_limit: int,
    ) -> Answer:
        self.asked.append({"method": method, "url": url, "headers": headers, "body": body, "timeout_s": timeout_s})
        assert answer_limit == ANSWER_LIMIT
        answer = self.answers.pop(0)
        if isinstance(answer, OutgoingError):
            raise answer
        return answer


def says(value: object, status: int = 200) -> Answer:
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    return Answer(status, {"content-type": "application/json"}, body)


def spec(**config: Any) -> FunctionSpec:
    return FunctionSpec("check_order", "custom", "Looks up an order.", config={"url": URL, **config})


async def ask(server: Server, function: FunctionSpec, variables: Mapping[str, str] | None = None, **args: Any) -> str:
    return await HttpFunctions(server, variables or {}).run(function, args)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_arguments_go_into_a_json_body(method: str) -> None:
    server = Server([says({"status": "sent"})])
    text = await ask(server, spec(method=method), order="A-17", items=2)
    assert text == '{"status": "sent"}'
    [asked] = server.asked
    assert (asked["method"], asked["url"], json.loads(asked["body"])) == (method, URL, {"order": "A-17", "items": 2})
    assert asked["headers"]["Content-Type"] == "application/json"
    assert asked["timeout_s"] == 10


@pytest.mark.parametrize("method", ["get", "DELETE"])
async def test_without_a_body_they_go_into_the_query(method: str) -> None:
    server = Server([says("fine")])
    function = spec(url=f"{URL}?v=2", method=method, query_params={"shop": "{{shop}}"}, timeout=120_000)
    await ask(server, function, {"shop": "North & Sons"}, order="A 17", gift=True)
    [asked] = server.asked
    assert asked["url"] == f"{URL}?v=2&shop=North+%26+Sons&order=A+17&gift=true"
    assert (asked["body"], asked["timeout_s"]) == (b"", 120)


async def test_the_token_and_headers_go_along_with_variables_filled_in() -> None:
    server = Server([says("fine")])
    headers = [{"key": "X-Customer", "value": "{{name}}"}, {"key": "user-agent", "value": "Ours"}]
    await ask(server, spec(api_token="{{token}}", headers=headers), {"name": "Ada\r\nX-Evil: 1", "token": "t0p"})
    sent = server.asked[0]["headers"]
    assert sent["Authorization"] == "Bearer t0p"
    assert sent["X-Customer"] == "AdaX-Evil: 1", "a line break in a variable begins no header"
    assert [value for name, value in sent.items() if name.lower() == "user-agent"] == ["Ours"]


async def test_a_variable_in_the_url_cannot_lead_elsewhere() -> None:
    server = Server([says("fine")])
    await ask(server, spec(url="https://api.example.com/people/{{id}}/orders"), {"id": "../admin?x=1#"})
    assert server.asked[0]["url"] == "https://api.example.com/people/..%2Fadmin%3Fx%3D1%23/orders"


async def test_what_an_answer_tells_is_known_to_the_next_function() -> None:
    first = spec(response_variables={"customer.name": "$.data.name", "first_item": "data.items[0].id", "gone": "x.y"})
    second = spec(url="https://api.example.com/by/{{customer.name}}", headers={"X-Item": "{{first_item}}"})
    server = Server([says({"data": {"name": "Ada Byron", "items": [{"id": 7}]}}), says("fine")])
    functions = HttpFunctions(server, {})
    told = json.loads(await functions.run(first, {}))
    assert told["variables"] == {"customer.name": "Ada Byron", "first_item": 7}
    assert told["data"]["name"] == "Ada Byron", "the model reads the whole answer too"
    await functions.run(second, {})
    assert server.asked[1]["url"].endswith("/by/Ada%20Byron")
    assert server.asked[1]["headers"]["X-Item"] == "7"


async def test_two_calls_know_nothing_of_each_other() -> None:
    server = Server([says({"secret": "hers"}), says("fine")])
    await ask(server, spec(response_variables={"secret": "secret"}))
    await ask(server, spec(url=f"{URL}/{{{{secret}}}}"))
    assert server.asked[1]["url"] == f"{URL}/"


async def test_an_empty_answer_is_a_success() -> None:
    assert await ask(Server([says("", 204)]), spec()) == '{"ok": true}'


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (says({"error": "no such order"}, 404), 'check_order failed with status 404: {"error": "no such order"}'),
        (Answer(502, {"content-type": "text/html"}, b"<h1>Bad gateway"), "check_order failed with status 502."),
        (Answer(302, {}, b""), "check_order failed with status 302."),
        (Answer(200, {}, b"x" * 10, truncated=True), "check_order answered with more than 64 kB"),
        (TimedOut("No answer within 10 s."), "check_order did not work: No answer within 10 s."),
        (Refused("must be an https URL"), "check_order did not work: its URL must be an https URL."),
    ],
)
async def test_failures_are_told_to_the_model_in_a_sentence(answer: Answer | OutgoingError, sentence: str) -> None:
    with pytest.raises(FunctionError) as failure:
        await ask(Server([answer]), spec())
    assert str(failure.value).startswith(sentence)


async def test_a_function_set_up_wrongly_says_so_and_asks_nobody() -> None:
    server = Server([])
    with pytest.raises(FunctionError, match="not set up properly: url should not be empty"):
        await HttpFunctions(server, {}).run(FunctionSpec("check_order", "custom", ""), {})
    assert server.asked == []


async def test_what_the_conversation_learned_can_be_used_in_the_request() -> None:
    server = Server([says({})])
    functions = HttpFunctions(server, {"order": "none yet"})
    functions.know({"order": "A/17"})
    await functions.run(spec(url=f"{URL}/{{{{order}}}}", method="GET"), {})
    assert server.asked[0]["url"] == f"{URL}/A%2F17"
