"""Offers and answers inside SIP messages: reading the peer's answer, refusing its offer (RFC 3264, RFC 3261 §13)."""

from __future__ import annotations

from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.messages.message import Response, reason_phrase
from dialnexa.live.sip.messages.sdp import NotAcceptable, SdpError, SessionDescription, narrowed, parse_sdp
from dialnexa.live.sip.stack import Stack, warning
from dialnexa.live.sip.transactions.layer import Exchange


def answer_in(body: bytes, offer: SessionDescription) -> SessionDescription:
    """Read the peer's answer to our offer, narrowed to what was offered.

    Raises ``CallRejected`` (488) when there is none that makes sense.
    """
    try:
        description = narrowed(parse_sdp(body), offer)
    except SdpError as error:
        raise CallRejected(488, reason_phrase(488), detail=f"the far end's answer is unusable: {error}") from None
    if description.rejected or description.audio is None:
        raise CallRejected(488, reason_phrase(488), detail="the far end's answer accepts no audio")
    return description


def early_answer(response: Response, offer: SessionDescription) -> SessionDescription | None:
    """Read the answer in a provisional response; ``None`` when it carries none of use."""
    if response.content_type != "application/sdp" or not response.body:
        return None
    try:
        return narrowed(parse_sdp(response.body), offer)
    except SdpError:
        return None


def refuse_sdp(stack: Stack, exchange: Exchange, error: SdpError) -> None:
    """Refuse an offer: 488 when we merely cannot do it, 400 when it is nonsense."""
    status, reason = (488, "") if isinstance(error, NotAcceptable) else (400, "Bad Session Description")
    stack.answer(exchange, status, reason, headers=[warning(str(error))])
