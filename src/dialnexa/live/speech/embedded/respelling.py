"""An agent's own pronunciations: words that are read otherwise than they are written. Positions are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialnexa.live.speech.embedded.normalise import SpokenPart, spoken
from dialnexa.live.speech.embedded.shorthand import spoken_fully


class Respelling:
    """Reads texts with an agent's pronunciations; everything else is read as usual."""

    def __init__(self, pronunciations: Sequence[tuple[str, str]], *, fully: bool = False) -> None:
        """Take pairs of what is written and how it is read; the first of two pairs for the same words counts.

        ``fully``: the rest is read with its shorthand.
        """
        self._usual = spoken_fully if fully else spoken
        self._said: dict[str, str] = {}
        for written, said in pronunciations:
            self._said.setdefault(_key(written), said)
        longest_first = sorted((re.escape(each) for each in self._said if each), key=len, reverse=True)
        # Spaces may be any white space in the text. Only whole words are meant.
        words = "|".join(each.replace(r"\ ", r"\s+") for each in longest_first)
        self._pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def spoken(self, text: str) -> list[SpokenPart]:
        """Return what to say for a written text, as ``normalise.spoken`` does."""
        if self._pattern is None:
            return self._usual(text)
        parts, cursor = list[SpokenPart](), 0
        for match in self._pattern.finditer(text):
            parts += self._shifted(text, cursor, match.start())
            parts.append(SpokenPart(self._said[_key(match.group())], match.start(), match.end()))
            cursor = match.end()
        parts += self._shifted(text, cursor, len(text))
        return [part for part in parts if part.text.strip()]

    def _shifted(self, text: str, start: int, end: int) -> list[SpokenPart]:
        return [SpokenPart(part.text, part.start + start, part.end + start) for part in self._usual(text[start:end])]


def _key(written: str) -> str:
    return " ".join(written.lower().split())
