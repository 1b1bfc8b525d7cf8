"""The snippets of the README run as they stand, on the served API's answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dialnexa_client
from tests.sdk.story import CALL, Story, call, ok, refusal

README = Path(__file__).parents[2] / "sdk" / "python" / "README.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def run(snippet: str, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialnexa_client, "DialNexa", story.client)
    monkeypatch.setattr(dialnexa_client, "AsyncDialNexa", story.async_client)
    exec(compile(snippet, "README.md", "exec"), {})


def test_a_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    ended = call("completed", end_reason="agent_disconnected", transcript="Agent: Hi.", recording_url="http://x")
    story = Story(ok({**CALL, "call_id": "call_1"}, 201), call("ringing"), ended, ok({"RIFF": 1}))
    run(SNIPPETS[0], story, monkeypatch)
    assert capsys.readouterr().out == "completed\nagent_disconnected\nAgent: Hi.\n"
    assert (tmp_path / "call.wav").exists()


def test_many_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    agent = ok({"id": "agent_1", "title": "Ada", "created_at": CALL["created_at"]}, 201)
    ends = (call("busy", to_number="+16505550110"), call("failed", to_number="+16505550140"))
    placed = [ok({**CALL, "call_id": f"call_{number}"}, 201) for number in (1, 2)]
    run(SNIPPETS[1], Story(agent, *placed, *ends), monkeypatch)
    assert capsys.readouterr().out == "+16505550110 busy\n+16505550140 failed\n"


def test_what_goes_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(SNIPPETS[2], Story(refusal(400, ["agent_id should not be empty"])), monkeypatch)
    assert capsys.readouterr().out == "('agent_id should not be empty',)\n"
    run(SNIPPETS[2], Story(refusal(409, "The workspace is at its concurrency limit.")), monkeypatch)
    assert "Full house" in capsys.readouterr().out


def test_webhooks() -> None:
    names: dict[str, object] = {}
    exec(compile(SNIPPETS[3], "README.md", "exec"), names)
    receive = names["receive"]
    assert callable(receive)
    assert receive(b"{}", {}, "secret") == 401
    assert len(SNIPPETS) == 4
