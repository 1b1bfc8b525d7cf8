"""What the agent knows beside its prompt: passages that may answer what the caller said last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from dialnexa.live.speech.ports import Message
from dialnexa.live.timeline import Passage

_log = structlog.get_logger(__name__)

_FEWEST_LETTERS = 3
_INTRODUCTION = """\
# What the knowledge base says
Passages that may answer the caller's last words, the best one first. Use them only as far as they do, and say in your
own spoken words what they say. If they do not answer a question about facts, say that you do not know."""


class Library(Protocol):
    """Finds passages in the agent's knowledge bases."""

    @property
    def patience_s(self) -> float:
        """How long a turn waits for passages: a late answer is worse than one without them."""
        ...

    async def search(self, question: str) -> Sequence[Passage]:
        """Return the passages that answer well enough, best first; may be cancelled at any time."""
        ...


async def consult(library: Library, messages: Sequence[Message]) -> tuple[Passage, ...]:
    """Look up what the caller said last; nothing when nobody asked, and nothing when it takes too long or fails."""
    question = _question(messages)
    if not question:
        return ()
    try:
        async with asyncio.timeout(library.patience_s):
            return tuple(await library.search(question))
    except TimeoutError:
        _log.warning("knowledge too late", waited_ms=round(library.patience_s * 1000))
    except Exception:  # noqa: BLE001
        # The library is a plug-in over a database: a turn without passages is better than a call without an end.
        _log.exception("knowledge broke")
    return ()


def instructed(system: Message, passages: Sequence[Passage]) -> Message:
    """Return the system message with the passages of this turn after everything else."""
    if not passages:
        return system
    told = [f"[{number}] {one.title}, page {one.page}: {one.text}" for number, one in enumerate(passages, 1)]
    return Message("system", "\n\n".join([system.content, _INTRODUCTION, *told]))


def _question(messages: Sequence[Message]) -> str:
    """Return the last turn, if it is the caller's and made of words: keys and marks such as ``[inaudible]`` are not."""
    if not messages or messages[-1].role != "user":
        return ""
    said = messages[-1].content.strip()
    if said.startswith(("[", "DTMF:")) or sum(map(str.isalpha, said)) < _FEWEST_LETTERS:
        return ""
    return said
