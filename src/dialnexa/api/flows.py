"""Reads conversation graphs for the platform, which may not know the wing that runs them."""

from __future__ import annotations

from collections.abc import Mapping

from dialnexa.live.speech.embedded.flow import graph


def flow_problems(flow: Mapping[str, object]) -> list[str]:
    """Return a sentence for each mistake in a graph, naming its node or edge; empty when it can run."""
    try:
        graph.parse(flow)
    except graph.GraphError as error:
        return list(error.problems)
    return []
