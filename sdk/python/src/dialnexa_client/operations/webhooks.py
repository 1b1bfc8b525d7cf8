"""Webhooks and events: subscribe, look at deliveries, send again, follow along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialnexa_client.exchange import Core, Plan, part
from dialnexa_client.models.records import Answer, Delivery, Event, Sent, Webhook
from dialnexa_client.models.workspace import Deleted
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search
from dialnexa_client.streaming import Feed

_PATH = "/user-webhooks"
_SECRET = "/workspace/webhook-secret"


def create(
    core: Core, *, url: str, events: Sequence[str], idempotency_key: str | None = None, **fields: object
) -> Plan[Webhook]:
    """Subscribe a URL to events (``*``: all). Its ``secret`` is in this answer and nowhere else.

    ``fields``: ``secret``, ``is_active``, ``retry_count``, ``timeout_ms``, ``agent_ids``.
    """
    body = {"url": url, "events": list(events), **fields}
    return asking.write(core, "POST", _PATH, Webhook, body, idempotency_key=idempotency_key)


def search(core: Core, *, is_active: bool | None = None, limit: int = 100) -> Search[Webhook]:
    """List webhooks."""
    return Search(core, _PATH, Webhook, {"is_active": is_active}, limit)


def get(core: Core, webhook_id: str) -> Plan[Webhook]:
    """Return a webhook."""
    return asking.get(core, f"{_PATH}/{part(webhook_id)}", Webhook)


def update(core: Core, webhook_id: str, **fields: object) -> Plan[Webhook]:
    """Change a webhook; ``rotate_secret=True`` makes a new secret and shows it once."""
    return asking.write(core, "PATCH", f"{_PATH}/{part(webhook_id)}", Webhook, fields)


def delete(core: Core, webhook_id: str) -> Plan[Deleted]:
    """Take a webhook away."""
    return asking.write(core, "DELETE", f"{_PATH}/{part(webhook_id)}", Deleted)


def test(core: Core, webhook_id: str) -> Plan[Delivery]:
    """Send a ``ping`` now and return how it went."""
    return asking.write(core, "POST", f"{_PATH}/{part(webhook_id)}/test", Delivery)


def deliveries(
    core: Core,
    webhook_id: str,
    *,
    status: str | None = None,
    event: str | None = None,
    event_id: str | None = None,
    call_id: str | None = None,
    limit: int = 100,
) -> Search[Delivery]:
    """List the attempts to deliver to a webhook, newest first."""
    query = {"status": status, "event": event, "event_id": event_id, "call_id": call_id}
    return Search(core, f"{_PATH}/{part(webhook_id)}/deliveries", Delivery, query, limit)


def delivery(core: Core, webhook_id: str, delivery_id: str) -> Plan[Delivery]:
    """Return one attempt, with what was sent in ``raw``."""
    return asking.get(core, f"{_PATH}/{part(webhook_id)}/deliveries/{part(delivery_id)}", Delivery)


def dead_letters(core: Core, *, webhook_id: str | None = None, limit: int = 100) -> Search[Delivery]:
    """List what could not be delivered."""
    return Search(core, f"{_PATH}/dead-letters", Delivery, {"webhook_id": webhook_id}, limit)


def retry_all(core: Core, *, webhook_id: str | None = None) -> Plan[Sent]:
    """Send all dead letters again, or those of one webhook."""
    body = asking.given(webhook_id=webhook_id)
    return asking.write(core, "POST", f"{_PATH}/dead-letters/retry", Sent, body)


def retry(core: Core, delivery_id: str) -> Plan[Sent]:
    """Send one dead letter again."""
    return asking.write(core, "POST", f"{_PATH}/dead-letters/{part(delivery_id)}/retry", Sent)


def replay(
    core: Core,
    webhook_id: str,
    *,
    event_id: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    only_dead: bool = False,
) -> Plan[Sent]:
    """Send one event again, or all of a span of time; with ``only_dead`` just those that never arrived."""
    span = {"from": from_ and from_.isoformat(), "to": to and to.isoformat()}
    body = asking.given(event_id=event_id, only_dead=only_dead or None, **span)
    return asking.write(core, "POST", f"{_PATH}/{part(webhook_id)}/replay", Sent, body)


def kinds(core: Core, *, limit: int = 100) -> Search[Answer]:
    """List the events there are, with what each looks like."""
    return Search(core, "/webhook-events", Answer, {}, limit)


def events(
    core: Core, *, after: int | str | None = None, type: str | None = None, call_id: str | None = None
) -> Feed[Event]:
    """Follow events in order, those that are there and then each new one as it happens; ends never.

    The connection is one stream, opened again where it broke off, so that no event is missed and none comes twice.
    ``after`` is the ``sequence`` or the id of the last event you have seen. ``type`` is a comma list.
    """
    return Feed(core, "/events", Event, {"type": type, "call_id": call_id}, None if after is None else str(after))


def workspace_secret(core: Core) -> Plan[Answer]:
    """Return what is known of the workspace's own secret, without it."""
    return asking.get(core, _SECRET, Answer)


def set_workspace_secret(core: Core, **fields: object) -> Plan[Answer]:
    """Make or replace the secret of all webhooks that have none of their own; shown this once."""
    return asking.write(core, "POST", _SECRET, Answer, fields)


def delete_workspace_secret(core: Core) -> Plan[Deleted]:
    """Take the workspace's secret away."""
    return asking.write(core, "DELETE", _SECRET, Deleted)
