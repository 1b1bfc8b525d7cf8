"""One request until its answer, without I/O: what to send, when to try again, and what an answer means.

Work is written as *plans*: generators that yield what shall be done next (``Send``, ``Sleep``) and are sent what came
of it. The two shells in ``client`` carry plans out, one blocking, one not; everything else is here, once.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast
from urllib.parse import quote

from dialnexa_client.errors import BY_STATUS, ApiError, NoAnswer, ServerError, TimedOut, UnexpectedAnswer

T = TypeVar("T")

Query: TypeAlias = Mapping[str, str | int | float | bool | datetime | None]
_TRANSIENT = frozenset({502, 503, 504})
_IN_PROGRESS = "idempotency_in_progress"
"""The ``code`` of a 409 which says that an earlier try of this very write is still being carried out."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it arrived; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer arrived. ``transient``: trying again may help."""

    cause: Exception
    timed_out: bool = False
    transient: bool = True


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send, with the form fields beside it."""

    file_name: str
    content_type: str
    content: bytes
    fields: Mapping[str, str]

    def form(self) -> tuple[str, bytes]:
        """Return the content type and the body of the form (RFC 7578)."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in self.fields.items()
        ]
        name = quote(self.file_name, safe=" !#$&'()+,;=@[]{}~.-_")
        parts += [
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode(),
            f"Content-Type: {self.content_type}\r\n\r\n".encode(),
            self.content,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        return f"multipart/form-data; boundary={boundary}", b"".join(parts)


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One operation of the API, and how to read its answer."""

    method: str
    path: str
    read: Callable[[Reply], T]
    query: Query = field(default_factory=dict[str, None])
    body: Mapping[str, object] | None = None
    idempotency_key: str | None = None
    save_to: Path | None = None
    """Where a successful answer's content goes, instead of into memory."""
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and report the ``Reply`` or that it was ``Lost``."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    timeout: float
    save_to: Path | None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait this many seconds."""

    seconds: float


Outcome: TypeAlias = Reply | Lost | None
Plan: TypeAlias = Generator[Send | Sleep, Outcome, T]


@dataclass(frozen=True, slots=True)
class Retries:
    """When to try again: 502, 503, 504, lost connections and 429; after any other answer it would be no use.

    Waits double from ``first_seconds`` up to ``longest_seconds``, each shortened at random by up to half so that many
    clients do not return at once. A ``Retry-After`` is obeyed, unless it asks for more than ``patience_seconds``.
    """

    limit: int = 2
    first_seconds: float = 0.5
    longest_seconds: float = 8.0
    patience_seconds: float = 60.0
    chance: Callable[[], float] = random.random

    def pause(self, tries: int, outcome: Reply | Lost) -> float | None:
        """Return the seconds to wait after ``tries`` tries ended with ``outcome``; ``None``: give up."""
        if tries > self.limit or not _is_transient(outcome):
            return None
        backoff = min(self.longest_seconds, self.first_seconds * 2 ** (tries - 1)) * (1 - self.chance() / 2)
        told = retry_after(outcome) if isinstance(outcome, Reply) else None
        if told is None:
            return backoff
        return None if told > self.patience_seconds else told + self.first_seconds * self.chance()


@dataclass(frozen=True, slots=True)
class Core:
    """What all plans of a client share: where the server is, who asks, and how patient to be."""

    base_url: str
    """Up to and with ``/v1``, without a slash at its end."""
    api_key: str = field(repr=False)
    user_agent: str
    timeout: float = 30.0
    retries: Retries = Retries()
    monotonic: Callable[[], float] = time.monotonic
    new_key: Callable[[], str] = lambda: str(uuid.uuid4())

    def ask(self, request: Request[T]) -> Plan[T]:
        """Plan one request: tries it until there is an answer, and returns what it says or raises what it means."""
        step, key = self._step(request)
        for tries in count(1):
            outcome = yield step
            assert outcome is not None  # shells report on everything they send
            if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
                return request.read(outcome)
            pause = self.retries.pause(tries, outcome)
            if pause is None:
                raise failure(outcome, step, key)
            yield Sleep(pause)
        raise AssertionError("unreachable: the loop has no end of its own")

    def opening(self, request: Request[T], headers: Mapping[str, str], *, timeout: float) -> Send:
        """Return what to send for an answer that comes piece by piece. ``timeout``: seconds between two pieces."""
        step, _ = self._step(request)
        return replace(step, headers={**step.headers, **headers}, timeout=timeout)

    def _step(self, request: Request[T]) -> tuple[Send, str | None]:
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "Accept": "application/json",
            "User-Agent": self.user_agent,
        }
        content = None
        if request.body is not None:
            content = json.dumps(request.body, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        elif request.upload is not None:
            headers["Content-Type"], content = request.upload.form()
        key = None
        if request.method != "GET":
            # The same key on every try: the server carries a write out once, however often it arrives.
            key = headers["Idempotency-Key"] = request.idempotency_key or self.new_key()
        url = f"{self.base_url}{request.path}{_query(request.query)}"
        return Send(request.method, url, headers, content, self.timeout, request.save_to), key


def part(identifier: str) -> str:
    """Return an id as one part of a path; raise ``ValueError`` for one that would lead elsewhere."""
    if identifier in {"", ".", ".."}:
        raise ValueError(f"{identifier!r} is not an id.")
    return quote(identifier, safe="")


def failure(outcome: Reply | Lost, step: Send, key: str | None) -> ApiError | NoAnswer:
    """Return the error that an unsuccessful outcome means."""
    if isinstance(outcome, Lost):
        where = f"{step.method} {step.url.partition('?')[0]}"
        kind, what = (TimedOut, f"no answer within {step.timeout:g} s") if outcome.timed_out else (NoAnswer, "failed")
        error = kind(f"{where}: {what}: {outcome.cause!r}", idempotency_key=key)
        error.__cause__ = outcome.cause
        return error
    body = _error_body(outcome)
    kind = BY_STATUS.get(outcome.status, ServerError if outcome.status >= 500 else ApiError)
    code = body.get("code")
    return kind(
        outcome.status,
        _sentences(body, outcome.status),
        code=code if isinstance(code, str) else None,
        body=body,
        request_id=outcome.headers.get("x-request-id"),
        retry_after=retry_after(outcome),
    )


def retry_after(reply: Reply) -> float | None:
    """Return how many seconds the server asks to wait (RFC 9110 section 10.2.3); a date counts from its own clock."""
    told = reply.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, (parsedate_to_datetime(told) - parsedate_to_datetime(reply.headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def json_of(reply: Reply) -> Mapping[str, object]:
    """Return an answer's JSON object; raise ``UnexpectedAnswer`` for anything else."""
    try:
        value: object = json.loads(reply.content)
    except ValueError as error:
        raise UnexpectedAnswer(f"The answer ({reply.status}) is not JSON: {reply.content[:200]!r}") from error
    if not isinstance(value, dict):
        raise UnexpectedAnswer(f"The answer ({reply.status}) is not an object: {reply.content[:200]!r}")
    return cast(Mapping[str, object], value)


def _is_transient(outcome: Reply | Lost) -> bool:
    if isinstance(outcome, Lost):
        return outcome.transient
    if outcome.status == 409:
        return _error_body(outcome).get("code") == _IN_PROGRESS
    return outcome.status in _TRANSIENT or outcome.status == 429


def _error_body(reply: Reply) -> Mapping[str, object]:
    """Return the error object, or an empty one: a proxy in between may answer in HTML."""
    try:
        return json_of(reply)
    except UnexpectedAnswer:
        return {}


def _sentences(body: Mapping[str, object], status: int) -> tuple[str, ...]:
    said = body.get("message")
    if isinstance(said, str):
        return (said,)
    if isinstance(said, list):
        return tuple(str(one) for one in cast(list[object], said))
    known = status in HTTPStatus._value2member_map_
    return (HTTPStatus(status).phrase if known else "The server refused without a word",)


def _query(query: Query) -> str:
    pairs = [f"{name}={quote(_text(value), safe='')}" for name, value in query.items() if value is not None]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _text(value: str | float | datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
