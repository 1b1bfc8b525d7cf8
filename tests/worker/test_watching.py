"""What the outside is told while a call lives."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dialnexa.kit import otel, tracing
from dialnexa.live.timeline import (
    Answered,
    CallEvent,
    Happening,
    Ringing,
    ToolCalled,
    TransferMoved,
    TransferState,
    Trouble,
    TurnSpoken,
)
from dialnexa.platform.calls.records import Result
from dialnexa.platform.calls.states import CallState
from dialnexa.worker.metrics import WorkerMetrics
from dialnexa.worker.watching import CallWatch
from tests import logs
from tests.live.fakes import VirtualClock

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)
SECRET_WORDS = "My number is 4155550123."
LIFE: tuple[Happening, ...] = (
    Ringing(180),
    Answered(),
    TurnSpoken("user", SECRET_WORDS, 0, 900),
    TurnSpoken("agent", SECRET_WORDS, 1200, 2000, latency={"first_packet": 300}),
    ToolCalled("weather", SECRET_WORDS, SECRET_WORDS, ok=True, took_ms=10),
    TransferMoved("tr_1", TransferState.COMPLETED),
    Trouble("recording", "the disk is full"),
)


def live() -> None:
    watch = CallWatch(WorkerMetrics(VirtualClock()), VirtualClock(), "call_1", "outbound", "node_1")
    for what in LIFE:
        watch.note(CallEvent(NOON, what))
    watch.ended(Result(CallState.COMPLETED, "agent_disconnected", NOON, answered_at=NOON, duration_ms=2000))


def test_each_line_of_a_call_s_life_carries_its_id_and_no_word_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.as_json(capsys) as read:
        live()
        lines = read()
    assert [line["event"] for line in lines] == ["call_taken", "call_answered", "call_transfer", "call_trouble"]
    assert {line["call_id"] for line in lines} == {"call_1"}
    assert "4155550123" not in json.dumps(lines)


def test_the_trace_has_its_turns_and_no_word_of_them() -> None:
    exporter = InMemorySpanExporter()
    tracing.use(otel.OtelTracer("dialnexa-worker", SimpleSpanProcessor(exporter)))
    try:
        live()
    finally:
        tracing.use(tracing.Tracer())
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["user turn", "agent turn", "function weather", "call"]
    assert [event.name for event in spans[-1].events] == ["ringing", "answered", "transfer completed"]
    assert "4155550123" not in "".join(span.to_json() for span in spans)
