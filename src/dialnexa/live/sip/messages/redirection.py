"""Where a 3xx sends a call (RFC 3261 §8.1.3.4): its Contacts in the order the far end prefers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri
from dialnexa.live.sip.messages.message import Response


def alternatives(response: Response, transports: Collection[str]) -> list[Uri]:
    """Return the Contacts that can be called over one of these transports, by ``q`` and then as written."""
    found: list[tuple[float, Uri]] = []
    for item in response.headers.items_of("Contact"):
        try:
            contact = NameAddr.parse(item)
            uri = replace(Uri.parse(contact.uri), headers="")
        except FieldError:
            continue
        if uri.host and uri.transport in transports:
            found.append((_preference(contact.params.get("q")), uri))
    return [uri for _, uri in sorted(found, key=lambda each: -each[0])]


def _preference(text: str | None) -> float:
    """Read a qvalue; without one, or with nonsense, it is 1 (§20.10 leaves it open, HTTP says so)."""
    digits = (text or "").replace(".", "", 1)
    return min(float(text), 1.0) if text and digits.isascii() and digits.isdigit() and len(text) < 10 else 1.0
