"""Tell the ears what may be said next: the question's own phrases, those of the edges, and the global ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.flow import match
from dialnexa.live.speech.embedded.flow.graph import Edge, Node
from dialnexa.live.speech.embedded.flow.memory import Memory
from dialnexa.live.speech.ports import Expectation

_GENERIC = frozenset(match.normalise(phrase) for phrase in vocabulary.GENERIC)
"""The recogniser listens for these anyway."""
_MOST_WORDS = 40
_SHORT = 4
"""Words in a variable that may be somebody's or something's name."""


def expectation(
    node: Node, edges: Sequence[Edge], listeners: Sequence[Node], memory: Memory, words: tuple[str, ...]
) -> Expectation:
    """Return what may be answered at a node.

    Where no kind of answer was declared but edges name phrases, these are the choice.
    """
    expects = node.expects
    led = [phrase for edge in edges for phrase in edge.condition.phrases]
    called = [phrase for listener in listeners for phrase in listener.phrases]
    own = [*expects.phrases, *(phrase for option in expects.options for phrase in option.phrases)] if expects else []
    kind = expects.kind if expects else "choice" if led else "free_text"
    return Expectation(kind, _audible([*own, *led, *called], memory), words)


def names(variables: Mapping[str, str], keyterms: Iterable[str]) -> tuple[str, ...]:
    """Return words that may occur and that no dictionary promises: key terms, and short variable values."""
    texts = (*keyterms, *(value for value in variables.values() if len(value.split()) <= _SHORT))
    whole = (word for text in texts for word in text.replace(",", " ").split() if word.replace("'", "").isalpha())
    found = dict.fromkeys(word.lower() for word in whole if len(word) > 1)
    return tuple(found)[:_MOST_WORDS]


def _audible(phrases: Sequence[str], memory: Memory) -> tuple[str, ...]:
    """Return the phrases a recogniser can listen for, each once: no patterns, nothing it knows anyway."""
    plain = [phrase for phrase in phrases if not match.is_pattern(phrase)]
    spoken = dict.fromkeys(_as_spoken(phrase) for phrase in memory.phrases(plain))
    return tuple(text for text in spoken if text and match.normalise(text) not in _GENERIC)


def _as_spoken(phrase: str) -> str:
    """Write a phrase as a recogniser's dictionary has it: lower-case words with their apostrophes."""
    return " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", phrase.lower().replace("’", "'")))
