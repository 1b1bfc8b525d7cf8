"""Traces, for who wants them: each request, and each call with its turns. Off, they cost a method that does nothing.

Spans carry no words anybody said and no numbers anybody dialled. ``kit/otel.py`` sends them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime


class RequestTrace:
    """The trace of one HTTP request; this one goes nowhere."""

    def answered(self, method: str, route: str, status: int | None) -> None:
        """Note the route's pattern and the status; ``None``: the answer was cut off."""


class CallTrace:
    """The trace of one live call; this one goes nowhere."""

    def happened(self, name: str, at: datetime) -> None:
        """Note a moment, such as ringing."""

    def answered(self, at: datetime) -> None:
        """Note the answer: the times of turns count from here."""

    def turn(self, role: str, start_ms: int, end_ms: int, latency: Mapping[str, int], *, interrupted: bool) -> None:
        """Add what one side said, with the stages of the agent's answer."""

    def function(self, name: str, ended: datetime, took_ms: int, *, ok: bool) -> None:
        """Add a function the agent used."""

    def ended(self, at: datetime, status: str, reason: str) -> None:
        """End the call's span."""


class Tracer:
    """Makes traces; this one makes none."""

    @contextmanager
    def request(self, request_id: str) -> Generator[RequestTrace]:
        """Trace one HTTP request for as long as the block lasts."""
        yield _NO_REQUEST

    def call_placed(self, call_id: str) -> None:
        """Begin a call's trace, linked to the request that placed it."""

    def call(self, call_id: str, began: datetime, *, direction: str, node: str) -> CallTrace:
        """Go on with a call's trace where a worker takes the call."""
        return _NO_CALL

    def close(self) -> None:
        """Send what is left, and no more."""


_NO_REQUEST, _NO_CALL = RequestTrace(), CallTrace()


class _Process:
    tracer = Tracer()


def tracer() -> Tracer:
    """Return the tracer of this process."""
    return _Process.tracer


def use(tracer: Tracer) -> None:
    """Make all further traces with this tracer."""
    _Process.tracer = tracer


@contextmanager
def tracing(service: str, endpoint: str) -> Generator[None]:
    """Send traces to an OTLP/HTTP endpoint as long as the block lasts; an empty one leaves them off."""
    if not endpoint:
        yield
        return
    # Imported here on purpose: it takes a quarter of a second that nobody should wait for who wants no traces.
    from dialnexa.kit import otel  # noqa: PLC0415

    use(otel.over_http(service, endpoint))
    try:
        yield
    finally:
        tracer().close()
        use(Tracer())
