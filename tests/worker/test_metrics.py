"""What a worker counts, as Prometheus reads it."""

from __future__ import annotations

import socket
import urllib.request
from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dialnexa.kit.process import free_port
from dialnexa.live.media.clock import LatenessReport
from dialnexa.live.timeline import (
    Answered,
    CallEvent,
    DigitsPressed,
    Happening,
    Interrupted,
    Ringing,
    ToolCalled,
    Trouble,
    TurnSpoken,
)
from dialnexa.platform.calls.records import Result
from dialnexa.platform.calls.states import CallState
from dialnexa.worker.metrics import Snapshot, WorkerMetrics, served
from tests.live.fakes import VirtualClock

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)


def read(metrics: WorkerMetrics) -> dict[tuple[str, str], float]:
    """Each sample by its name and the values of its labels; buckets left out."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        (sample.name.removeprefix("dialnexa_worker_"), ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


def test_a_call_leaves_its_times_and_its_end() -> None:
    clock = VirtualClock()
    metrics = WorkerMetrics(clock)
    since = clock.monotonic()
    happenings: list[tuple[float, Happening]] = [
        (0.5, Ringing(180)),
        (2.0, Answered()),
        (1.0, TurnSpoken("agent", "Hello.", 0, 900, latency={"endpoint": 300, "first_packet": 450})),
        (0.0, TurnSpoken("user", "Hi.", 900, 1000)),
        (0.0, ToolCalled("weather", "{}", "{}", ok=False, took_ms=1500)),
        (0.0, Interrupted(1200, "Hel")),
        (0.0, Trouble("recording", "full")),
        (0.0, DigitsPressed("user", "1")),
    ]
    for later, what in happenings:
        clock.advance(later)
        metrics.note(CallEvent(NOON, what), since)
    metrics.ended(
        "outbound", Result(CallState.COMPLETED, "agent_disconnected", NOON, answered_at=NOON, duration_ms=42_000)
    )
    found = read(metrics)
    assert found["setup_seconds_sum", "ringing"] == 0.5
    assert found["setup_seconds_sum", "answered"] == 2.5
    assert found["turn_seconds_sum", "endpoint"] == 0.3
    assert found["turn_seconds_count", "first_packet"] == 1
    assert found["function_seconds_sum", "failed"] == 1.5
    assert found["interruptions_total", ""] == 1
    assert found["trouble_total", "recording"] == 1
    assert found["calls_total", "outbound,agent_disconnected,completed"] == 1
    assert found["call_seconds_sum", "outbound"] == 42


def test_a_call_nobody_answered_has_no_length() -> None:
    metrics = WorkerMetrics(VirtualClock())
    metrics.ended("outbound", Result(CallState.BUSY, "user_busy", NOON))
    assert read(metrics) == {("calls_total", "outbound,user_busy,busy"): 1, **_empty()}


def _empty() -> dict[tuple[str, str], float]:
    return {("interruptions_total", ""): 0}


def snapshot() -> Snapshot:
    return Snapshot(
        live_calls=3,
        capacity=100,
        draining=False,
        clock=LatenessReport(p50_ms=0.2, p99_ms=4, max_ms=9, busy=0.4, skipped=2),
        counts={"sip_messages_received": 70, "sip_dialogs": 3},
    )


@pytest.fixture
def shown() -> WorkerMetrics:
    metrics = WorkerMetrics(VirtualClock())
    metrics.show(snapshot)
    return metrics


def test_each_scrape_sees_the_worker_as_it_is_then(shown: WorkerMetrics) -> None:
    found = read(shown)
    assert (found["live_calls", ""], found["capacity", ""], found["draining", ""]) == (3, 100, 0)
    assert found["tick_late_seconds", "0.99"] == 0.004
    assert (found["clock_busy", ""], found["ticks_skipped_total", ""]) == (0.4, 2)
    assert (found["sip_messages_received_total", ""], found["sip_dialogs", ""]) == (70, 3)


def test_prometheus_reads_it_at_the_port(shown: WorkerMetrics) -> None:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    with served(shown, "127.0.0.1", port):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"dialnexa_worker_live_calls 3.0" in answer.read()
        with served(WorkerMetrics(VirtualClock()), "127.0.0.1", port):
            pass  # the port is taken: calls go on without


def test_no_port_serves_nothing(shown: WorkerMetrics) -> None:
    with served(shown, "127.0.0.1", 0):
        pass
