"""What the clients send, what they make of the answers, and that both have the same methods."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dialnexa_client import (
    ApiError,
    AsyncDialNexa,
    DialNexa,
    Misconfigured,
    NoAnswer,
    NotFound,
    ServerError,
    StillRunning,
    UnexpectedAnswer,
)
from tests.sdk.story import CALL, KEY, Story, call, ok, refusal

SEED_001_ANSWER = {
    "call_id": "call_01hy",
    "status": "queued",
    "from_number": "+14155550100",
    "to_number": "+16505550199",
    "agent_version_id": "av_01hx",
    "created_at": "2026-05-23T10:15:00Z",
}


def page(number: int, pages: int, *ids: str) -> httpx.Response:
    meta = {"page": number, "limit": 2, "total": 99, "totalPages": pages}
    return ok({"data": [{**CALL, "id": one} for one in ids], "meta": meta})


def test_a_call_is_placed_in_the_documented_shape() -> None:
    story = Story(ok(SEED_001_ANSWER, 201))
    placed = story.client(base_url="https://calls.example").calls.create(
        from_number="+14155550100",
        to_number="+16505550199",
        agent_version_id="av_01hx",
        variables={"customer_name": "Alex Rivera"},
        metadata={"crm_contact_id": "cont_99123"},
    )
    request = story.requests[0]
    assert (request.method, str(request.url)) == ("POST", "https://calls.example/v1/calls")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert story.body() == {
        "from_number": "+14155550100",
        "to_number": "+16505550199",
        "agent_version_id": "av_01hx",
        "variables": {"customer_name": "Alex Rivera"},
        "metadata": {"crm_contact_id": "cont_99123"},
    }
    assert placed.id == placed.call_id == "call_01hy"
    assert placed.created_at == datetime(2026, 5, 23, 10, 15, tzinfo=UTC)
    assert placed.raw == SEED_001_ANSWER


def test_results_are_frozen_typed_and_keep_what_is_new() -> None:
    turn = {"role": "agent", "content": "Hi.", "start": 1, "end": 2.5}
    story = Story(call("completed", transcript_turns=[turn], latency=380, duration=12, brand_new="thing"))
    got = story.client().calls.get("call_1")
    assert got.is_final
    assert got.turns is not None
    assert got.turns[0].start == 1.0
    assert (got.latency_ms, got.duration, got.raw["brand_new"]) == (380, 12.0, "thing")
    with pytest.raises(AttributeError):
        got.status = "busy"  # pyright: ignore[reportAttributeAccessIssue]


def shifting_pages() -> tuple[httpx.Response, ...]:
    """Two pages; while one reads the first, a new call pushes call_2 onto the second."""
    return page(1, 2, "call_3", "call_2"), page(2, 2, "call_2", "call_1")


async def test_a_list_walks_over_all_pages_and_gives_no_call_twice() -> None:
    story = Story(*shifting_pages())
    listed = story.client().calls.list(status="busy", from_="+14155550100", limit=2)
    assert [one.id for one in listed] == ["call_3", "call_2", "call_1"]
    first, second = (dict(request.url.params) for request in story.requests)
    assert first == {"status": "busy", "from": "+14155550100", "page": "1", "limit": "2"}
    assert second["page"] == "2"
    client = Story(*shifting_pages()).async_client()
    assert [one.id async for one in client.calls.list()] == ["call_3", "call_2", "call_1"]


async def test_one_page_tells_how_many_there_are() -> None:
    got = Story(page(3, 50, "call_3")).client().calls.list().page(3)
    assert (got.number, got.pages, got.total, len(got.items)) == (3, 50, 99, 1)
    assert (await Story(page(1, 1)).async_client().calls.list().page()).items == ()


def test_a_list_stops_at_an_empty_page() -> None:
    assert list(Story(page(1, 9)).client().calls.list()) == []


def test_times_and_flags_are_spelled_for_the_query() -> None:
    story = Story(page(1, 1))
    list(story.client().calls.list(from_=datetime(2026, 5, 23, tzinfo=UTC), type="phone"))
    assert story.requests[0].url.params["from"] == "2026-05-23T00:00:00+00:00"


async def test_waiting_asks_ever_less_often_until_the_end() -> None:
    words = ["queued", "ringing", "in_progress", "in_progress", "in_progress", "in_progress", "completed"]
    story = Story(*(call(word) for word in words))
    assert story.client().calls.wait("call_1").status == "completed"
    assert story.slept == [1.0, 1.5, 2.25, 3.375, 5.0, 5.0]
    again = Story(*(call(word) for word in words))
    assert (await again.async_client().calls.wait("call_1", poll_seconds=0)).status == "completed"
    assert again.slept[0] == 1.0


def test_waiting_ends_when_patience_does() -> None:
    story = Story(*(call("ringing") for _ in range(3)))
    with pytest.raises(StillRunning, match=r"Call call_1 is still ringing after 2 s\.") as caught:
        story.client().calls.wait("call_1", timeout=2)
    assert caught.value.call.status == "ringing"
    assert story.slept == [1.0, 1.0]


class BreaksOff(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A download that loses its connection in the middle."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"RI"
        raise httpx.ReadError("connection reset")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"RI"
        raise httpx.ReadError("connection reset")


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_a_recording_is_saved_when_it_is_whole(tmp_path: Path) -> None:
    one, other = tmp_path / "one.wav", tmp_path / "other.wav"
    story = Story(httpx.Response(200, stream=BreaksOff()), httpx.Response(200, content=b"RIFF"))
    assert story.client().calls.download_recording("call_1", one) == one
    story = Story(httpx.Response(200, stream=BreaksOff()), httpx.Response(200, content=b"RIFF"))
    assert await story.async_client().calls.download_recording("call_1", str(other)) == other
    assert files(tmp_path) == {"one.wav": b"RIFF", "other.wav": b"RIFF"}


async def test_no_file_appears_without_a_recording(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="has no recording"):
        Story(refusal(404, "has no recording")).client().calls.download_recording("call_1", tmp_path / "x.wav")
    broken = (httpx.Response(200, stream=BreaksOff()) for _ in range(3))
    with pytest.raises(NoAnswer):
        await Story(*broken).async_client().calls.download_recording("call_1", tmp_path / "x.wav")
    assert files(tmp_path) == {}


def test_paths_hold_ids_and_nothing_else() -> None:
    story = Story(call("busy"))
    story.client().calls.get("call/../1?x")
    assert story.requests[0].url.raw_path == b"/v1/calls/call%2F..%2F1%3Fx"
    for wrong in ("", ".", ".."):
        with pytest.raises(ValueError, match="is not an id"):
            Story().client().calls.get(wrong)


def test_answers_nobody_can_read_are_named() -> None:
    html = httpx.Response(200, text="<html>")
    for answer, said in [
        (html, "is not JSON"),
        (ok({"id": "call_1", "created_at": "2026-05-23T10:15:00Z"}), "status is missing"),
        (call("busy", duration="long"), "duration should be of type float"),
        (call("busy", transcript_turns=[{"role": "agent"}]), r"transcript_turns\[0\].content is missing"),
    ]:
        with pytest.raises(UnexpectedAnswer, match=said):
            Story(answer).client().calls.get("call_1")


def test_a_proxy_that_answers_in_html_is_an_error_by_its_status() -> None:
    with pytest.raises(ServerError, match=r"Internal Server Error \(500\)"):
        Story(httpx.Response(500, text="<html>")).client().calls.get("call_1")
    with pytest.raises(ApiError, match=r"\(302\)"):
        Story(httpx.Response(302, headers={"Location": "http://elsewhere.test"})).client().calls.get("call_1")


def test_configuration_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALNEXA_API_KEY", raising=False)
    with pytest.raises(Misconfigured, match="DIALNEXA_API_KEY"):
        DialNexa()
    with pytest.raises(Misconfigured, match="copied whole"):
        DialNexa("sk_live_…")
    with pytest.raises(Misconfigured, match="should look like"):
        DialNexa("sk_live_1", base_url="calls.example")


def test_the_environment_fills_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALNEXA_API_KEY", " sk_live_1\n")
    monkeypatch.setenv("DIALNEXA_BASE_URL", "https://calls.example/v1/")
    with DialNexa() as client:
        assert (client.core.api_key, client.core.base_url) == ("sk_live_1", "https://calls.example/v1")
        assert "sk_live_1" not in repr(client.core)


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    one, other = DialNexa(KEY), AsyncDialNexa(KEY)
    for resource in ("calls", "agents", "phone_numbers", "api_keys", "limits"):
        assert described(getattr(one, resource)) == described(getattr(other, resource))
    assert "agent_version_id" in described(one.calls)["create"][0]


def described(resource: object) -> dict[str, tuple[str, str | None]]:
    methods = inspect.getmembers(resource, inspect.ismethod)
    return {name: (str(inspect.signature(method)), method.__doc__) for name, method in methods if name != "__init__"}
