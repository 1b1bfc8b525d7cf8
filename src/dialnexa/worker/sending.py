"""What functions need of the guard for requests that users aimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dialnexa.kit.outgoing import Answer

ANSWER_LIMIT = 64_000
"""Bytes of an answer: far more than a model should read in the middle of a sentence."""


class Sends(Protocol):
    """What this needs of ``kit.outgoing.Outgoing``."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
        answer_limit: int,
    ) -> Answer:
        """Send a request that a user aimed; raises ``OutgoingError``."""
        ...
