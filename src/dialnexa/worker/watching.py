"""What the outside is told while a call lives: log lines, numbers and a trace, from the same events."""

from __future__ import annotations

import structlog

from dialnexa.kit.clock import Clock
from dialnexa.kit.tracing import tracer
from dialnexa.live.timeline import Answered, CallEvent, Ringing, ToolCalled, TransferMoved, Trouble, TurnSpoken
from dialnexa.platform.calls.records import Result
from dialnexa.worker.metrics import WorkerMetrics

log = structlog.get_logger(__name__)


class CallWatch:
    """Watches one call of a worker. Its log lines carry the call's id by themselves, for they are made in its task."""

    def __init__(self, metrics: WorkerMetrics, clock: Clock, call_id: str, direction: str, node: str) -> None:
        self._metrics = metrics
        self._direction = direction
        self._since = clock.monotonic()
        self._trace = tracer().call(call_id, clock.now(), direction=direction, node=node)
        self._log = log.bind(call_id=call_id)
        self._log.info("call_taken", direction=direction, node=node)

    def note(self, event: CallEvent) -> None:
        """Tell what happened."""
        self._metrics.note(event, self._since)
        match event.what:
            case Ringing():
                self._trace.happened("ringing", event.at)
            case Answered():
                self._log.info("call_answered")
                self._trace.answered(event.at)
            case TurnSpoken() as turn:
                self._trace.turn(turn.role, turn.start_ms, turn.end_ms, turn.latency, interrupted=turn.interrupted)
            case ToolCalled() as tool:
                self._trace.function(tool.name, event.at, tool.took_ms, ok=tool.ok)
            case TransferMoved() as transfer:
                self._log.info("call_transfer", transfer=transfer.id, status=transfer.status.value)
                self._trace.happened(f"transfer {transfer.status.value}", event.at)
            case Trouble() as trouble:
                self._log.warning("call_trouble", part=trouble.part, trouble=trouble.message)
            case _:
                pass

    def ended(self, result: Result) -> None:
        """Tell how it ended."""
        self._metrics.ended(self._direction, result)
        self._trace.ended(result.ended_at, result.state.value, result.end_reason)
