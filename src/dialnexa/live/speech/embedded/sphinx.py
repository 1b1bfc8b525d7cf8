"""pocketsphinx with types: the little of its interface that we use. The package ships neither stubs nor annotations."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, cast

import pocketsphinx


class Hypothesis(Protocol):
    """The best path so far."""

    hypstr: str
    score: float
    """Its likelihood (not the logarithm of it)."""


class Segment(Protocol):
    """A word of the best path."""

    word: str
    """Silence is ``<sil>``, noise ``[NOISE]``, an empty transition ``(NULL)``."""
    start_frame: int
    end_frame: int
    """Frames are 10 ms."""


class Decoder(Protocol):
    """One decoder with one active search."""

    def start_utt(self) -> None:
        """Begin an utterance."""
        ...

    def process_raw(self, data: bytes, no_search: bool, full_utt: bool) -> int:
        """Search through 16 kHz PCM; holds the interpreter lock."""
        ...

    def end_utt(self) -> None:
        """End the utterance; the hypothesis is final then."""
        ...

    def hyp(self) -> Hypothesis | None:
        """Return the best path, ``None`` when nothing fits."""
        ...

    def seg(self) -> Iterable[Segment] | None:
        """Return the words of the best path."""
        ...

    def set_cmn(self, cmn: str) -> None:
        """Set the cepstral mean, as comma-separated numbers."""
        ...

    def get_cmn(self, update: bool) -> str:
        """Return the cepstral mean."""
        ...

    def add_word(self, word: str, phones: str, update: bool) -> int:
        """Add a word to the dictionary."""
        ...

    def add_jsgf_string(self, name: str, jsgf: str) -> None:
        """Add a grammar."""
        ...

    def add_allphone_file(self, name: str, path: str) -> None:
        """Add a phone loop with a phone language model."""
        ...

    def add_lm_file(self, name: str, path: str) -> None:
        """Add a word language model."""
        ...

    def activate_search(self, name: str) -> None:
        """Search with what was added under that name."""
        ...


_MODELS = Path(pocketsphinx.get_model_path("en-us"))
DICTIONARY = str(_MODELS / "cmudict-en-us.dict")
LANGUAGE_MODEL = str(_MODELS / "en-us.lm.bin")
PHONE_MODEL = str(_MODELS / "en-us-phone.lm.bin")


def new_decoder(dictionary: str, **options: float | bool) -> Decoder:
    """Make a decoder over the packaged American English model, without any search yet.

    Word lattices are off: searching them at the end of an utterance takes a second with a large grammar.
    """
    acoustics = str(_MODELS / "en-us")
    decoder = pocketsphinx.Decoder(hmm=acoustics, lm=None, dict=dictionary, loglevel="FATAL", bestpath=False, **options)
    return cast("Decoder", decoder)
