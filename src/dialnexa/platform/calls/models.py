"""Tables of calls: the call, what happened in it, what was said, its recording; the slots it holds; the nodes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key

FILTERED = (
    "batch_id",
    "campaign_id",
    "workflow_id",
    "to_number",
    "from_number",
    "agent_version_id",
    "agent_id",
    "end_reason",
    "mood",
    "state",
)
"""Columns that lists of calls are filtered by, each with an index; those that usually find the fewest calls first."""


def _filtered(column: str) -> Index:
    """Return the index for a filter; calls without a value are in none, so most of them cost most calls nothing.

    All calls have a state, and of such a column SQLite never believes that ``IS NOT NULL`` holds: it would not use the
    index.
    """
    given = None if column == "state" else text(f"{column} IS NOT NULL")
    return Index(
        f"ix_calls_by_{column}",
        "workspace_id",
        "livemode",
        column,
        "created_at",
        "id",
        sqlite_where=given,
        postgresql_where=given,
    )


class Call(Base):
    """One attempt to talk: a retry is a new row that names its parent."""

    __tablename__ = "calls"
    __table_args__ = (
        tenant_key(),
        UniqueConstraint("workspace_id", "id"),
        ForeignKeyConstraint(["workspace_id", "agent_id"], ["agents.workspace_id", "agents.id"]),
        ForeignKeyConstraint(
            ["workspace_id", "agent_version_id"],
            ["agent_versions.workspace_id", "agent_versions.id"],
            name="fk_calls_agent_version",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "phone_number_id"],
            ["phone_numbers.workspace_id", "phone_numbers.id"],
            name="fk_calls_phone_number",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "trunk_id"], ["sip_trunks.workspace_id", "sip_trunks.id"], name="fk_calls_trunk"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "parent_call_id"], ["calls.workspace_id", "calls.id"], name="fk_calls_parent"
        ),
        Index("ix_calls_account", "account_id", "id"),
        Index("ix_calls_account_user", "account_id", "user_id", "id"),
        Index("ix_calls_account_from", "account_id", "from_number"),
        Index("ix_calls_account_to", "account_id", "to_number"),
        # One index for each filter of Call History that may pick few of many, each in the order of the list.
        Index("ix_calls_history", "workspace_id", "livemode", "created_at", "id"),
        *(_filtered(column) for column in FILTERED),
        Index(
            "ix_calls_by_duration",
            "workspace_id",
            "livemode",
            "duration_ms",
            "created_at",
            "id",
            sqlite_where=text("duration_ms > 0"),
            postgresql_where=text("duration_ms > 0"),
        ),
        Index("ix_calls_parent", "parent_call_id"),
        Index(
            "ix_calls_redact",
            "redact_at",
            sqlite_where=text("redact_at IS NOT NULL"),
            postgresql_where=text("redact_at IS NOT NULL"),
        ),
        # Few calls live at once, so what workers and sweeps ask for all the time stays a handful of index entries.
        Index(
            "ix_calls_live", "node_id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
        ),
        Index(
            "ix_calls_hang_ups",
            "node_id",
            sqlite_where=text("ended_at IS NULL AND hang_up_requested_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NULL AND hang_up_requested_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    livemode: Mapped[bool]
    """False for calls of a test key: the sandbox answers them, whatever the number."""
    channel: Mapped[str]
    """``phone``, ``web`` or ``internal``."""
    direction: Mapped[str]
    """``outbound`` or ``inbound``."""
    origin: Mapped[str]
    """``api``, ``batch``, ``campaign``, ``workflow``, ``web``, ``click_to_call`` or ``inbound``."""
    agent_id: Mapped[str | None]
    agent_version_id: Mapped[str | None]
    user_id: Mapped[str | None]
    phone_number_id: Mapped[str | None]
    """Our own number in the call: the caller id of an outbound call, the dialled number of an inbound one."""
    trunk_id: Mapped[str | None]
    from_number: Mapped[str | None]
    from_label: Mapped[str | None]
    to_number: Mapped[str | None]
    to_label: Mapped[str | None]

    state: Mapped[str]
    """A ``CallState``; written by ``repository.advance`` only."""
    end_reason: Mapped[str | None]
    hangup_cause: Mapped[int | None]
    """Q.850."""
    sip_status: Mapped[int | None]
    detail: Mapped[str | None] = mapped_column(Text)
    """A sentence for the operator, when something went wrong."""
    node_id: Mapped[str | None]
    """The worker that owns the call; set by the fence, never changed."""
    hang_up_requested_at: Mapped[datetime | None]

    variables: Mapped[dict[str, object]] = mapped_column(default=dict)
    metadata_: Mapped[dict[str, object]] = mapped_column("metadata", default=dict)
    notes: Mapped[dict[str, object] | None]
    retry: Mapped[dict[str, object] | None]
    unresolved_variables: Mapped[list[str]] = mapped_column(default=list)
    collected_variables: Mapped[dict[str, object] | None]
    """What the flow learned in the call; empty when that is nothing."""

    batch_id: Mapped[str | None]
    campaign_id: Mapped[str | None]
    campaign_lead_id: Mapped[str | None]
    workflow_id: Mapped[str | None]
    workflow_lead_id: Mapped[str | None]
    parent_call_id: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=1)

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """When dialling began."""
    answered_at: Mapped[datetime | None]
    connected_at: Mapped[datetime | None]
    """When the conversation began; differs from the answer when a menu or a voicemail came first."""
    ended_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    """From the answer to the end."""
    latency_ms: Mapped[int | None]
    """Median time from the caller's silence to the agent's first packet."""
    summary: Mapped[str | None] = mapped_column(Text)
    analysis: Mapped[dict[str, object] | None]
    sentiment: Mapped[dict[str, object] | None]
    """``overall``, its word, and what else the engine said of it."""
    mood: Mapped[str | None]
    """The word of ``sentiment`` again, where lists can filter by it."""
    analysis_engine: Mapped[str | None]
    """Who made summary, sentiment and analysis: a language model, or ``builtin/extractive``."""
    analyzed_at: Mapped[datetime | None]
    analysis_run: Mapped[str | None]
    """Which run made them: one that is carried out twice, because its worker died, writes and tells once."""
    usage: Mapped[dict[str, object] | None]
    """What the call used of each component (``costs.usage.Usage``)."""
    cost: Mapped[dict[str, object] | None]
    """The fields of ``costs.schemas.CostOut``, at the prices of its day."""
    redact_at: Mapped[datetime | None]
    """When the record is to lose what was said, because its agent asks for that."""
    redacted_at: Mapped[datetime | None]
    """When it lost it, for good."""
    media_quality: Mapped[dict[str, object] | None]
    """The fields of ``quality.MediaQualityOut``; empty when no audio was set up."""


class Slot(Base):
    """A place a live call holds in a scope. Counting rows, not counters, is what cannot drift (DESIGN 6)."""

    __tablename__ = "slots"
    __table_args__ = (
        # Deferred, because admission comes before the call's row; at the commit a slot without a call is refused.
        ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        Index("ix_slots_call_id", "call_id"),
    )

    scope: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(primary_key=True)


class TimelineEvent(Base):
    """One line of a call's timeline, in the order it was written."""

    __tablename__ = "call_events"
    __table_args__ = (Index("ix_call_events_call", "call_id", "seq"),)

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str]
    detail: Mapped[dict[str, object]] = mapped_column(default=dict)


class Transcript(Base):
    """What was said in a call that has ended."""

    __tablename__ = "transcripts"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[str]
    """``completed``; later also ``processing`` and ``failed``, for transcripts made from recordings."""
    text: Mapped[str] = mapped_column(Text)
    """``Agent: …`` and ``User: …``, a line per turn."""
    segments: Mapped[list[object]] = mapped_column(default=list)
    """The turns with their times (``records.Turn`` as JSON)."""


class Recording(Base):
    """An audio file of a call."""

    __tablename__ = "recordings"
    __table_args__ = (
        tenant_key(),
        Index("ix_recordings_call_id", "call_id"),
        Index(
            "ix_recordings_erase",
            "erase_since",
            sqlite_where=text("erase_since IS NOT NULL"),
            postgresql_where=text("erase_since IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    kind: Mapped[str]
    """``call`` or ``voicemail``."""
    store: Mapped[str] = mapped_column(Text, default="", server_default="")
    """URL of the object store it lies in; empty: the data folder of the worker that made it."""
    blob_key: Mapped[str] = mapped_column(Text)
    """Where it lies in there."""
    format: Mapped[str]
    """``wav``, or ``ogg`` for Opus."""
    channels: Mapped[int]
    duration_ms: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    lost: Mapped[str] = mapped_column(Text)
    """Why part of it is missing; empty when whole."""
    erase_since: Mapped[datetime | None]
    """Set when the file is to be removed, wherever it lies; the row goes with it."""
    created_at: Mapped[datetime]


class CallLadder(Base):
    """The SIP messages of a call that has ended."""

    __tablename__ = "call_ladders"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    """See ``ladder.packing``."""


class Node(Base):
    """A worker that lives: its lease. A node whose heartbeat is too old is dead, and its row goes with it."""

    __tablename__ = "nodes"

    id: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str]
    """Base URL at which the API reaches the worker; empty when it does not listen."""
    capacity: Mapped[int]
    live_calls: Mapped[int] = mapped_column(default=0)
    draining: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    meters: Mapped[dict[str, object]] = mapped_column(default=dict)
    """What it counts, by name, for Prometheus."""


class RefusedCall(Base):
    """Somebody who called and was not let in: no call, but a line for the operator who wonders why."""

    __tablename__ = "refused_calls"
    __table_args__ = (Index("ix_refused_calls_workspace", "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str | None] = mapped_column(ForeignKey("workspaces.id"))
    """Empty when not even the number was ours."""
    at: Mapped[datetime]
    source: Mapped[str]
    """Address the INVITE came from."""
    from_number: Mapped[str]
    to_number: Mapped[str]
    sip_status: Mapped[int | None]
    """Empty: it got no answer."""
    reason: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=1)
    """How many requests this line stands for: those of scanners are counted, not listed."""
    ladder: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The SIP messages up to our refusal (``ladder.packing``); read only when somebody asks for it."""
