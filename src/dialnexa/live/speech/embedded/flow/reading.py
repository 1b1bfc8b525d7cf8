"""Answer from the knowledge base without a language model: read the best sentences of the best passage back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialnexa.live.speech.embedded.flow import match
from dialnexa.live.timeline import Passage

_ASKS = re.compile(
    r"^(?:(?:and|but|so|well|okay|ok|yes|no|hi|hello|um|uh|please)\b[\s,]*)*"
    r"(?:what|when|where|who|whom|whose|why|how|which|do|does|did|is|are|am|was|were|can|could|will|would|should|"
    r"may|have|has|tell me|i want to know|i would like to know|i wonder)\b"
)
_LEAD_IN = "Here is what I found."
_MOST_WORDS = 45
"""More than three spoken sentences nobody listens to."""


def asks(text: str) -> bool:
    """Tell whether somebody asks something; recognisers write no question marks."""
    return text.rstrip().endswith("?") or _ASKS.match(match.normalise(text)) is not None


def answer(question: str, passages: Sequence[Passage]) -> tuple[str, Passage] | None:
    """Return words to say and the passage they are from: whole sentences, the most telling first and those after it."""
    if not passages:
        return None
    best = passages[0]
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", best.text) if part.strip()]
    if not sentences:
        return None
    wanted = set(match.normalise(question).split())
    scores = [_shared(wanted, sentence) for sentence in sentences]
    start = scores.index(max(scores))
    said = [sentences[start]]
    for sentence in sentences[start + 1 :]:
        if len(" ".join([*said, sentence]).split()) > _MOST_WORDS or len(said) == 2:
            break
        said.append(sentence)
    return f"{_LEAD_IN} {_clipped(' '.join(said))}", best


def _shared(wanted: set[str], sentence: str) -> float:
    words = match.normalise(sentence).split()
    stems = {word[:5] for word in wanted if len(word) > 3}
    return sum(word[:5] in stems for word in words if len(word) > 3)


def _clipped(text: str) -> str:
    words = text.split()
    return text if len(words) <= 2 * _MOST_WORDS else f"{' '.join(words[: 2 * _MOST_WORDS])}."
