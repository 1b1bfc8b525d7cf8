"""Alerts: watch a figure, and hear when it reaches its threshold."""

from __future__ import annotations

from dialnexa_client.exchange import Core, Plan, part
from dialnexa_client.models.records import Alert
from dialnexa_client.models.workspace import Deleted
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search

_PATH = "/alerts"


def create(
    core: Core, *, name: str, metric: str, threshold: float, idempotency_key: str | None = None, **fields: object
) -> Plan[Alert]:
    """Set an alert. ``metric`` is such as ``failure_rate``; webhooks get ``alert.triggered`` once a crossing.

    ``fields``: ``agent_id``, ``window_minutes``, ``min_calls``, ``resolve_threshold``, ``is_active``.
    """
    body = {"name": name, "metric": metric, "threshold": threshold, **fields}
    return asking.write(core, "POST", _PATH, Alert, body, idempotency_key=idempotency_key)


def search(core: Core, *, state: str | None = None, limit: int = 100) -> Search[Alert]:
    """List alerts and how they stand; ``state`` is ``ok`` or ``triggered``."""
    return Search(core, _PATH, Alert, {"state": state}, limit)


def get(core: Core, alert_id: str) -> Plan[Alert]:
    """Return an alert."""
    return asking.get(core, f"{_PATH}/{part(alert_id)}", Alert)


def update(core: Core, alert_id: str, **fields: object) -> Plan[Alert]:
    """Change an alert; it is judged anew."""
    return asking.write(core, "PATCH", f"{_PATH}/{part(alert_id)}", Alert, fields)


def delete(core: Core, alert_id: str) -> Plan[Deleted]:
    """Take an alert away."""
    return asking.write(core, "DELETE", f"{_PATH}/{part(alert_id)}", Deleted)
