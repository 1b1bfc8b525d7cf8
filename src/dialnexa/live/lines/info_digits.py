"""Keypad digits sent by SIP INFO: ``application/dtmf-relay`` and ``application/dtmf``, as many gateways still do."""

from __future__ import annotations

_KEYS = frozenset("0123456789*#ABCD")


def digits_of(content_type: str, body: bytes) -> str:
    """Return the digit an INFO body carries, or nothing when it carries none.

    ``application/dtmf-relay`` says ``Signal=5``, ``application/dtmf`` the digit alone.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = body.decode("utf-8", "replace").strip().upper()
    if kind == "application/dtmf-relay":
        fields = dict(line.replace(" ", "").split("=", 1) for line in text.splitlines() if "=" in line)
        text = fields.get("SIGNAL", "")
    elif kind != "application/dtmf":
        return ""
    text = {"10": "*", "11": "#"}.get(text, text)
    return text if text in _KEYS else ""
