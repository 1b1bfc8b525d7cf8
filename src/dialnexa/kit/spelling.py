"""Which name was meant by one that nobody knows: a typing error, other capitals, a letter too many."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_SHORT, _LONG = 4, 10
"""Letters from which on a name may have one slip, and two: ``ids`` may be anything."""
_LONGEST = 64
"""Letters of a name worth comparing: comparing takes the product of both."""


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` is a misspelling of, or ``None`` when it resembles none.

    A name with a word more or less is another name: ``language`` does not mean ``language_id``.
    """
    if len(name) > _LONGEST:
        return None
    typed, plain = _plain(name), {_plain(one): one for one in known if not _has_more_words(name, one)}
    near = get_close_matches(typed, plain, n=3, cutoff=0.75)
    return next((plain[one] for one in near if _slips(typed, one) <= _allowed(typed, one)), None)


def _plain(name: str) -> str:
    """Return a name as it is compared: ``toNumber`` and ``TO-NUMBER`` are ``to_number`` to whoever reads them."""
    return name.casefold().replace("-", "").replace("_", "")


def _allowed(one: str, other: str) -> int:
    letters = max(len(one), len(other))
    return (letters >= _SHORT) + (letters >= _LONG)


def _has_more_words(one: str, other: str) -> bool:
    words, others = set(one.split("_")), set(other.split("_"))
    return words < others or others < words


def _slips(one: str, other: str) -> int:
    """Return how many letters are wrong, missing or too many; two that changed places count once."""
    alike = sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())
    return max(len(one), len(other)) - alike
