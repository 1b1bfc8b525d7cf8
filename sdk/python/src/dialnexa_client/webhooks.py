"""Webhook deliveries: are they from our DialNexa, are they fresh, and what do they say?"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dialnexa_client.decoding import RAW, decode, named
from dialnexa_client.errors import InvalidSignature, UnexpectedAnswer

TOLERANCE_SECONDS = 300.0
"""How far a delivery's time may be from ours: five minutes, for its way and for clocks that differ."""
_PLAIN = ("x-dialnexa-signature", "x-nexa-signature")
_TIMESTAMPED = "x-dialnexa-signature-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What happened. ``id`` stays the same when a delivery is repeated: use it to handle each event once."""

    id: str
    event: str
    """Such as ``call.completed``."""
    event_type: str | None
    """The event's older name, such as ``call_ended``."""
    call_id: str | None
    agent_id: str | None
    status: str | None
    payload: Mapping[str, object] = field(default_factory=dict[str, object], metadata=named("payload"))
    """``{"call": …}`` and what else the event is about."""
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    require_timestamp: bool = True,
    now: Callable[[], float] = time.time,
) -> WebhookEvent:
    """Return the event of a delivery that was signed with ``secret``; raise ``InvalidSignature`` for any other.

    ``body`` is the raw body, exactly as it arrived: parsed and written again it would not match. ``headers`` may be
    spelled in any case. The timestamped signature (``X-DialNexa-Signature-V2``) is checked first, so that nobody can
    play an old delivery back; senders that have only the plain one (``X-DialNexa-Signature``, ``x-nexa-signature``)
    are accepted with ``require_timestamp=False``.
    """
    if not secret:
        raise InvalidSignature("There is no secret to check the delivery with.")
    known = {name.lower(): value for name, value in headers.items()}
    if (timestamped := known.get(_TIMESTAMPED)) is not None:
        _check_timestamped(timestamped, body, secret, now(), tolerance_seconds)
    elif require_timestamp:
        raise InvalidSignature(
            "The delivery has no X-DialNexa-Signature-V2, so it may be an old one played back. "
            "If your sender never has it, pass require_timestamp=False."
        )
    else:
        _check_plain([known[name] for name in _PLAIN if name in known], body, secret)
    try:
        return decode(WebhookEvent, json.loads(body))
    except ValueError as error:
        raise UnexpectedAnswer("The delivery is signed, but it is not JSON.") from error


def _check_timestamped(header: str, body: bytes, secret: str, now: float, tolerance: float) -> None:
    pairs = list(_pairs(header))
    stamp = next((value for name, value in pairs if name == "t"), "")
    if not (stamp.isascii() and stamp.isdigit()):
        raise InvalidSignature("X-DialNexa-Signature-V2 has no time; it should look like t=1780000000,v1=….")
    # There may be several v1: while a secret is being rotated, one for each.
    if not _any_matches([value for name, value in pairs if name == "v1"], f"{stamp}.".encode() + body, secret):
        raise InvalidSignature("The signature does not match: another secret, or the body was altered on its way.")
    age = now - int(stamp)
    if abs(age) > tolerance:
        raise InvalidSignature(f"The delivery was signed {age:.0f} s ago; at most {tolerance:g} s are accepted.")


def _check_plain(signatures: list[str], body: bytes, secret: str) -> None:
    if not signatures:
        raise InvalidSignature("The delivery is not signed: it has neither X-DialNexa-Signature nor x-nexa-signature.")
    if not all(_any_matches([one.strip().removeprefix("sha256=")], body, secret) for one in signatures):
        raise InvalidSignature("The signature does not match: another secret, or the body was altered on its way.")


def _any_matches(given: list[str], message: bytes, secret: str) -> bool:
    expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
    return any(hmac.compare_digest(expected, one.strip().lower().encode()) for one in given)


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    for pair in header.split(","):
        name, _, value = pair.strip().partition("=")
        yield name, value
