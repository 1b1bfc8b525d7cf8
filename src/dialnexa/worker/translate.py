"""Between the wings: live values (``live.timeline``, ``live.outcome``) into those of ``platform.calls.records``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from dialnexa.live.outcome import CallOutcome, RecordingResult, SipLadder
from dialnexa.live.timeline import CallEvent, TurnSpoken
from dialnexa.platform.calls.records import Ladder, RecordingFile, Result, SipMessage, TimelineEntry, Turn
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.costs.usage import Leg, Tokens, Usage


def timeline_entry(event: CallEvent) -> TimelineEntry:
    """Write an event as one line of the timeline."""
    return TimelineEntry(at=event.at, kind=event.what.kind, detail=asdict(event.what))


def result(outcome: CallOutcome, recordings: Path, unresolved: Sequence[str]) -> Result:
    """Write an outcome the way the record keeps it; recording paths become relative to their folder."""
    return Result(
        state=CallState(outcome.ending.value),
        end_reason=outcome.reason.value,
        ended_at=outcome.ended_at,
        answered_at=outcome.answered_at,
        duration_ms=outcome.duration_ms,
        turns=[_turn(turn) for turn in outcome.turns],
        recording=_recording(outcome.recording, recordings) if outcome.recording else None,
        sip_status=outcome.sip_status,
        unresolved_variables=list(unresolved),
        collected_variables=dict(outcome.collected),
        detail=outcome.detail,
        ladder=ladder(outcome.ladder),
        media_quality=None if outcome.quality is None else asdict(outcome.quality),
        usage=_usage(outcome),
    )


def ladder(seen: SipLadder) -> Ladder | None:
    """Write a ladder the way the record keeps it; ``None`` when nothing was said."""
    messages = [
        SipMessage(one.at, one.way, one.local, one.peer, one.transport, one.repeated, one.text) for one in seen.messages
    ]
    return Ladder(messages, seen.left_out, seen.gap_at) if messages else None


def _usage(outcome: CallOutcome) -> Usage:
    used = outcome.used
    return Usage(
        talk_seconds=outcome.duration_ms / 1000,
        stt=used.stt,
        stt_seconds=used.stt_ms / 1000,
        stt_fallback=used.stt_fallback,
        stt_fallback_seconds=used.stt_fallback_ms / 1000,
        tts=used.tts,
        tts_characters=used.tts_characters,
        llm=Tokens(
            model=used.llm,
            requests=used.llm_requests,
            input_tokens=used.llm_input_tokens,
            output_tokens=used.llm_output_tokens,
            estimated=used.llm_estimated,
        ),
        legs=[Leg(to=leg.to, seconds=leg.ms / 1000) for leg in used.legs],
        recording_seconds=outcome.recording.duration_ms / 1000 if outcome.recording else 0,
    )


def _turn(turn: TurnSpoken) -> Turn:
    return Turn(
        role=turn.role,
        content=turn.text,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        interrupted=turn.interrupted,
        intended=turn.intended,
        confidence=turn.confidence,
        latency=dict(turn.latency),
        citations=[asdict(one) for one in turn.citations],
    )


def _recording(recording: RecordingResult, folder: Path) -> RecordingFile:
    return RecordingFile(
        blob_key=recording.path.relative_to(folder).as_posix(),
        duration_ms=recording.duration_ms,
        bytes=recording.size_bytes,
        lost=recording.lost,
    )
