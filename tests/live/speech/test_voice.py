"""The embedded voices: what they say, where its words are, and how they stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dialnexa.live.plan import Voice
from dialnexa.live.speech.embedded import flite
from dialnexa.live.speech.embedded.decoding import Decoders, Question, Stretch
from dialnexa.live.speech.embedded.folding import fold
from dialnexa.live.speech.embedded.grammar import grammar_for
from dialnexa.live.speech.embedded.phrases import PhraseCache
from dialnexa.live.speech.embedded.synthesis import Sentence, Style, Synthesis, for_telephone
from dialnexa.live.speech.embedded.voice import EmbeddedMouth, EmbeddedTts, engine_for
from dialnexa.live.speech.ports import Expectation, PhraseLookedUp, Speech, SpeechError, Spoken, TtsEvent, Word
from tests.live.speech.recordings import telephone

TEXT = "Hello Dr. Smith, see you on June 3rd at 2 PM. Call +14155550100, please!"
VOICES = ["builtin/auto", "builtin/espeak/en-us", *(f"builtin/flite/{name}" for name in flite.installed())]


class FakeEngine:
    """Says one second per text and keeps a list."""

    name = "fake"

    def __init__(self) -> None:
        self.said: list[str] = []

    def synthesise(self, text: str, style: Style) -> Synthesis:
        self.said.append(text)
        if text == "broken":
            raise SpeechError("The fake voice failed.")
        return Synthesis(np.full(8000, 1000, np.int16), 8000, ((0, 0),))


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def until_spoken(events: AsyncIterator[TtsEvent]) -> list[TtsEvent]:
    """Return everything up to and with the next ``Spoken``."""
    heard = [await anext(events)]
    while not isinstance(heard[-1], Spoken):
        heard.append(await anext(events))
    return heard


@pytest.mark.parametrize("voice", VOICES)
async def test_every_voice_marks_its_words_in_its_audio(voice: str) -> None:
    async with EmbeddedTts.start() as tts, tts.open(Voice(voice)) as mouth:
        for piece in (TEXT[:20], TEXT[20:]):
            mouth.push(piece)
        mouth.flush()
        heard = await until_spoken(mouth.events())
    words = [event for event in heard if isinstance(event, Word)]
    audio = np.concatenate([event.samples for event in heard if isinstance(event, Speech)])
    assert [TEXT[word.text_start : word.text_end] for word in words][:6] == [
        "Hello",
        "Dr.",
        "Smith,",
        "see",
        "you",
        "on",
    ]
    assert "+14155550100" in [TEXT[word.text_start : word.text_end] for word in words]
    starts = [word.sample for word in words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < starts[-1] < audio.size
    assert 4 < audio.size / 8000 < 14
    assert np.abs(audio.astype(int)).max() > 4000
    # A felt delay of the voice's own: nothing but 20 ms may come before the first sound.
    assert np.flatnonzero(np.abs(audio.astype(int)) > 120)[0] <= 170


async def test_positions_start_anew_after_each_stretch() -> None:
    async with EmbeddedTts.start() as tts, tts.open(Voice("builtin/espeak/en-us")) as mouth:
        for _ in range(2):
            mouth.push("Good morning.")
            mouth.flush()
            words = [event for event in await until_spoken(mouth.events()) if isinstance(event, Word)]
            assert [(word.text_start, word.text_end) for word in words] == [(0, 4), (5, 13)]
            assert words[0].sample < 200


async def test_what_was_said_before_is_not_synthesised_again(thread: ThreadPoolExecutor) -> None:
    engine = FakeEngine()
    mouth = EmbeddedMouth(EmbeddedTts(thread), engine, Voice())
    looked = list[PhraseLookedUp]()
    for _ in range(2):
        mouth.push("Good morning.")
        mouth.flush()
        heard = await until_spoken(mouth.events())
        looked += [event for event in heard if isinstance(event, PhraseLookedUp)]
        assert isinstance(heard[-2], Speech)
    assert engine.said == ["Good morning."]
    assert looked == [PhraseLookedUp(hit=False, kept=True), PhraseLookedUp(hit=True)]
    mouth.close()


async def test_an_agent_without_a_cache_is_spoken_anew_each_time(thread: ThreadPoolExecutor) -> None:
    engine, voices = FakeEngine(), EmbeddedTts(thread)
    mouth = EmbeddedMouth(voices, engine, Voice(cached=False))
    for _ in range(2):
        mouth.push("Good morning.")
        mouth.flush()
        assert not [event for event in await until_spoken(mouth.events()) if isinstance(event, PhraseLookedUp)]
    mouth.close()
    assert engine.said == ["Good morning.", "Good morning."]
    assert voices.known(engine, Style(), "Good morning.") is None


async def test_own_pronunciations_are_read_and_the_written_word_is_marked(thread: ThreadPoolExecutor) -> None:
    engine = FakeEngine()
    mouth = EmbeddedMouth(EmbeddedTts(thread), engine, Voice(pronunciations=(("Nguyen", "win"),)))
    mouth.push("Nguyen is here.")
    mouth.flush()
    heard = await until_spoken(mouth.events())
    assert engine.said == ["win is here."]
    assert [event for event in heard if isinstance(event, Word)] == [Word(0, 6, 0)]
    mouth.close()


async def test_cancelling_forgets_audio_words_and_the_end(thread: ThreadPoolExecutor) -> None:
    engine = FakeEngine()
    mouth = EmbeddedMouth(EmbeddedTts(thread), engine, Voice())
    mouth.push("One is said. Two is said. Three is")
    mouth.flush()
    await asyncio.sleep(0)
    mouth.cancel()
    mouth.push("Four.")
    mouth.flush()
    heard = await until_spoken(mouth.events())
    assert [event for event in heard if isinstance(event, Word)] == [Word(0, 5, 0)]
    assert sum(isinstance(event, Speech) for event in heard) == 1
    mouth.close()
    with pytest.raises(StopAsyncIteration):
        await anext(mouth.events())


async def test_a_text_without_words_is_spoken_at_once(thread: ThreadPoolExecutor) -> None:
    mouth = EmbeddedMouth(EmbeddedTts(thread), FakeEngine(), Voice())
    mouth.push(" ")
    mouth.flush()
    assert await until_spoken(mouth.events()) == [Spoken()]
    mouth.close()


async def test_a_voice_that_fails_says_so(thread: ThreadPoolExecutor) -> None:
    mouth = EmbeddedMouth(EmbeddedTts(thread), FakeEngine(), Voice())
    mouth.push("broken")
    mouth.flush()
    with pytest.raises(SpeechError, match="fake voice failed"):
        await until_spoken(mouth.events())
    mouth.close()


@pytest.mark.parametrize(
    "voice", ["elevenlabs/rachel", "builtin/flite/nobody", "builtin/piper/x", "builtin/espeak/xx-yy"]
)
def test_an_unknown_voice_is_refused_with_those_there_are(voice: str) -> None:
    with pytest.raises(SpeechError, match="builtin/espeak/en-us"):
        engine_for(voice)


def test_settings_change_the_speech() -> None:
    engine = engine_for("builtin/auto")
    normal, quick = engine.synthesise("Good morning.", Style()), engine.synthesise("Good morning.", Style(speed=1.5))
    assert quick.samples.size < 0.8 * normal.samples.size
    loud = for_telephone(normal, "", 1.0).samples.astype(int)
    quiet = for_telephone(normal, "", 0.25).samples.astype(int)
    assert np.abs(quiet).max() < 0.3 * np.abs(loud).max()


def test_an_engine_without_marks_gets_them_in_proportion() -> None:
    speech = Synthesis(np.full(1000, 5000, np.int16), 8000)
    assert for_telephone(speech, "ab cd efgh", 1.0).marks == ((0, 0), (3, 300), (6, 600))


def test_silence_around_the_speech_is_cut() -> None:
    samples = np.concatenate([np.zeros(4000), np.full(800, 9000), np.zeros(8000)]).astype(np.int16)
    sentence = for_telephone(Synthesis(samples, 8000, ((0, 4000),)), "x", 1.0)
    assert sentence.samples.size == 160 + 800 + 1200 - 1
    assert sentence.marks == ((0, 160),)


def test_the_cache_lets_the_least_used_go() -> None:
    cache = PhraseCache(limit=5000)
    sentence = Sentence(np.zeros(1000, np.int16), ())
    cache.put("a", sentence)
    cache.put("b", sentence)
    assert cache.get("a") is sentence
    cache.put("c", sentence)
    assert cache.get("b") is None
    assert cache.get("a") is sentence
    cache.put("huge", Sentence(np.zeros(3000, np.int16), ()))
    assert cache.get("huge") is None


def test_the_recogniser_understands_the_voice_over_a_telephone() -> None:
    assert flite.is_installed("rms"), "tools/install_peers.sh installs flite"
    text = "Tomorrow at three PM."
    sentence = for_telephone(engine_for("builtin/flite/rms").synthesise("tomorrow at three P M", Style()), text, 0.4)
    grammar = grammar_for(Expectation("datetime"))
    assert grammar is not None
    stretch = Stretch(Decoders(), Question(grammar.key, grammar.jsgf, grammar.words), "")
    stretch.feed(fold(telephone(sentence.samples)))
    heard = stretch.finish()
    assert heard is not None
    assert heard.text == "tomorrow at three p m"
