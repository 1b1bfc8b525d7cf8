"""One request to one receiver: signed, guarded, timed, and always with an outcome that a person can read."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.kit.clock import Clock
from dialnexa.kit.outgoing import Outgoing, OutgoingError
from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.webhooks import signing, wire
from dialnexa.platform.webhooks.models import Webhook, WorkspaceSecret

_READ = 16_384
_KEPT = 1000
"""Bytes of an answer that are read, so that its connection can be used again, and that the log shows."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    delivery_id: str
    event_id: str
    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. ``status`` is empty when there was no answer."""

    ok: bool
    duration_ms: int
    status: int | None = None
    answer: str | None = None
    error: str | None = None


class Sender:
    """Sends messages to webhooks."""

    def __init__(self, outgoing: Outgoing, vault: Vault, clock: Clock) -> None:
        self._outgoing = outgoing
        self._vault = vault
        self._clock = clock

    async def send(
        self, webhook: Webhook, shared: WorkspaceSecret | None, message: Message, *, timeout_s: float
    ) -> Outcome:
        """Send a message; never raises for what the receiver does. ``shared`` is the workspace's secret."""
        started, now = self._clock.monotonic(), self._clock.now()
        try:
            headers = wire.headers(
                message.body,
                name=message.name,
                event_id=message.event_id,
                delivery_id=message.delivery_id,
                secrets=signing.signers(self._vault, webhook, shared, now),
                now=now,
            )
            answer = await self._outgoing.send(
                "POST", webhook.url, headers=headers, body=message.body, timeout_s=timeout_s, answer_limit=_READ
            )
        except (OutgoingError, SealBroken) as error:
            return Outcome(False, self._since(started), error=_sentence(str(error)))
        shown = answer.body[:_KEPT].decode("utf-8", "replace").replace("\0", "")  # PostgreSQL stores no NUL
        ok = 200 <= answer.status < 300
        error = None if ok else f"The receiver answered {answer.status} instead of 2xx."
        return Outcome(ok, self._since(started), answer.status, shown, error)

    def _since(self, started: float) -> int:
        return max(0, round((self._clock.monotonic() - started) * 1000))


def _sentence(text: str) -> str:
    """Make the guard's words about a field (``must be …``) a sentence of the log."""
    return f"The URL {text}." if text.startswith("must ") else text
