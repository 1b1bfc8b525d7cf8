"""Traces: a call is one trace over two processes, it says nothing it must not, and off it costs no import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from dialnexa.kit import otel, tracing
from dialnexa.kit.tracing import Tracer, tracer

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.use(otel.OtelTracer("dialnexa-test", SimpleSpanProcessor(exporter)))
    yield exporter
    tracer().close()
    tracing.use(Tracer())


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def context_of(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def test_a_request_its_call_and_the_turns_of_the_call_hang_together(exported: InMemorySpanExporter) -> None:
    with tracer().request("req_1") as request:
        tracer().call_placed("call_1")
        request.answered("POST", "/v1/calls", 201)
    call = tracer().call("call_1", NOON, direction="outbound", node="node_1")
    call.happened("ringing", NOON + timedelta(seconds=1))
    call.turn("agent", 0, 1, {}, interrupted=False)  # before the answer nothing can be said
    call.answered(NOON + timedelta(seconds=2))
    call.turn("agent", 500, 1500, {"endpoint": 300}, interrupted=True)
    call.function("weather", NOON + timedelta(seconds=5), 1000, ok=True)
    call.ended(NOON + timedelta(seconds=9), "completed", "agent_disconnected")

    spans = by_name(exported)
    assert set(spans) == {"POST /v1/calls", "call placed", "call", "agent turn", "function weather"}
    of_the_call = [span for name, span in spans.items() if name != "POST /v1/calls"]
    assert {context_of(span).trace_id for span in of_the_call} == {otel.trace_id("call_1")}
    request_span = spans["POST /v1/calls"]
    assert spans["call placed"].links[0].context.trace_id == context_of(request_span).trace_id
    assert request_span.attributes == {
        "dialnexa.request_id": "req_1",
        "dialnexa.call_id": "call_1",
        "http.request.method": "POST",
        "http.route": "/v1/calls",
        "http.response.status_code": 201,
    }
    turn, parent = spans["agent turn"], spans["call"]
    assert turn.parent is not None
    assert turn.parent.span_id == context_of(parent).span_id
    assert parent.start_time is not None
    assert turn.start_time == parent.start_time + 2_500_000_000
    assert turn.attributes == {"dialnexa.interrupted": True, "dialnexa.latency.endpoint_ms": 300}
    assert spans["function weather"].end_time == parent.start_time + 5_000_000_000
    assert [event.name for event in parent.events] == ["ringing", "answered"]


@pytest.mark.parametrize("status", [None, 500])
def test_what_broke_is_marked(exported: InMemorySpanExporter, status: int | None) -> None:
    with tracer().request("req_1") as request:
        request.answered("GET", "/v1/calls", status)
    assert not by_name(exported)["GET /v1/calls"].status.is_ok


def test_off_nothing_is_imported_and_everything_still_works() -> None:
    with tracing.tracing("dialnexa-api", ""), tracer().request("req_1") as request:
        tracer().call_placed("call_1")
        request.answered("GET", "/", 200)
    told = (
        "import sys, dialnexa.cli.main; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_endpoint_turns_them_on_for_as_long_as_the_role_runs() -> None:
    with tracing.tracing("dialnexa-api", "http://127.0.0.1:9"):
        assert isinstance(tracer(), otel.OtelTracer)
    assert type(tracer()) is Tracer
