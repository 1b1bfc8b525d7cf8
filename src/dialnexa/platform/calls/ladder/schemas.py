"""Wire shapes of ladders."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.calls.ladder.steps import Step, steps, verdict
from dialnexa.platform.calls.records import Ladder


class LadderMessage(BaseModel):
    """One SIP message."""

    at: str
    ms: int = Field(description="Since the first message.")
    direction: Literal["in", "out"]
    from_: str = Field(serialization_alias="from", description="`address:port` it came from.")
    to: str
    transport: str
    first_line: str
    summary: str = Field(description="Such as `INVITE with offer PCMU, PCMA` or `486 Busy Here`.")
    repeated: bool = Field(description="A retransmission, byte for byte.")
    text: str = Field(description="The whole message; secrets are masked with `*`.")

    @classmethod
    def of(cls, step: Step) -> LadderMessage:
        """Describe one step."""
        message = step.message
        ours_first = message.way == "out"
        text = _shown(message.text)
        return cls(
            at=iso(message.at),
            ms=step.ms,
            direction=message.way,
            from_=message.local if ours_first else message.peer,
            to=message.peer if ours_first else message.local,
            transport=message.transport,
            first_line=text.partition("\n")[0].strip(),
            summary=_shown(step.summary),
            repeated=message.repeated,
            text=text,
        )


class LadderOut(BaseModel):
    """The SIP messages of a call."""

    call_id: str = Field(description="The call, or the refused call (`ref_…`).")
    verdict: str = Field(description="How the signalling ended, in a sentence.")
    messages: list[LadderMessage]
    left_out: int = Field(description="Messages that were not kept, because there were too many.")
    gap_at: int = Field(description="How many of `messages` come before those left out.")

    @classmethod
    def of(cls, call_id: str, ladder: Ladder) -> LadderOut:
        """Describe a ladder."""
        return cls(
            call_id=call_id,
            verdict=_shown(verdict(ladder)),
            messages=[LadderMessage.of(step) for step in steps(ladder)],
            left_out=ladder.left_out,
            gap_at=ladder.gap_at,
        )


def _shown(text: str) -> str:
    """Return text that JSON can carry: what was no UTF-8 on the wire becomes a replacement character."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
