"""A cache of spoken sentences: agents say the same things to everybody."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from dialnexa.live.speech.embedded.synthesis import Sentence


class PhraseCache:
    """The sentences used last, up to a number of bytes."""

    def __init__(self, limit: int = 16 * 1024 * 1024) -> None:
        """Hold at most ``limit`` bytes of audio: 16 MiB are about 17 minutes."""
        self._limit = limit
        self._held = 0
        self._sentences: OrderedDict[Hashable, Sentence] = OrderedDict()

    def get(self, key: Hashable) -> Sentence | None:
        """Return a sentence and count it as used just now."""
        sentence = self._sentences.get(key)
        if sentence is not None:
            self._sentences.move_to_end(key)
        return sentence

    def put(self, key: Hashable, sentence: Sentence) -> None:
        """Keep a sentence and let the ones go that were not used for longest; one that is too large is not kept."""
        if sentence.size > self._limit or key in self._sentences:
            return
        self._sentences[key] = sentence
        self._held += sentence.size
        while self._held > self._limit:
            _, gone = self._sentences.popitem(last=False)
            self._held -= gone.size
