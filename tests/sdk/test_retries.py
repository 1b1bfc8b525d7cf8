"""When the clients try again, how long they wait, and that a repeated write stays one write."""

from __future__ import annotations

import httpx
import pytest

from dialnexa_client import (
    BadRequest,
    Conflict,
    DialNexaError,
    NoAnswer,
    Retries,
    TimedOut,
    TooManyRequests,
    Unavailable,
)
from dialnexa_client.exchange import Lost
from tests.sdk.story import CALL, Story, call, ok, refusal

LOST = httpx.ReadError("connection reset")
SLOW = httpx.ReadTimeout("too slow")
PLACED = {**CALL, "call_id": "call_1"}


def happens(trouble: int | Exception) -> httpx.Response | Exception:
    return refusal(trouble) if isinstance(trouble, int) else trouble


@pytest.mark.parametrize("trouble", [502, 503, 504, LOST, SLOW, httpx.ConnectError("down")])
async def test_transient_trouble_is_tried_again_by_both_clients(trouble: int | Exception) -> None:
    story = Story(happens(trouble), ok(PLACED, 201))
    assert story.client().calls.create(to_number="+16505550199", agent_id="agent_1").id == "call_1"
    story_of_async = Story(happens(trouble), ok(PLACED, 201))
    placed = await story_of_async.async_client().calls.create(to_number="+16505550199", agent_id="agent_1")
    assert placed.id == "call_1"
    assert story.slept == story_of_async.slept == [0.5]


def test_a_repeated_write_carries_the_same_key_and_another_write_another() -> None:
    story = Story(LOST, refusal(503), ok(PLACED, 201), ok(PLACED, 201))
    with story.client() as client:
        client.calls.create(to_number="+16505550199", agent_id="agent_1")
        client.calls.create(to_number="+16505550199", agent_id="agent_1")
    first, second, third, other = (request.headers["idempotency-key"] for request in story.requests)
    assert first == second == third != other
    assert story.requests[0].content == story.requests[2].content


def test_a_key_of_ones_own_is_used_and_survives_in_the_error() -> None:
    story = Story(LOST, LOST, LOST)
    with pytest.raises(NoAnswer) as caught:
        story.client().calls.create(to_number="+16505550199", agent_id="agent_1", idempotency_key="order-7")
    assert caught.value.idempotency_key == "order-7"
    assert {request.headers["idempotency-key"] for request in story.requests} == {"order-7"}


def test_reads_carry_no_key() -> None:
    story = Story(call("busy"))
    story.client().calls.get("call_1")
    assert "idempotency-key" not in story.requests[0].headers


def test_it_gives_up_after_the_last_try_and_says_what_happened() -> None:
    story = Story(SLOW, SLOW, SLOW)
    with pytest.raises(TimedOut, match=r"GET http://127\.0\.0\.1:8080/v1/calls/call_1: no answer within 30 s"):
        story.client().calls.get("call_1")
    assert story.slept == [0.5, 1.0]
    again = Story(refusal(503, "shutting down"), refusal(503, "shutting down"), refusal(503, "shutting down"))
    with pytest.raises(Unavailable, match="shutting down"):
        again.client().calls.get("call_1")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422, 500])
def test_what_must_be_mended_is_not_sent_again(status: int) -> None:
    story = Story(refusal(status))
    with pytest.raises(DialNexaError):
        story.client().calls.get("call_1")
    assert len(story.requests) == 1


def test_a_rate_limit_is_waited_out() -> None:
    story = Story(refusal(429, headers={"Retry-After": "7"}), call("busy"))
    story.client().calls.get("call_1")
    assert story.slept == [7.0]


def test_a_retry_after_may_be_a_date_by_the_servers_clock() -> None:
    when = {"Date": "Sat, 23 May 2026 10:15:00 GMT", "Retry-After": "Sat, 23 May 2026 10:15:09 GMT"}
    story = Story(refusal(503, headers=when), call("busy"))
    story.client().calls.get("call_1")
    assert story.slept == [9.0]


def test_nobody_waits_an_hour_without_being_asked() -> None:
    story = Story(refusal(429, headers={"Retry-After": "3600"}))
    with pytest.raises(TooManyRequests) as caught:
        story.client().calls.get("call_1")
    assert caught.value.retry_after == 3600
    assert story.slept == []


def test_a_write_still_being_carried_out_is_waited_for_but_no_other_conflict() -> None:
    busy = refusal(409, "still being carried out", code="idempotency_in_progress", headers={"Retry-After": "2"})
    story = Story(SLOW, busy, ok(PLACED, 201))
    assert story.client().calls.create(to_number="+16505550199", agent_id="agent_1").id == "call_1"
    assert story.slept == [0.5, 2.0]
    full = Story(refusal(409, "at its concurrency limit", headers={"Retry-After": "5"}))
    with pytest.raises(Conflict, match="concurrency"):
        full.client().calls.create(to_number="+16505550199", agent_id="agent_1")


def test_pauses_double_up_to_a_bound_and_vary_by_half() -> None:
    steady, lucky = Retries(9, chance=lambda: 0.0), Retries(9, chance=lambda: 1.0)
    trouble = Lost(LOST)
    assert [steady.pause(tries, trouble) for tries in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert lucky.pause(1, trouble) == 0.25
    assert steady.pause(10, trouble) is None


def test_no_retries_when_none_are_wanted() -> None:
    story = Story(LOST)
    with pytest.raises(NoAnswer):
        story.client(retries=Retries(0)).calls.get("call_1")


def test_a_request_that_can_never_be_sent_is_not_tried_again() -> None:
    story = Story(httpx.LocalProtocolError("bad header"))
    with pytest.raises(NoAnswer):
        story.client().calls.get("call_1")


def test_bad_request_names_each_field() -> None:
    story = Story(refusal(400, ["to_number should not be empty", "agent_id should not be empty"]))
    with pytest.raises(BadRequest) as caught:
        story.client().calls.create(to_number="")
    assert caught.value.messages == ("to_number should not be empty", "agent_id should not be empty")
    assert str(caught.value) == "to_number should not be empty; agent_id should not be empty (400)"
    assert caught.value.request_id == "req_1"
