"""Fill ``{{name}}`` in a message from slots and call variables.

One pass: values are data and never rendered again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Lookup = Callable[[str], str]
"""Returns the text of a name such as ``customer_name`` or ``new_time.day``; empty when there is none."""

_TAG = re.compile(r"\{\{\{?\s*([\w.\[\]-]+)\s*((?:\|[^{}]*)?)\}\}\}?")
_FILTER = re.compile(r"""\|\s*(\w+)\s*(?::\s*(?:"([^"]*)"|'([^']*)'|(\w+)))?""")


def render(message: str, lookup: Lookup) -> str:
    """Return the message with every tag filled; a missing value leaves nothing behind, not even its space."""

    def fill(tag: re.Match[str]) -> str:
        return _filtered(lookup(tag[1]), tag[2])

    filled = _TAG.sub(fill, message)
    if filled == message:
        return message.strip()
    return re.sub(r"\s+([,.!?;:])", r"\1", re.sub(r"\s{2,}", " ", filled)).strip()


def _filtered(value: str, filters: str) -> str:
    """Apply the filters of contract C.11: ``default``, ``upcase``, ``downcase``, ``truncate``."""
    for found in _FILTER.finditer(filters):
        name, argument = found[1], found[2] or found[3] or found[4] or ""
        if name == "default":
            value = value or argument
        elif name == "upcase":
            value = value.upper()
        elif name == "downcase":
            value = value.lower()
        elif name == "truncate" and argument.isdecimal():
            value = value[: int(argument)]
    return value
