"""Numbers for Prometheus: how many requests, how they ended, how long they took."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import Route
from starlette.types import Scope

from dialnexa.platform.calls import counting
from dialnexa.platform.calls.models import Node
from dialnexa.platform.webhooks import counting as webhooks

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

    def observe(self, scope: Scope, status: int | None, seconds: float) -> str:
        """Count one request under the whole template of its route, and return that.

        Never under its path: ids would make endless series. All paths that nobody serves are ``unknown``.
        """
        route = _template(scope)
        self._requests.labels(scope["method"], route, str(status or "aborted")).inc()
        self._seconds.labels(scope["method"], route).observe(seconds)
        return route

    def text(self) -> bytes:
        """Return all meters in Prometheus' text format."""
        return generate_latest(self.registry)


def _template(scope: Scope) -> str:
    """Return the template of a request's route, with the prefixes of its routers; it has its own end only."""
    route = scope.get("route")
    if not isinstance(route, Route):
        return "unknown"
    found = _ending(route.path_regex.pattern).fullmatch(scope["path"])
    return f"{found[1] if found else ''}{route.path}"


@cache
def _ending(pattern: str) -> re.Pattern[str]:
    """Return what splits a path into prefixes, which have no parameters, and what ``pattern`` matches."""
    return re.compile(f"((?:/[^/]+)*?){pattern.removeprefix('^')}")


async def installation_text(session: AsyncSession, now: datetime) -> bytes:
    """Return what only the database knows. Every API process tells the same: take the maximum, not the sum."""
    registry = CollectorRegistry()

    def gauge(name: str, said: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"dialnexa_{name}", said, labels, registry=registry)

    calls = gauge("calls", "Calls that have not ended, by state; queued ones wait for a worker.", ("state",))
    for state, count in (await counting.live(session)).items():
        calls.labels(state).set(count)
    wait = await counting.longest_wait_s(session, now)
    gauge("queue_oldest_seconds", "How long the oldest queued call has waited.").set(wait)
    gauge("slots", "Slots taken in all workspaces.").set(await counting.slots(session))
    backlog = await webhooks.backlog(session, now)
    gauge("webhook_deliveries_pending", "Webhook deliveries still to be made.").set(backlog.pending)
    gauge("webhook_overdue_seconds", "How long the oldest due delivery has waited.").set(backlog.overdue_s)
    gauge("webhook_dead_letters", "Deliveries that were given up; replay them.").set(backlog.dead)
    return generate_latest(registry)


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
