"""Traces with OpenTelemetry's SDK. Only imported where an endpoint is set.

A call's trace begins in one process and goes on in another with only a database between them, so its trace id is made
of the call's id: whoever knows the call knows the trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Tracer as OtelApi

from dialnexa.kit import tracing

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000


def over_http(service: str, endpoint: str) -> OtelTracer:
    """Return a tracer that sends batches to an OTLP/HTTP endpoint, in a thread of its own."""
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    return OtelTracer(service, BatchSpanProcessor(exporter))


class OtelTracer(tracing.Tracer):
    """Makes spans and hands them to a processor."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("dialnexa")

    @contextmanager
    def request(self, request_id: str) -> Generator[tracing.RequestTrace]:
        """Trace one HTTP request for as long as the block lasts."""
        attributes = {"dialnexa.request_id": request_id}
        with self._tracer.start_as_current_span("request", kind=SpanKind.SERVER, attributes=attributes) as span:
            yield _RequestTrace(span)

    def call_placed(self, call_id: str) -> None:
        """Begin a call's trace, linked to the request that placed it."""
        request = get_current_span()
        request.set_attribute("dialnexa.call_id", call_id)
        links = [Link(request.get_span_context())]
        attributes = {"dialnexa.call_id": call_id}
        self._tracer.start_span("call placed", _context_of(call_id), links=links, attributes=attributes).end()

    def call(self, call_id: str, began: datetime, *, direction: str, node: str) -> tracing.CallTrace:
        """Go on with a call's trace where a worker takes the call."""
        context = _context_of(call_id)
        attributes = {"dialnexa.call_id": call_id, "dialnexa.direction": direction, "dialnexa.node": node}
        span = self._tracer.start_span("call", context, attributes=attributes, start_time=_ns(began))
        return _CallTrace(self._tracer, span, set_span_in_context(span, context))

    def close(self) -> None:
        """Send what is left, and no more."""
        self._provider.shutdown()


class _RequestTrace(tracing.RequestTrace):
    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, method: str, route: str, status: int | None) -> None:
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes({"http.request.method": method, "http.route": route})
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if status is None or status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


class _CallTrace(tracing.CallTrace):
    def __init__(self, tracer: OtelApi, span: Span, context: Context) -> None:
        self._tracer = tracer
        self._span = span
        self._context = context
        self._answered: int | None = None

    def happened(self, name: str, at: datetime) -> None:
        self._span.add_event(name, timestamp=_ns(at))

    def answered(self, at: datetime) -> None:
        self._answered = _ns(at)
        self.happened("answered", at)

    def turn(self, role: str, start_ms: int, end_ms: int, latency: Mapping[str, int], *, interrupted: bool) -> None:
        if self._answered is None:
            return
        stages = {f"dialnexa.latency.{stage}_ms": ms for stage, ms in latency.items()}
        start, end = (self._answered + ms * _NS_PER_MS for ms in (start_ms, end_ms))
        self._child(f"{role} turn", start, end, {"dialnexa.interrupted": interrupted, **stages})

    def function(self, name: str, ended: datetime, took_ms: int, *, ok: bool) -> None:
        end = _ns(ended)
        self._child(f"function {name}", end - took_ms * _NS_PER_MS, end, {"dialnexa.ok": ok})

    def ended(self, at: datetime, status: str, reason: str) -> None:
        self._span.set_attributes({"dialnexa.status": status, "dialnexa.end_reason": reason})
        self._span.end(_ns(at))

    def _child(self, name: str, start: int, end: int, attributes: Mapping[str, bool | int]) -> None:
        self._tracer.start_span(name, self._context, attributes=attributes, start_time=start).end(max(start, end))


def trace_id(call_id: str) -> int:
    """Return the trace id of a call."""
    return int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:16])


def _context_of(call_id: str) -> Context:
    """Return the context of a call's spans. The span at its root is nobody's: no process sees all of a call."""
    root = int.from_bytes(hashlib.sha256(call_id.encode()).digest()[16:24])
    sampled = TraceFlags(TraceFlags.SAMPLED)
    context = SpanContext(trace_id(call_id), root, is_remote=True, trace_flags=sampled)
    return set_span_in_context(NonRecordingSpan(context))


def _ns(at: datetime) -> int:
    return round(at.timestamp() * _NS_PER_S)
