"""Where a flow has been, as its engine tells it: new nodes go to the timeline, what was learned to the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dialnexa.live.speech.ports import Walked
from dialnexa.live.timeline import FlowNodeEntered, Happening, Trouble


class Itinerary:
    """The way of one call through its graph."""

    def __init__(self, emit: Callable[[Happening], None]) -> None:
        self._emit = emit
        self._path: tuple[FlowNodeEntered, ...] = ()
        self._troubles: set[str] = set()
        self.collected: Mapping[str, str] = {}
        """What is known beyond the call's own variables."""

    def follow(self, walked: Walked) -> None:
        """Tell of what is new; engines that replay a call tell the whole way each time."""
        for entered in walked.path[_shared(self._path, walked.path) :]:
            self._emit(entered)
        self._path, self.collected = walked.path, walked.collected
        if walked.trouble and walked.trouble not in self._troubles:
            self._troubles.add(walked.trouble)
            self._emit(Trouble("flow", walked.trouble))


def _shared(first: tuple[FlowNodeEntered, ...], second: tuple[FlowNodeEntered, ...]) -> int:
    """Return how many steps two ways have in common from their beginning."""
    return next((at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other), len(first))
