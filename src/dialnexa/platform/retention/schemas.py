"""Wire shapes of retention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from dialnexa.platform.retention.rules import FOR_EVER, KINDS, LONGEST, SHORTEST_AUDIT, Defaults
from dialnexa.platform.wire import Body


def _long_enough(days: int) -> int:
    if days != FOR_EVER and days < SHORTEST_AUDIT:
        raise ValueError(f"must be at least {SHORTEST_AUDIT}, or 0 to keep it for ever")
    return days


Days = Annotated[int, Field(ge=0, le=LONGEST)]


class RetentionIn(Body):
    """Rules of the workspace, in days. 0: for ever. `null`: as the operator has set it."""

    recordings_days: Days | None = None
    transcripts_days: Days | None = None
    events_days: Days | None = None
    deliveries_days: Days | None = None
    ladders_days: Days | None = None
    audit_days: Annotated[Days, AfterValidator(_long_enough)] | None = None

    def changes(self) -> dict[str, int | None]:
        """Return what to set, by kind; ``None`` takes a rule away."""
        return {name.removesuffix("_days"): days for name, days in self.model_dump(exclude_unset=True).items()}


class RetentionOut(BaseModel):
    """How many days the workspace keeps things; 0: for ever."""

    recordings_days: int = Field(description="Audio.")
    transcripts_days: int = Field(description="What was said, summaries, sentiment and analysis.")
    events_days: int = Field(description="Events, for replays and the stream.")
    deliveries_days: int = Field(description="The log of deliveries to webhooks, dead letters included.")
    ladders_days: int = Field(description="SIP messages, and callers who were refused.")
    audit_days: int = Field(description="Who changed what.")
    own: list[str] = Field(description="Which of them the workspace has set itself.")

    @classmethod
    def of(cls, defaults: Defaults, own: Mapping[str, int]) -> RetentionOut:
        """Describe the rules that hold for a workspace."""
        days = {f"{kind}_days": own.get(kind, defaults.days[kind]) for kind in KINDS}
        return cls.model_validate({**days, "own": sorted(f"{kind}_days" for kind in own)})
