"""Requests to a carrier's HTTP API: through the one outgoing guard, repeated where that is safe, and put in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

import structlog

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadGateway, Conflict, Forbidden, PaymentRequired
from dialnexa.kit.outgoing import Answer, Outgoing, OutgoingError

log = structlog.get_logger(__name__)

Json = dict[str, Any]

_TIMEOUT_S = 15.0
_LARGEST = 4_000_000
_WAITS_S = (0.5, 2.0)
"""Before the second and the third try."""
_LONGEST_WAIT_S = 5.0
_WORDS_SHOWN = 300


class Refusal(Exception):
    """The carrier understood a request and said no for a reason of the request's own."""

    def __init__(self, status: int, code: str, words: str) -> None:
        """``code`` and ``words`` as the carrier gave them; either may be empty."""
        super().__init__(words)
        self.status = status
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class CarrierApi:
    """One carrier's API under one account."""

    name: str
    """As people call the carrier."""
    outgoing: Outgoing
    clock: Clock
    authorization: str = field(repr=False)
    keys: str
    """The settings that hold the account's keys, for whoever has to mend them."""

    async def get(self, url: str, query: Mapping[str, str] | None = None) -> Json:
        """Ask for something, up to three times. Raises as ``send`` does."""
        return await self._persist("GET", f"{url}?{urlencode(query)}" if query else url)

    async def delete(self, url: str) -> None:
        """Have something removed, up to three times; what is gone already counts as removed."""
        try:
            await self._persist("DELETE", url)
        except Refusal as refusal:
            if refusal.status != 404:
                raise

    async def send(self, method: str, url: str, body: bytes, kind: str) -> Json:
        """Send something, once. ``kind``: its content type.

        Raises ``Refusal``, ``PaymentRequired``, ``Forbidden`` or ``Conflict`` when the carrier said no, ``BadGateway``
        when it cannot be reached, or is in trouble, or does not know our keys.
        """
        return self._read(await self._ask(method, url, body, kind))

    async def _persist(self, method: str, url: str) -> Json:
        for wait in _WAITS_S:
            try:
                answer = await self._ask(method, url, b"", "")
            except BadGateway:
                await self.clock.sleep(wait)
                continue
            if answer.status != 429 and answer.status < 500:
                return self._read(answer)
            await self.clock.sleep(_patience(answer, wait))
        return self._read(await self._ask(method, url, b"", ""))

    async def _ask(self, method: str, url: str, body: bytes, kind: str) -> Answer:
        headers = {"Authorization": self.authorization, "Accept": "application/json"}
        if kind:
            headers["Content-Type"] = kind
        try:
            return await self.outgoing.send(
                method, url, headers=headers, body=body, timeout_s=_TIMEOUT_S, answer_limit=_LARGEST
            )
        except OutgoingError as error:
            log.warning("carrier_not_reached", carrier=self.name, reason=str(error))
            raise BadGateway(f"{self.name} cannot be reached: {error} Try again in a moment.") from error

    def _read(self, answer: Answer) -> Json:
        """Return what a good answer holds. Raises for every other."""
        found = _parsed(answer.body)
        if answer.status < 300:
            if found is None:
                raise BadGateway(f"{self.name} answered with something that is no JSON. Try again in a moment.")
            return found
        code, words = _said(found or {})
        error = self._error(answer.status, code, words)
        if not isinstance(error, Refusal):  # whoever asked knows what to make of those
            log.warning("carrier_refused", carrier=self.name, status=answer.status, code=code, words=words)
        raise error

    def _error(self, status: int, code: str, words: str) -> Exception:
        if status == 402 or "insufficient" in words.lower():
            return PaymentRequired(
                f"The account at {self.name} that this installation rents from has too little credit: "
                "its operator has to add some."
            )
        if status == 401:
            return BadGateway(f"{self.name} does not accept this installation's keys: check {self.keys}.")
        if status == 403:
            return Forbidden(f"{self.name} does not allow it: {words or 'it gives no reason'}")
        if status == 409:
            return Conflict(f"{self.name} has it otherwise already: {words or 'it gives no reason'}")
        if status == 429 or status >= 500:
            return BadGateway(f"{self.name} is busy or in trouble ({status}). Try again in a moment.")
        return Refusal(status, code, words)


def listed(answer: Json, name: str) -> list[Json]:
    """Return the objects of a list in an answer; none when there is no such list."""
    data = answer.get(name)
    found = cast(list[object], data) if isinstance(data, list) else []
    return [cast(Json, one) for one in found if isinstance(one, dict)]


def usd(text: object) -> float:
    """Return an amount of dollars as carriers write it, a text; nothing for what is none."""
    try:
        return float(str(text or 0))
    except ValueError:
        return 0.0


def _parsed(body: bytes) -> Json | None:
    """Return a JSON object; an empty body is an empty one, ``None`` stands for anything else."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return None
    return cast(Json, found) if isinstance(found, dict) else None


def _said(answer: Json) -> tuple[str, str]:
    """Return code and words of an error: the first of a list ``errors``, or those of the object itself."""
    listed = answer.get("errors")
    first = cast(object, listed[0]) if isinstance(listed, list) and listed else answer
    told = cast(Json, first) if isinstance(first, dict) else {}
    words = next((told[name] for name in ("detail", "message", "title") if told.get(name)), "")
    return str(told.get("code") or ""), str(words)[:_WORDS_SHOWN]


def _patience(answer: Answer, usual: float) -> float:
    """Return how many seconds to wait: what the carrier asks for, within reason."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else usual
