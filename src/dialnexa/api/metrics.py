"""Numbers for Prometheus: how many requests, how they ended, how long they took."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import Scope

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

    def observe(self, scope: Scope, status: int | None, seconds: float) -> None:
        """Count one request under its route's pattern, never under its path: ids would make endless series."""
        route = getattr(scope.get("route"), "path", "unknown")
        self._requests.labels(scope["method"], route, str(status or "aborted")).inc()
        self._seconds.labels(scope["method"], route).observe(seconds)

    def text(self) -> bytes:
        """Return all meters in Prometheus' text format."""
        return generate_latest(self.registry)
