"""Cut a reply that arrives piece by piece into clauses a voice can start on."""

from __future__ import annotations

import re

_ENOUGH = 12
"""Characters before the first clause may end at a comma: shorter ones sound clipped and save no time."""
_CLAUSE_AGAIN = 90
"""Later on, only a sentence this long is cut at a comma: every cut costs the voice some melody."""

_ENDS = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|\n+|[,;:](?=\s)|\s[–—-](?=\s)")
_DOTTED = (
    "mr mrs ms dr prof sr jr st ave blvd rd apt no nr vs etc approx dept est inc ltd co corp fig gen col sgt capt "
    "e.g i.e a.m p.m u.s u.k jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat "
    "ext tel min max"
)
_CLOSING = "etc a.m p.m u.s u.k inc ltd co corp sr jr st ave blvd rd no min max est"
_ABBREVIATIONS = frozenset(_DOTTED.split())
_MAY_END = frozenset(_CLOSING.split())
"""Abbreviations that also close sentences; a capital after them then decides."""


class Sentences:
    """The chunker of one reply: feed it deltas, speak what it returns.

    A sentence is returned once the character after its end has arrived, so a number such as ``3.5`` or a further
    ``!`` is never cut in two; the model's last sentence comes from ``rest``. Returned pieces have no outer spaces.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._first = True

    def feed(self, text: str) -> list[str]:
        """Add text as it arrives and return the pieces that are ready to be spoken, oldest first."""
        self._buffer += text
        pieces: list[str] = []
        while (end := self._cut()) is not None:
            piece, self._buffer = self._buffer[:end].strip(), self._buffer[end:].lstrip()
            if piece:
                pieces.append(piece)
                self._first = False
        return pieces

    def rest(self) -> str:
        """Return what is left at the end of the reply, and start afresh."""
        left, self._buffer, self._first = self._buffer.strip(), "", True
        return left

    def _cut(self) -> int | None:
        """Return where the next piece ends, or ``None`` while it cannot be known."""
        for match in _ENDS.finditer(self._buffer):
            mark, end = match.group().strip(), match.end()
            if mark[:1] in {"", "!", "?", "…"} or (mark[:1] == "." and self._is_full_stop(match)):
                return end
            if mark[:1] != "." and len(self._buffer[:end].strip()) >= (_ENOUGH if self._first else _CLAUSE_AGAIN):
                return end
        return None

    def _is_full_stop(self, match: re.Match[str]) -> bool:
        """Tell a full stop from the dot of an abbreviation, an initial or a list number."""
        if len(match.group().strip("\"'”’)]")) > 1:
            return True
        before = re.search(r"[^\s(\"“]*$", self._buffer[: match.start()])
        word = before.group().lower() if before else ""
        following = self._buffer[match.end() :].lstrip()
        if word in _MAY_END:
            return following[:1].isupper()
        if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
            return False
        is_list_number = word.isdigit() and not self._buffer[: match.start() - len(word)].strip()
        return not is_list_number
