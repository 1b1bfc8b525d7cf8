"""Wire shapes of alerts."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from dialnexa.kit.clock import iso
from dialnexa.platform.alerts.metrics import METRICS, Metric, State, resolves_below
from dialnexa.platform.alerts.models import Alert
from dialnexa.platform.wire import Body

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Threshold = Annotated[float, Field(description="It triggers when the figure reaches this.")]
Resolve = Annotated[
    float | None,
    Field(ge=0, description="Below this it is over, and can trigger anew; null: a tenth below the threshold."),
]
Window = Annotated[int, Field(ge=5, le=10_080, description="Minutes that are looked back on.")]
MinCalls = Annotated[int, Field(ge=1, le=100_000, description="With fewer calls in the window nothing is judged.")]
AgentId = Annotated[str | None, Field(max_length=255, description="Only calls of this agent; null: of all.")]
_METRIC = " ".join(f"`{name}` ({kind.unit}): {kind.description}" for name, kind in METRICS.items())
Figure = Annotated[Metric, Field(description=_METRIC)]
_CLEARED_BY_NULL = {"agent_id", "resolve_threshold"}


class AlertIn(Body):
    """An alert to set."""

    name: Name
    metric: Figure
    threshold: Threshold
    resolve_threshold: Resolve = None
    window_minutes: Window = 60
    min_calls: MinCalls = 5
    agent_id: AgentId = None
    is_active: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        kind = METRICS[self.metric]
        if not kind.least <= self.threshold <= kind.most:
            raise ValueError(
                f"does not fit: the threshold of {self.metric} must be {kind.least:g} to {kind.most:g} ({kind.unit})"
            )
        if self.resolve_threshold is not None and self.resolve_threshold > self.threshold:
            raise ValueError("does not fit: resolve_threshold must not be above threshold")
        if self.agent_id and not kind.of_agents:
            raise ValueError(f"does not fit: {self.metric} is of the whole workspace, so leave agent_id out")
        return self


class AlertPatch(Body):
    """Changes to an alert; fields left out stay as they are. It is judged anew: one that still holds tells again."""

    name: Name | None = None
    metric: Figure | None = None
    threshold: Threshold | None = None
    resolve_threshold: Resolve = None
    window_minutes: Window | None = None
    min_calls: MinCalls | None = None
    agent_id: AgentId = None
    is_active: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Return the fields to set."""
        sent = self.model_dump(exclude_unset=True)
        return {name: value for name, value in sent.items() if value is not None or name in _CLEARED_BY_NULL}


class AlertOut(BaseModel):
    """An alert, and how it stands."""

    id: str
    workspace_id: str
    livemode: bool
    name: str
    metric: Metric
    unit: str
    threshold: float
    resolve_threshold: float
    window_minutes: int
    min_calls: int
    agent_id: str | None
    is_active: bool
    state: State
    value: float | None = Field(description="What was measured last; null when there was too little to measure.")
    checked_at: str | None
    triggered_at: str | None
    resolved_at: str | None
    created_at: str
    createdAt: str
    updated_at: str

    @classmethod
    def of(cls, alert: Alert) -> AlertOut:
        """Describe an alert."""
        return cls.model_validate(
            {
                **settings(alert),
                "id": alert.id,
                "workspace_id": alert.workspace_id,
                "livemode": alert.livemode,
                "unit": unit(alert),
                "resolve_threshold": resolves_below(alert.threshold, alert.resolve_threshold),
                "state": alert.state,
                "value": alert.value,
                "checked_at": iso(alert.checked_at) if alert.checked_at else None,
                "triggered_at": iso(alert.triggered_at) if alert.triggered_at else None,
                "resolved_at": iso(alert.resolved_at) if alert.resolved_at else None,
                "created_at": iso(alert.created_at),
                "createdAt": iso(alert.created_at),
                "updated_at": iso(alert.updated_at),
            }
        )


def settings(alert: Alert) -> dict[str, Any]:
    """Return what an alert was set to."""
    return {name: getattr(alert, name) for name in AlertIn.model_fields}


def unit(alert: Alert) -> str:
    """Return what an alert's figure is counted in."""
    return next((kind.unit for name, kind in METRICS.items() if name == alert.metric), "")
