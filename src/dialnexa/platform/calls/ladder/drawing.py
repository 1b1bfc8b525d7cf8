"""A ladder as text: two columns, arrows and times, so that one glance tells what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from dialnexa.platform.calls.ladder.steps import Step, steps, verdict
from dialnexa.platform.calls.records import Ladder

_WIDTH = 62
"""Characters between the two columns."""
_MARGIN = 10


def draw(ladder: Ladder, title: str) -> str:
    """Return the drawing: ours on the left, the far end on the right, a line per message, the verdict last."""
    taken = steps(ladder)
    if not taken:
        return f"{_printable(title)}\nNothing was said.\n"
    first = taken[0].message
    names = f"{'DialNexa':<{_WIDTH // 2}}{'far end':>{_WIDTH // 2}}"
    addresses = f"{first.local:<{_WIDTH // 2}}{first.peer:>{_WIDTH // 2}}"
    lines = [
        _printable(title),
        f"{first.at:%Y-%m-%d %H:%M:%S.%f} UTC, SIP over {first.transport}",
        "",
        f"{'ms':>{_MARGIN - 2}}  {names}",
        f"{'':{_MARGIN}}{addresses}",
        *_arrows(taken, ladder),
        "",
        _printable(verdict(ladder)),
        "",
    ]
    return "\n".join(lines)


def _arrows(taken: Sequence[Step], ladder: Ladder) -> list[str]:
    first = taken[0].message
    lines: list[str] = []
    for index, step in enumerate(taken):
        if ladder.left_out and index == ladder.gap_at:
            lines.append(f"{'':{_MARGIN}}{f' {ladder.left_out} messages were not kept ':.^{_WIDTH}}")
        message = step.message
        elsewhere = "" if message.peer == first.peer else f"  {message.peer}"
        over = "" if message.transport == first.transport else f"  over {message.transport}"
        lines.append(f"{step.ms:>{_MARGIN - 2}}  {_arrow(step)}{elsewhere}{over}".rstrip())
    return lines


def _arrow(step: Step) -> str:
    again = " (again)" if step.message.repeated else ""
    words = _printable(f" {step.summary}")[: _WIDTH - 8 - len(again)] + f"{again} "
    return f"|{words:-^{_WIDTH - 3}}>|" if step.message.way == "out" else f"|<{words:-^{_WIDTH - 3}}|"


def _printable(text: str) -> str:
    """Return what does nothing to a terminal: the far end chooses these words."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
