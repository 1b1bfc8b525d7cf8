"""What an installation offers, and how ids that are not among it are answered."""

from __future__ import annotations

import wave

import pytest

from dialnexa.kit.errors import NotFound
from dialnexa.platform.catalogue import previews
from dialnexa.platform.catalogue.entries import FLOW_MODEL, TRANSCRIBERS, VOICES
from dialnexa.platform.catalogue.service import Catalogue, VoiceFilter, find_language, language_code

EVERYTHING = Catalogue()


def names(wanted: VoiceFilter) -> list[str]:
    return [voice.name for voice in EVERYTHING.find_voices(wanted)]


@pytest.mark.parametrize("spelling", ["lang_en_us", "en-US", "en_us", "EN-us", " lang_en_US "])
def test_languages_go_by_id_and_by_code(spelling: str) -> None:
    language = find_language(spelling)
    assert language is not None
    assert (language.id, language.code, language_code(spelling)) == ("lang_en_us", "en-US", "en-US")


def test_an_installation_lists_only_what_it_has() -> None:
    bare = Catalogue.of_installation(llm_model="", llm_base_url="", flite_voices=())
    assert [llm.id for llm in bare.llms] == ["builtin/flow"]
    assert not [voice for voice in bare.voices if "flite" in voice.id]
    automatic = bare.voice("builtin/auto")
    assert (automatic.gender, automatic.same_as) == ("male", "builtin/espeak/en-us")

    furnished = Catalogue.of_installation(llm_model="qwen", llm_base_url="http://127.0.0.1/v1", flite_voices=("slt",))
    assert [llm.id for llm in furnished.llms] == ["qwen", "builtin/flow"]
    assert [voice.id for voice in furnished.voices if "flite" in voice.id] == ["builtin/flite/slt"]
    assert furnished.voice("builtin/auto").same_as == "builtin/flite/slt"


def test_a_model_without_an_endpoint_is_not_there() -> None:
    assert Catalogue.of_installation(llm_model="qwen", llm_base_url="", flite_voices=()).llms == (FLOW_MODEL,)


def test_an_endpoint_without_a_named_model_takes_any_name() -> None:
    open_minded = Catalogue.of_installation(llm_model="", llm_base_url="http://127.0.0.1/v1", flite_voices=())
    assert open_minded.mistakes({"llm_id": "whatever-it-serves"}) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (VoiceFilter(gender="FEMALE"), ["Automatic", "Sally", "Ella", "Emma"]),
        (VoiceFilter(accent="scottish"), ["Alan", "Ewan"]),
        (VoiceFilter(name="al", provider="flite"), ["Sally", "Alan", "Kal", "Kal (telephone)"]),
        (VoiceFilter(provider="elevenlabs"), []),
        (VoiceFilter(language_id="en-GB", gender="female"), ["Emma"]),
        (VoiceFilter(language_id="lang_xx"), []),
        (VoiceFilter(llm_id="unknown"), []),
    ],
)
def test_voices_are_filtered(wanted: VoiceFilter, expected: list[str]) -> None:
    assert names(wanted) == expected


def test_english_of_any_kind_and_a_known_model_do_not_narrow() -> None:
    assert len(names(VoiceFilter(language_id="lang_en", llm_id="builtin/flow", provider="builtin"))) == len(VOICES)


def test_mistakes_name_the_field_and_what_to_use_instead() -> None:
    assert EVERYTHING.mistakes({"llm_id": "gpt", "transcriber_id": None, "voice_id": "builtin/auto"}) == [
        'llm_id "gpt" is not available here; use one of: builtin/flow'
    ]
    [voice] = EVERYTHING.mistakes({"voice_id": "nobody"}, {"voice_id": "voice.id"})
    assert voice.startswith('voice.id "nobody" is not available here; use one of: builtin/auto, builtin/flite/slt')
    assert voice.endswith("(GET /v1/voices lists all)")


def test_an_endpoint_that_transcribes_is_a_transcriber_and_either_steps_in_for_the_other() -> None:
    both = Catalogue.of_installation(
        llm_model="", llm_base_url="", flite_voices=(), stt_model="whisper-1", stt_base_url="http://127.0.0.1/v1"
    )
    assert [entry.id for entry in both.transcribers] == ["builtin/pocketsphinx", "whisper-1"]
    assert both.fallback_transcribers == both.transcribers
    assert all(entry.supports_fallback for entry in both.transcribers)
    assert both.mistakes({"transcriber_id": "whisper-1", "stt_fallback_transcriber_id": "builtin/pocketsphinx"}) == []
    unreachable = Catalogue.of_installation(llm_model="", llm_base_url="", flite_voices=(), stt_model="whisper-1")
    assert (unreachable.transcribers, unreachable.fallback_transcribers) == (TRANSCRIBERS, ())


def test_a_background_is_known_by_several_names() -> None:
    for known in ("office", "Call Center", "coffee-shop", "summer_outdoor", "none", ""):
        assert EVERYTHING.mistakes({"background_sound": known}) == []
    assert EVERYTHING.mistakes({"background_sound": "disco"}) == [
        'background_sound "disco" is not available here; use one of: office, call-center, cafe, convention-hall, '
        "street, outdoors, static-noise, room-tone, none"
    ]


def test_a_model_must_be_of_its_voice_and_fallbacks_must_exist() -> None:
    found = EVERYTHING.mistakes(
        {
            "voice_id": "builtin/flite/slt",
            "voice_model_id": "espeak-ng",
            "fallback_voices": [{"voice_id": "builtin/espeak/en"}, {"voice_id": "nobody"}, {"provider": "x"}],
        }
    )
    assert [sentence.split(" is not")[0] for sentence in found] == [
        'fallback_voices[1].voice_id "nobody"',
        'voice_model_id "espeak-ng"',
    ]


def test_unknown_entries_are_not_found() -> None:
    with pytest.raises(NotFound, match="Voice nobody not found"):
        EVERYTHING.voice("nobody")


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.id)
def test_every_voice_can_be_heard(voice: object) -> None:
    path = previews.file_of(voice)  # pyright: ignore[reportArgumentType]
    with wave.open(str(path)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (8000, 1, 2)
        assert 1 < audio.getnframes() / 8000 < 3
