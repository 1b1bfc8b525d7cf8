"""One tree of errors. Each knows its HTTP status and carries a sentence that tells the reader what to mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar


class DialNexaError(Exception):
    """Something the caller can understand and act on; anything else is a bug and becomes a 500."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        message: str | Sequence[str],
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Say what is wrong and how to mend it; several sentences when several fields are wrong.

        ``code`` is a stable slug for programs, ``headers`` go on the answer, ``extra`` beside the three standard keys.
        """
        self.messages: list[str] = [message] if isinstance(message, str) else list(message)
        self.by_field = not isinstance(message, str)
        """One sentence for each bad field: on the wire a list, even of one (contract B.2.2)."""
        self.code = code
        self.headers: Mapping[str, str] = headers or {}
        self.extra: Mapping[str, object] = extra or {}
        super().__init__("; ".join(self.messages))


class BadRequest(DialNexaError):
    """The request's form or values are wrong."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(DialNexaError):
    """No key, or not a valid one."""

    status = HTTPStatus.UNAUTHORIZED


class PaymentRequired(DialNexaError):
    """The wallet does not pay for it; only where the operator bills."""

    status = HTTPStatus.PAYMENT_REQUIRED


class Forbidden(DialNexaError):
    """The key is good, but this is not allowed to it."""

    status = HTTPStatus.FORBIDDEN


class NotFound(DialNexaError):
    """No such object in this workspace."""

    status = HTTPStatus.NOT_FOUND


class Conflict(DialNexaError):
    """The object's state, or a limit, forbids it now."""

    status = HTTPStatus.CONFLICT


class PayloadTooLarge(DialNexaError):
    """The body exceeds the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(DialNexaError):
    """The body is not of a type this route reads."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(DialNexaError):
    """Well formed, but it makes no sense in the present state of things."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequests(DialNexaError):
    """A rate limit; ``Retry-After`` says when to come back."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class BadGateway(DialNexaError):
    """Somebody else's server, which this needs, refused."""

    status = HTTPStatus.BAD_GATEWAY


class Unavailable(DialNexaError):
    """Overloaded or shutting down; safe to try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
