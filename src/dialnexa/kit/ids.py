"""Identifiers: a type prefix and a ULID, so ids sort by birth and say what they name (``call_01k…``)."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_RANDOM_BITS = 80


class _Monotonic:
    """Hands out ULID numbers that only grow, even for many in one millisecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
            self._last = max(fresh, self._last + 1)
            return self._last


_numbers = _Monotonic()


def ulid() -> str:
    """Return a new ULID: 26 lower-case Crockford characters, strictly growing inside one process.

    Source: the ULID specification, monotonic variant.
    """
    return _written(_numbers.next())


def first_id(prefix: str, moment: datetime) -> str:
    """Return what sorts before every id of that prefix born at a moment or later, and after all born earlier."""
    return f"{prefix}_{_written(max(0, round(moment.timestamp() * 1000)) << _RANDOM_BITS)}"


def _written(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def new_id(prefix: str) -> str:
    """Return a new id such as ``call_01k9…`` for the given type prefix."""
    return f"{prefix}_{ulid()}"
