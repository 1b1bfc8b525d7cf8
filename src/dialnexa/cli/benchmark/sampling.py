"""A sampling profiler in a page: where the CPU time of this process goes, by function. Main thread only."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

_EVERY_S = 0.002
_TOP = 25


class Sampler:
    """Looks at the stack each time the process has used up another two milliseconds of CPU."""

    def __init__(self) -> None:
        self._own: Counter[CodeType] = Counter()
        self._within: Counter[CodeType] = Counter()
        self._samples = 0

    def start(self) -> None:
        """Begin, from the main thread; it costs about one per cent."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def stop(self) -> list[dict[str, object]]:
        """Return the functions that took most: share of samples in them and (``within``) in what they called."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        whole = max(1, self._samples)
        return [
            {
                "function": _name(code),
                "own_percent": round(100 * count / whole, 1),
                "within_percent": round(100 * self._within[code] / whole, 1),
            }
            for code, count in self._own.most_common(_TOP)
        ]

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._samples += 1
        self._own[frame.f_code] += 1
        stack: set[CodeType] = set()
        while frame is not None:
            stack.add(frame.f_code)
            frame = frame.f_back
        self._within.update(stack)


def _name(code: CodeType) -> str:
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.stem}:{code.co_qualname}"
