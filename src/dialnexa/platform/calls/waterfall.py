"""The latency waterfall: for each turn of the agent, when each stage was reached after the caller had stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, Field

from dialnexa.platform.calls.schemas import TurnOut

STAGES = ("endpoint", "stt_final", "knowledge", "llm_first_token", "first_clause", "tts_first_audio", "first_packet")
"""In the order in which they are usually reached; a recogniser may have its final before the turn is taken for over."""


class StagesOut(BaseModel):
    """Ms from the caller's last voiced sample to each stage; null: the turn did not pass it."""

    endpoint: int | None = Field(default=None, description="The turn was taken for over.")
    stt_final: int | None = Field(default=None, description="The recogniser's final words were there.")
    knowledge: int | None = Field(default=None, description="The agent's knowledge bases were looked into.")
    llm_first_token: int | None = Field(default=None, description="The language model began to answer.")
    first_clause: int | None = Field(default=None, description="There was enough text to speak.")
    tts_first_audio: int | None = Field(default=None, description="The voice had its first audio.")
    first_packet: int | None = Field(default=None, description="The first packet of the answer left.")


class WaterfallTurn(StagesOut):
    """One turn of the agent that answers somebody."""

    turn: int = Field(description="Its place in `transcript_turns`, from 0.")
    start: float = Field(description="When it was first heard, in seconds since the answer of the call.")
    total: int | None = Field(description="Ms until the caller heard it: its last stage.")


class WaterfallOut(BaseModel):
    """How fast the agent of a call answered, stage by stage."""

    call_id: str
    stages: list[str] = list(STAGES)
    turns: list[WaterfallTurn]
    p50: StagesOut
    p95: StagesOut
    total_p50: int | None = Field(description="Median ms until the agent is heard: the call's `latency`.")
    total_p95: int | None


def waterfall(call_id: str, turns: Sequence[TurnOut]) -> WaterfallOut:
    """Return the waterfall of a call from its turns; those that answer nobody, such as the greeting, have none."""
    measured = [
        WaterfallTurn(
            **{stage: turn.latency.get(stage) for stage in STAGES},
            turn=number,
            start=turn.start,
            total=max(turn.latency.values()),
        )
        for number, turn in enumerate(turns)
        if turn.role == "agent" and turn.latency
    ]
    totals = [turn.total for turn in measured if turn.total is not None]
    return WaterfallOut(
        call_id=call_id,
        turns=measured,
        p50=_spread(measured, 50),
        p95=_spread(measured, 95),
        total_p50=percentile(totals, 50),
        total_p95=percentile(totals, 95),
    )


def percentile(values: Sequence[int], percent: int) -> int | None:
    """Return the value below or at which that per cent of the values lie, interpolated; ``None`` for none."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return round(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def _spread(turns: Sequence[WaterfallTurn], percent: int) -> StagesOut:
    reached = {stage: [value for turn in turns if (value := getattr(turn, stage)) is not None] for stage in STAGES}
    return StagesOut(**{stage: percentile(values, percent) for stage, values in reached.items()})
