"""Ladders as they are stored: compressed JSON, for messages of a call repeat each other (ten: about 1 kB)."""

from __future__ import annotations

import json
import zlib
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

from dialnexa.platform.calls.records import Ladder, SipMessage

_FAST = 1
"""zlib's level: this runs on the worker's loop."""


def pack(ladder: Ladder) -> bytes:
    """Return a ladder as bytes."""
    rows = [[round(one.at.timestamp() * 1e6), *astuple(one)[1:]] for one in ladder.messages]
    packed = {"messages": rows, "left_out": ladder.left_out, "gap_at": ladder.gap_at}
    # In ASCII: what was no UTF-8 on the wire is a lone surrogate here, and must come back as one.
    return zlib.compress(json.dumps(packed, separators=(",", ":")).encode("ascii"), _FAST)


def unpack(packed: bytes) -> Ladder:
    """Return what ``pack`` was given."""
    kept: dict[str, Any] = json.loads(zlib.decompress(packed))
    messages = [SipMessage(datetime.fromtimestamp(at / 1e6, UTC), *rest) for at, *rest in kept["messages"]]
    return Ladder(tuple(messages), kept["left_out"], kept["gap_at"])
