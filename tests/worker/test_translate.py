"""Live values into the record's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dialnexa.live.outcome import CallOutcome, Ending, EndReason, HeardAudio, LegUsed, MediaQuality, SentAudio, Used
from dialnexa.live.timeline import CallEvent, TransferLeg, TransferMoved, TransferState
from dialnexa.platform.calls.quality import MediaQualityOut
from dialnexa.worker.translate import result, timeline_entry

NOW = datetime(2026, 5, 23, 12, tzinfo=UTC)


def test_the_figures_of_the_audio_are_written_as_the_api_shows_them() -> None:
    quality = MediaQuality(
        "PCMA",
        "AES_CM_128_HMAC_SHA1_80",
        41.5,
        HeardAudio(900, 12, 1, 2, 3.5, 8.0, 240, 0, 4.2),
        SentAudio(950, 0, 1, 90, True, 3, 1.5, 4.3),
    )
    written = result(
        CallOutcome(Ending.COMPLETED, EndReason.USER_DISCONNECTED, NOW, NOW, 0, quality=quality), Path("/tmp"), ()
    )
    assert written.media_quality is not None
    shown = MediaQualityOut.model_validate(written.media_quality)
    assert shown.model_dump() == written.media_quality
    assert (shown.heard.lost, shown.sent.arrived, shown.round_trip_ms) == (12, True, 41.5)


def test_a_call_without_audio_has_no_figures() -> None:
    outcome = CallOutcome(Ending.NO_ANSWER, EndReason.USER_DID_NOT_PICK_UP, None, NOW, 0)
    assert result(outcome, Path("/tmp"), ()).media_quality is None


def test_a_transfer_that_was_followed_is_told_from_one_of_ours() -> None:
    """The agent goes on with somebody else: for subscribers the same event, by another method."""
    legs = (TransferLeg("+16505550123", "bridged"),)
    moved = TransferMoved("xfer_1", TransferState.COMPLETED, method="followed", legs=legs, detail="Handed on.")
    entry = timeline_entry(CallEvent(NOW, moved))
    assert (entry.kind, entry.detail["status"], entry.detail["method"]) == ("transfer", "completed", "followed")
    assert entry.detail["legs"] == (
        {"destination": "+16505550123", "status": "bridged", "sip_status": None, "detail": ""},
    )


def test_what_a_flow_learned_is_written_down() -> None:
    outcome = CallOutcome(Ending.COMPLETED, EndReason.USER_DISCONNECTED, NOW, NOW, 0, collected={"day": "Friday"})
    assert result(outcome, Path("/tmp"), ()).collected_variables == {"day": "Friday"}


def test_the_people_a_caller_was_handed_to_are_part_of_what_the_call_used() -> None:
    used = Used(legs=(LegUsed("+16505550123", 61_500),))
    outcome = CallOutcome(Ending.COMPLETED, EndReason.CALL_TRANSFERRED, NOW, NOW, 90_000, used=used)
    usage = result(outcome, Path("/tmp"), ()).usage
    assert usage is not None
    assert [(leg.to, leg.seconds) for leg in usage.legs] == [("+16505550123", 61.5)]
