"""Read what a function returned."""

from __future__ import annotations

import json

from dialnexa.live.speech.embedded.flow.fields import mapping
from dialnexa.live.speech.embedded.flow.slots import Answer


def failed(result: str) -> bool:
    """Tell whether the result reports a failure: an ``error``, ``ok`` or ``success`` false, or words that say so."""
    parsed = _json(result)
    if parsed is None:
        return result.strip().lower().startswith(("error", "failed", "failure"))
    report = mapping(parsed)
    return bool(report.get("error")) or report.get("ok") is False or report.get("success") is False


def answer(result: str) -> Answer:
    """Return the result as an answer; JSON fields become parts, for ``{{slot.field}}``."""
    fields = mapping(_json(result)).items()
    return Answer(
        result, result, {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields}
    )


def variables(result: str) -> dict[str, str]:
    """Return what the function taught the call: the texts under ``variables``, by the names messages use."""
    told = mapping(mapping(_json(result)).get("variables"))
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}


def _json(result: str) -> object:
    try:
        return json.loads(result)
    except (ValueError, RecursionError):  # deeply nested JSON exhausts the decoder's stack
        return None
