"""Wire shapes of webhooks (contract E.1) and of the event stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.listing import Meta
from dialnexa.platform.webhooks.models import Delivery, Webhook, WorkspaceSecret
from dialnexa.platform.webhooks.names import unknown, valid
from dialnexa.platform.wire import Body

MASK = "********"


def _known(names: list[str]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in names))
    if strange := unknown(names):
        raise ValueError(f"has unknown names: {', '.join(strange)[:200]}. Valid are: {valid()}")
    return names


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Url = Annotated[str, Field(min_length=1, max_length=150, description="https; publicly reachable.")]
Events = Annotated[
    list[str],
    Field(min_length=1, max_length=50, description="Event names, older ones included; `*` means all."),
    AfterValidator(_known),
]
Secret = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        description="Signs every delivery. Left out: the workspace's, and if it has none, one is made.",
    ),
]
Grace = Annotated[
    int,
    Field(
        ge=0,
        le=7 * 86_400,
        description="For how many seconds the old secret goes on signing beside the new one; 0: not at all.",
    ),
]
RetryCount = Annotated[int, Field(ge=0, le=3, description="Retries after a failure, 10 s, 60 s and 300 s later.")]
TimeoutMs = Annotated[int, Field(ge=1000, le=60_000, description="How long the receiver may take, in ms.")]
AgentIds = Annotated[list[str], Field(max_length=100, description="Only events of these agents; empty: of all.")]
Moment = Annotated[datetime, AfterValidator(_aware)]


class WebhookIn(Body):
    """A webhook to add."""

    url: Url
    events: Events
    secret: Secret | None = None
    is_active: bool = True
    retry_count: RetryCount = 3
    timeout_ms: TimeoutMs = 10_000
    agent_ids: AgentIds = Field(default_factory=list[str])


class WebhookPatch(Body):
    """Changes to a webhook; fields left out stay as they are."""

    no_slips = frozenset({"uses_workspace_secret"})  # answers have it, and may be sent back

    url: Url | None = None
    events: Events | None = None
    secret: Secret | None = None
    rotate_secret: bool = Field(default=False, description="Make a new secret; the answer shows it once.")
    grace_seconds: Grace = 0
    use_workspace_secret: bool = Field(default=False, description="Sign with the workspace's secret from now on.")
    is_active: bool | None = None
    retry_count: RetryCount | None = None
    timeout_ms: TimeoutMs | None = None
    agent_ids: AgentIds | None = None

    def changes(self) -> dict[str, object]:
        """Return the columns to set."""
        about_secrets = {"secret", "rotate_secret", "grace_seconds", "use_workspace_secret"}
        given = self.model_dump(exclude=about_secrets, exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None}

    @property
    def grace(self) -> timedelta:
        """For how long the old secret goes on signing."""
        return timedelta(seconds=self.grace_seconds)

    def new_secret(self) -> str | None:
        """Return the secret to set; the mask that lists show means no change."""
        return None if self.secret == MASK else self.secret


class WebhookOut(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[str]
    is_active: bool
    livemode: bool
    agent_ids: list[str]
    retry_count: int
    timeout_ms: int
    uses_workspace_secret: bool
    previous_secret_expires_at: str | None = Field(description="Until when the secret before this one signs too.")
    last_delivery_at: str | None
    last_status_code: int | None = Field(description="Of the last attempt; empty when there was no answer.")
    created_at: str
    createdAt: str
    updated_at: str

    @classmethod
    def of(cls, webhook: Webhook) -> WebhookOut:
        """Describe a webhook."""
        return cls.model_validate(webhook_fields(webhook))


class DeliveryOut(BaseModel):
    """One attempt to deliver one event."""

    id: str
    webhook_id: str
    event_id: str
    event: str
    call_id: str | None
    status: Literal["pending", "succeeded", "failed"]
    is_success: bool
    is_dead: bool = Field(description="No further attempt will be made, unless it is replayed.")
    retry_attempt: int
    parent_delivery_id: str | None = Field(description="The first attempt, of which this is a retry.")
    url: str | None = Field(description="Where it was sent.")
    response_status: int | None
    response_body: str | None = Field(description="The beginning of the receiver's answer.")
    error_message: str | None
    duration_ms: int | None
    due_at: str | None = Field(description="When it will be sent, while it is pending.")
    attempted_at: str | None
    created_at: str

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryOut:
        """Describe an attempt."""
        pending = delivery.status == "pending"
        return cls.model_validate(
            {
                **{name: getattr(delivery, name) for name in _SAME},
                "url": delivery.url or None,
                "is_success": delivery.status == "succeeded",
                "is_dead": delivery.dead_at is not None,
                "due_at": iso(delivery.due_at) if pending else None,
                "attempted_at": _iso(delivery.attempted_at),
                "created_at": iso(delivery.created_at),
            }
        )


_SAME = (
    "id",
    "webhook_id",
    "event_id",
    "event",
    "call_id",
    "status",
    "retry_attempt",
    "parent_delivery_id",
    "response_status",
    "response_body",
    "error_message",
    "duration_ms",
)


class WebhookSaved(WebhookOut):
    """A webhook just saved: flat, as ``webhook``, and how the test went."""

    secret: str | None = Field(description="Shown once, when it was given or made with this request.")
    webhook: WebhookOut
    message: str
    ping: DeliveryOut | None = Field(description="The test that saving sends; empty while switched off.")

    @classmethod
    def saved(cls, webhook: Webhook, *, secret: str | None, ping: Delivery | None, message: str) -> WebhookSaved:
        """Describe a webhook after saving."""
        fields = webhook_fields(webhook)
        if ping is not None:
            fields |= {"last_delivery_at": _iso(ping.attempted_at), "last_status_code": ping.response_status}
            if ping.status != "succeeded":
                message += f" But the test failed: {ping.error_message}"
        shown = None if ping is None else DeliveryOut.of(ping)
        return cls.model_validate({**fields, "secret": secret, "webhook": fields, "message": message, "ping": shown})


class WebhookMasked(WebhookOut):
    """A webhook in the words of the published OpenAPI file."""

    secret: str = MASK


class WebhooksPage(BaseModel):
    """A page of webhooks in the envelope of the published OpenAPI file."""

    message: str = "Webhooks retrieved."
    webhooks: list[WebhookMasked]
    page: int
    limit: int
    total: int
    totalPages: int

    @classmethod
    def of(cls, items: list[WebhookOut], meta: Meta) -> WebhooksPage:
        """Put a page into its envelope."""
        masked = [WebhookMasked.model_validate(item.model_dump()) for item in items]
        return cls(webhooks=masked, page=meta.page, limit=meta.limit, total=meta.total, totalPages=meta.totalPages)


class SentRequest(BaseModel):
    """What was sent, without its signatures."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class DeliveryDetails(DeliveryOut):
    """One attempt with what was sent."""

    request: SentRequest | None = Field(description="Empty when nothing was sent, or the event is no longer kept.")

    @classmethod
    def of_sent(cls, delivery: Delivery, headers: Mapping[str, str], body: bytes | None) -> DeliveryDetails:
        """Describe an attempt and its request."""
        request = None
        if body is not None and delivery.url:
            request = SentRequest(method="POST", url=delivery.url, headers=dict(headers), body=body.decode())
        return cls.model_validate({**DeliveryOut.of(delivery).model_dump(), "request": request})


class DeadLettersRetryIn(Body):
    """Which dead letters to send again: those of one webhook, or all."""

    webhook_id: str | None = None


class RetryOut(BaseModel):
    """How many dead letters are being sent again."""

    message: str
    count: int


class WorkspaceSecretIn(Body):
    """A secret for the workspace's webhooks."""

    secret: Secret | None = None
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    grace_seconds: Grace = 0


class WorkspaceSecretOut(BaseModel):
    """The workspace's secret, without the secret."""

    is_set: bool
    name: str | None = None
    last4: str | None = None
    previous_secret_expires_at: str | None = None
    created_at: str | None = None
    rotated_at: str | None = None

    @classmethod
    def of(cls, row: WorkspaceSecret | None) -> WorkspaceSecretOut:
        """Describe a workspace's secret, or that there is none."""
        return cls(is_set=False) if row is None else cls.model_validate(secret_fields(row))


class NewWorkspaceSecret(WorkspaceSecretOut):
    """The workspace's secret just made. ``secret`` is shown this once."""

    secret: str

    @classmethod
    def of_new(cls, row: WorkspaceSecret, secret: str) -> NewWorkspaceSecret:
        """Describe it with the secret."""
        return cls.model_validate({**secret_fields(row), "secret": secret})


class EventKind(BaseModel):
    """A kind of event, when it is sent, and what arrives."""

    name: str
    description: str
    event_type: str = Field(description="What `event_type` says of it: the name that older receivers read.")
    aliases: list[str] = Field(description="Older names under which it may be subscribed too.")
    sample: dict[str, Any]


class ReplayIn(Body):
    """Which events to send again: `event_id`, or all from `from` to `to` (now, when left out)."""

    event_id: str | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    only_dead: bool = Field(default=False, description="Of the range, only what could not be delivered.")


class ReplayOut(BaseModel):
    """How many events are being sent again."""

    message: str
    webhook_id: str
    count: int


class EventsOut(BaseModel):
    """Part of the stream of events, oldest first."""

    data: list[dict[str, Any]] = Field(description="Events as webhooks deliver them; `sequence` grows.")
    next_after: int = Field(description="Pass it as `after` to read on.")


def webhook_fields(webhook: Webhook) -> dict[str, object]:
    """Return the fields of ``WebhookOut``."""
    created = iso(webhook.created_at)
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "is_active": webhook.is_active,
        "livemode": webhook.livemode,
        "agent_ids": webhook.agent_ids,
        "retry_count": webhook.retry_count,
        "timeout_ms": webhook.timeout_ms,
        "uses_workspace_secret": not webhook.secret_sealed,
        "previous_secret_expires_at": _iso(webhook.previous_secret_expires_at),
        "last_delivery_at": _iso(webhook.last_delivery_at),
        "last_status_code": webhook.last_status_code,
        "created_at": created,
        "createdAt": created,
        "updated_at": iso(webhook.updated_at),
    }


def secret_fields(row: WorkspaceSecret) -> dict[str, object]:
    """Return the fields of ``WorkspaceSecretOut``."""
    return {
        "is_set": True,
        "name": row.name,
        "last4": row.last4,
        "previous_secret_expires_at": _iso(row.previous_expires_at),
        "created_at": iso(row.created_at),
        "rotated_at": _iso(row.rotated_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
