"""Everything that can go wrong, as one tree; an answer of the server keeps the server's own sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialnexa_client.models.calls import Call


class DialNexaError(Exception):
    """The root of all errors of this package."""


class Misconfigured(DialNexaError):
    """The client cannot be made: no key, or an address that is none."""


class NoAnswer(DialNexaError):
    """No answer arrived: the server is down, unreachable, or the connection broke. ``__cause__`` tells the detail.

    A write may or may not have been carried out. Send it again with the same ``idempotency_key`` to be sure.
    """

    def __init__(self, message: str, *, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class TimedOut(NoAnswer):
    """The answer took longer than the timeout."""


class UnexpectedAnswer(DialNexaError):
    """The server answered something this version of the client cannot read."""


class StillRunning(DialNexaError):
    """A call did not end within the time one was willing to wait. ``call`` is its latest state."""

    def __init__(self, call: Call, waited_seconds: float) -> None:
        super().__init__(f"Call {call.id} is still {call.status} after {waited_seconds:g} s.")
        self.call = call


class InvalidSignature(DialNexaError):
    """A webhook delivery that cannot be trusted: not signed with this secret, altered, or too old."""


class ApiError(DialNexaError):
    """The server refused: its status and its sentence. Subclasses name the usual statuses."""

    def __init__(
        self,
        status: int,
        messages: tuple[str, ...],
        *,
        code: str | None = None,
        body: Mapping[str, object] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Keep what the server said.

        ``messages`` has one sentence per bad field, ``code`` is the stable word for programs where there is one,
        ``retry_after`` is in seconds.
        """
        super().__init__(f"{'; '.join(messages)} ({status})")
        self.status = status
        self.messages = messages
        self.code = code
        self.body: Mapping[str, object] = body or {}
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        """Return the server's sentences as one text."""
        return "; ".join(self.messages)


class BadRequest(ApiError):
    """400: a field is missing or malformed; ``messages`` names each."""


class Unauthorized(ApiError):
    """401: the key is missing, unknown, expired or revoked."""


class PaymentRequired(ApiError):
    """402: the workspace has no credit left."""


class Forbidden(ApiError):
    """403: the key, the number, the agent version or the destination does not allow it."""


class NotFound(ApiError):
    """404: no such object in this workspace."""


class Conflict(ApiError):
    """409: a limit, such as the workspace's concurrency limit, or the object's state forbids it now."""


class PayloadTooLarge(ApiError):
    """413: the body exceeds the limit."""


class Unprocessable(ApiError):
    """422: well formed, but it makes no sense in the present state of things."""


class TooManyRequests(ApiError):
    """429: over the rate limit; ``retry_after`` says when to come back."""


class ServerError(ApiError):
    """5xx: the server failed; ``request_id`` names the request in its logs."""


class Unavailable(ServerError):
    """502, 503, 504: overloaded, restarting or unreachable; safe to try again."""


BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: PayloadTooLarge,
    422: Unprocessable,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
"""Status → the class that names it; others are ``ServerError`` from 500 on, else ``ApiError``."""
