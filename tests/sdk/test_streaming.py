"""Following events: pieces of any size, connections that break and end, and what makes it no use to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from dialnexa_client import Forbidden, NoAnswer, TooManyRequests, UnexpectedAnswer
from dialnexa_client.models.records import Event
from tests.sdk.story import Story, refusal


class Breaking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer that arrives in pieces, and may break off."""

    def __init__(self, *pieces: bytes, breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._breaks:
            raise httpx.ReadError("reset")


def stream(*pieces: bytes, breaks: bool = False) -> httpx.Response:
    headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    return httpx.Response(200, headers=headers, stream=Breaking(b"retry: 2000\n\n", *pieces, breaks=breaks))


def frame(number: int, name: str = "call.started") -> bytes:
    event = {
        "id": f"evt_{number}",
        "event": name,
        "sequence": number,
        "call_id": None,
        "timestamp": "2026-05-23T10:15:00Z",
    }
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def taken(story: Story, count: int, *, after: int | None = None, type: str | None = None) -> list[Event]:
    events = iter(story.client().events.follow(after=after, type=type))
    return [next(events) for _ in range(count)]


def test_it_goes_on_where_it_left_off_after_a_break_and_after_an_end() -> None:
    story = Story(
        stream(frame(8), b": nothing new\n\n", frame(9)[:40], breaks=True),
        httpx.ConnectError("down"),
        stream(frame(9)),
        stream(frame(10)),
    )
    assert [event.sequence for event in taken(story, 3, after=7)] == [8, 9, 10]
    assert [request.headers["last-event-id"] for request in story.requests] == ["7", "8", "8", "9"]
    assert {request.headers["accept"] for request in story.requests} == {"text/event-stream"}
    assert story.slept == [0.5, 1.0, 2.0], "growing pauses after breaks, the server's wish after an end"


def test_it_begins_with_what_is_there() -> None:
    story = Story(stream(frame(1)))
    assert taken(story, 1, type="call.started")[0].id == "evt_1"
    assert story.requests[0].headers["last-event-id"] == "0"
    assert story.requests[0].url.params["type"] == "call.started"


def test_a_piece_may_end_anywhere_and_lines_end_only_where_they_do() -> None:
    whole = b"".join(frame(number, "a\u2028b\x85") for number in (1, 2))
    story = Story(stream(*(whole[at : at + 1] for at in range(len(whole)))))
    assert [event.event for event in taken(story, 2)] == ["a\u2028b\x85"] * 2


def test_too_many_streams_are_waited_for_and_then_told() -> None:
    full = refusal(429, "This key has 10 event streams open.", headers={"Retry-After": "5"}, code="too_many_streams")
    story = Story(full, stream(frame(1)))
    assert taken(story, 1)[0].id == "evt_1"
    assert story.slept == [5.0]
    with pytest.raises(TooManyRequests, match="10 event streams"):
        taken(Story(full, full, full), 1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(403), Forbidden),
        (httpx.Response(200, json={"data": []}), UnexpectedAnswer),
        (stream(b"data: what\n\n"), UnexpectedAnswer),
    ],
)
def test_what_is_no_use_to_try_again_is_raised(answer: httpx.Response, error: type[Exception]) -> None:
    with pytest.raises(error):
        taken(Story(answer), 1)


def test_a_server_that_stays_away_is_given_up() -> None:
    down = httpx.ConnectError("down")
    with pytest.raises(NoAnswer):
        taken(Story(down, down, down), 1)
