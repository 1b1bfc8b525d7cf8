"""The Python client of DialNexa: place calls, wait for their outcome, verify webhooks."""

from dialnexa_client import webhooks
from dialnexa_client.client import AsyncDialNexa, DialNexa
from dialnexa_client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    DialNexaError,
    Forbidden,
    InvalidSignature,
    Misconfigured,
    NoAnswer,
    NotFound,
    PayloadTooLarge,
    PaymentRequired,
    ServerError,
    StillRunning,
    TimedOut,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unprocessable,
)
from dialnexa_client.exchange import Retries
from dialnexa_client.models.agents import Agent, AgentVersion
from dialnexa_client.models.calls import Call, PlacedCall, Timeline, TimelineLine, Turn
from dialnexa_client.models.workspace import ApiKey, Deleted, Limits, NewApiKey, PhoneNumber
from dialnexa_client.paging import AsyncListing, Listing, Page
from dialnexa_client.webhooks import WebhookEvent

__all__ = [
    "Agent",
    "AgentVersion",
    "ApiError",
    "ApiKey",
    "AsyncDialNexa",
    "AsyncListing",
    "BadRequest",
    "Call",
    "Conflict",
    "Deleted",
    "DialNexa",
    "DialNexaError",
    "Forbidden",
    "InvalidSignature",
    "Limits",
    "Listing",
    "Misconfigured",
    "NewApiKey",
    "NoAnswer",
    "NotFound",
    "Page",
    "PayloadTooLarge",
    "PaymentRequired",
    "PhoneNumber",
    "PlacedCall",
    "Retries",
    "ServerError",
    "StillRunning",
    "TimedOut",
    "Timeline",
    "TimelineLine",
    "TooManyRequests",
    "Turn",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Unprocessable",
    "WebhookEvent",
    "webhooks",
]
