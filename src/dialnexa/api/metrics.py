"""Numbers for Prometheus: how many requests, how they ended, how long they took."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

from dialnexa.platform.calls.models import Node

_NODE = ("node",)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The meters of one API process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("dialnexa_http_requests", "HTTP requests.", labels, registry=self.registry)
        self._seconds = Histogram(
            "dialnexa_http_request_seconds", "Time to answer.", labels[:2], registry=self.registry, buckets=_BUCKETS
        )

        self._removed = Counter(
            "dialnexa_retention_removed", "Things removed because they were too old.", ("kind",), registry=self.registry
        )

    def removed(self, kind: str, count: int) -> None:
        """Count what retention removed."""
        self._removed.labels(kind).inc(count)

    def observe(self, scope: Scope, status: int | None, seconds: float) -> None:
        """Count one request under its route's pattern, never under its path: ids would make endless series."""
        route = getattr(scope.get("route"), "path", "unknown")
        self._requests.labels(scope["method"], route, str(status or "aborted")).inc()
        self._seconds.labels(scope["method"], route).observe(seconds)

    def text(self) -> bytes:
        """Return all meters in Prometheus' text format."""
        return generate_latest(self.registry)


def workers_text(workers: Sequence[Node]) -> bytes:
    """Return what workers count, as they last reported it with their lease; a worker that is gone counts no more."""
    registry = CollectorRegistry()
    calls = Gauge("dialnexa_worker_live_calls", "Calls a worker holds.", _NODE, registry=registry)
    room = Gauge("dialnexa_worker_capacity", "Calls a worker takes at once.", _NODE, registry=registry)
    gauges = dict[str, Gauge]()
    for worker in workers:
        calls.labels(worker.id).set(worker.live_calls)
        room.labels(worker.id).set(worker.capacity)
        for name, value in worker.meters.items():
            if name not in gauges:
                gauges[name] = Gauge(f"dialnexa_worker_{name}", _said(name), _NODE, registry=registry)
            gauges[name].labels(worker.id).set(float(str(value)))
    return generate_latest(registry)


def _said(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}, since the worker started or now."
