"""Numbers for Prometheus about one worker: its calls, how fast they were, and how well the clock was kept.

Prometheus asks each worker itself, at the port of ``DIALNEXA_WORKER_METRICS_PORT``: what several processes count in
histograms cannot be told by a third.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dialnexa.kit.clock import Clock
from dialnexa.live.media.clock import LatenessReport
from dialnexa.live.timeline import Answered, CallEvent, Interrupted, Ringing, ToolCalled, Trouble, TurnSpoken
from dialnexa.platform.calls.records import Result

log = structlog.get_logger(__name__)

_SETUP_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60)
_STAGE_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_CALL_S = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_MS = 1000.0


class WorkerMetrics:
    """The meters of one worker. Every method takes microseconds: they are called while calls are live."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        name = "dialnexa_worker_"
        self._ended = self._counter(f"{name}calls", "Calls that ended.", "direction", "status", "end_reason")
        self._lasted = self._histogram(f"{name}call_seconds", "From answer to end.", _CALL_S, "direction")
        self._set_up = self._histogram(
            f"{name}setup_seconds", "From the worker's taking a call to ringing, and to the answer.", _SETUP_S, "until"
        )
        self._stages = self._histogram(
            f"{name}turn_seconds", "From the caller's last sound to each stage of the agent's turn.", _STAGE_S, "stage"
        )
        self._functions = self._histogram(f"{name}function_seconds", "Functions agents used.", _STAGE_S, "outcome")
        self._interrupted = self._counter(f"{name}interruptions", "Agent turns that a caller cut off.")
        self._trouble = self._counter(f"{name}trouble", "What went wrong in calls that went on.", "part")

    def note(self, event: CallEvent, since: float) -> None:
        """Count what happened in a call that was taken at ``since``."""
        match event.what:
            case Ringing():
                self._set_up.labels("ringing").observe(self._clock.monotonic() - since)
            case Answered():
                self._set_up.labels("answered").observe(self._clock.monotonic() - since)
            case TurnSpoken(latency=latency):
                for stage, ms in latency.items():
                    self._stages.labels(stage).observe(ms / _MS)
            case ToolCalled(ok=ok, took_ms=took_ms):
                self._functions.labels("ok" if ok else "failed").observe(took_ms / _MS)
            case Interrupted():
                self._interrupted.inc()
            case Trouble(part=part):
                self._trouble.labels(part).inc()
            case _:
                pass

    def ended(self, direction: str, result: Result) -> None:
        """Count a call's end."""
        self._ended.labels(direction, result.state.value, result.end_reason).inc()
        if result.answered_at is not None:
            self._lasted.labels(direction).observe(result.duration_ms / _MS)

    def show(self, look: Callable[[], Snapshot]) -> None:
        """Show how the worker is at the moment of each scrape."""
        self.registry.register(_Now(look))

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(name, said, labels, registry=self.registry)

    def _histogram(self, name: str, said: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, said, labels, buckets=buckets, registry=self.registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How a worker is now."""

    live_calls: int
    capacity: int
    draining: bool
    clock: LatenessReport
    counts: Mapping[str, int]
    """What SIP counts, by name."""


class _Now(Collector):
    """Reads a snapshot at each scrape, in Prometheus' thread."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand: a snapshot is taken when it is asked for."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the snapshot's numbers."""
        now = self._look()
        late = now.clock
        yield _gauge("live_calls", "Calls it holds.", now.live_calls)
        yield _gauge("capacity", "Calls it takes at once.", now.capacity)
        yield _gauge("draining", "1 while it takes no new calls.", int(now.draining))
        lateness = GaugeMetricFamily(
            "dialnexa_worker_tick_late_seconds", "How late the 20 ms clock was, over five seconds.", labels=["quantile"]
        )
        for quantile, ms in (("0.5", late.p50_ms), ("0.99", late.p99_ms), ("1", late.max_ms)):
            lateness.add_metric([quantile], ms / _MS)
        yield lateness
        yield _gauge("clock_busy", "Share of the time spent inside ticks, over five seconds.", late.busy)
        yield _counted("ticks_skipped", "Cycles of 20 ms skipped after stalls.", late.skipped)
        for name, value in now.counts.items():
            said = f"{name.replace('_', ' ').capitalize()}."
            yield _gauge(name, said, value) if name in _STANDING else _counted(name, said, value)


_STANDING = frozenset({"sip_dialogs", "sip_connections"})
"""Counts of what is there now; the others only grow."""


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"dialnexa_worker_{name}", said, value=value)


def _counted(name: str, said: str, value: float) -> Metric:
    return CounterMetricFamily(f"dialnexa_worker_{name}", said, value=value)


@contextmanager
def served(metrics: WorkerMetrics, host: str, port: int) -> Generator[None]:
    """Serve the meters at ``/metrics`` as long as the block lasts; port 0 serves none.

    A port that is taken costs the metrics, not the worker: calls are worth more.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        log.error("metrics_not_served", host=host, port=port, error=str(error), fix="free the port or choose another")
        yield
        return
    log.info("metrics_served", host=host, port=port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
