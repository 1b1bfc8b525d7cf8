"""How words are said, in the recogniser's ARPAbet: from its dictionary, else by espeak-ng's rules."""

from __future__ import annotations

import re
from collections.abc import Callable

_IPA_TO_ARPABET = (
    ("t͡ʃ", "CH"), ("tʃ", "CH"), ("d͡ʒ", "JH"), ("dʒ", "JH"), ("aɪɚ", "AY ER"), ("aɪ", "AY"), ("aʊ", "AW"),
    ("eɪ", "EY"), ("oʊ", "OW"), ("əʊ", "OW"), ("ɔɪ", "OY"), ("ɔːɹ", "AO R"), ("oːɹ", "AO R"), ("ɑːɹ", "AA R"),
    ("ɛɹ", "EH R"), ("ɪɹ", "IH R"), ("ʊɹ", "UH R"), ("iə", "IY AH"), ("ɜː", "ER"), ("ɚ", "ER"), ("ɝ", "ER"),
    ("iː", "IY"), ("uː", "UW"), ("ɑː", "AA"), ("ɔː", "AO"), ("oː", "AO"), ("əl", "AH L"), ("i", "IY"), ("ɪ", "IH"),
    ("ᵻ", "IH"), ("ɛ", "EH"), ("e", "EH"), ("æ", "AE"), ("a", "AA"), ("ʌ", "AH"), ("ɐ", "AH"), ("ə", "AH"),
    ("ɑ", "AA"), ("ɔ", "AO"), ("o", "OW"), ("ʊ", "UH"), ("u", "UW"), ("y", "UW"), ("p", "P"), ("b", "B"), ("t", "T"),
    ("ɾ", "T"), ("d", "D"), ("k", "K"), ("ɡ", "G"), ("g", "G"), ("f", "F"), ("v", "V"), ("θ", "TH"), ("ð", "DH"),
    ("s", "S"), ("z", "Z"), ("ʃ", "SH"), ("ʒ", "ZH"), ("x", "K"), ("h", "HH"), ("m", "M"), ("n", "N"), ("ŋ", "NG"),
    ("l", "L"), ("ɫ", "L"), ("ɹ", "R"), ("r", "R"), ("j", "Y"), ("w", "W"), ("ʔ", "T"), ("ɲ", "N Y"), ("β", "B"),
)  # fmt: skip


def arpabet(ipa: str) -> str:
    """Turn espeak-ng's IPA into ARPAbet phones; signs the recogniser has no phone for are left out.

    Against the recogniser's own dictionary about one phone in nine differs, which a grammar forgives.
    """
    phones: list[str] = []
    while ipa:
        for sound, phone in _IPA_TO_ARPABET:
            if ipa.startswith(sound):
                phones.append(phone)
                ipa = ipa[len(sound) :]
                break
        else:
            ipa = ipa[1:]
    return " ".join(phones)


class Pronunciations:
    """The recogniser's dictionary as one text, searched in place: 3 MB instead of 25 as a mapping."""

    def __init__(self, dictionary: bytes, guess: Callable[[str], str]) -> None:
        """Read a dictionary in cmudict form; ``guess`` gives the IPA of words that it does not have."""
        self._text = b"\n" + dictionary
        self._guess = guess
        self._found: dict[str, tuple[str, ...]] = {}

    def of(self, word: str) -> tuple[str, ...]:
        """Return the ways a word may be said, the usual one first; empty for what cannot be said at all."""
        if word not in self._found:
            self._found[word] = self._listed(word) or self._guessed(word)
        return self._found[word]

    def _listed(self, word: str) -> tuple[str, ...]:
        name = re.escape(word.encode())
        first = self._text.find(b"\n" + word.encode() + b" ")
        if first < 0:
            return ()
        # Variants follow their word: "a(2) EY".
        entry = re.compile(rb"\n" + name + rb"(?:\(\d+\))? ([^\n]+)")
        ways: list[str] = []
        while (match := entry.match(self._text, first)) is not None:
            ways.append(match[1].decode().strip())
            first = match.end()
        return tuple(ways)

    def _guessed(self, word: str) -> tuple[str, ...]:
        phones = arpabet(self._guess(word))
        return (phones,) if phones else ()
