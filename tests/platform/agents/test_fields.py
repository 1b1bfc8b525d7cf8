"""Every field of the contract's table (C.2.2): its default, its limits, and the sentence for what lies beyond them.

Each is sent in the flat and in the nested form; both must mean the same, and mistakes are spelled as they were sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.nested import FLAT_TO_NESTED, flatten, nest
from dialnexa.platform.wire import sentences

NODES = {"nodes": [{"id": "start", "type": "start"}], "edges": []}
FUNCTION: dict[str, Any] = {"display_name": "bye", "type": "end_call", "description": "", "config": {}}
VOICE = {"voice_id": "builtin/auto", "voice_name": None, "provider_voice_id": None, "provider": None}
TRANSFER = {"agent_transfer_destinations": "+14155550100|+14155550101"}
SEVEN = "|".join(f"+1415555010{digit}" for digit in range(8))


@dataclass(frozen=True)
class Field:
    """One line of the table."""

    name: str
    default: Any
    good: tuple[Any, ...]
    """Values at both limits, or all there are."""
    bad: Any
    sentence: str
    """What is said of the bad value, after the field's name."""


def number(name: str, default: float, least: float, most: float | None, *, whole: bool = False) -> Field:
    if most is None:
        return Field(name, default, (least,), least - 1, f"must be at least {_shown(least, whole)}")
    return Field(name, default, (least, most), most + 1, f"must be at most {_shown(most, whole)}")


def _shown(limit: float, whole: bool) -> str:
    return str(int(limit) if whole else float(limit))


def flag(name: str, default: bool) -> Field:
    return Field(name, default, (True, False), "perhaps", "must be true or false")


def text(name: str, default: str | None = None, longest: int | None = None) -> Field:
    if longest is None:
        return Field(name, default, ("words",), 5, "must be a string")
    long = "x" * (longest + 1)
    return Field(
        name, default, ("x" * longest,), long, f"must be {longest} characters or fewer (received {longest + 1})"
    )


def template(name: str, default: str = "") -> Field:
    broken = '"{{" at character 4 is never closed; write {{name}}'
    return Field(name, default, ("Hi {{name}}", "{{a.b[0] | default: 'x'}}"), "Hi {{name", broken)


def choice(name: str, default: str | None, *words: str) -> Field:
    return Field(name, default, words, "other", f"must be one of: {', '.join(words)}")


FIELDS = [
    text("title", "Agent", 70),
    text("version_title", None, 35),
    text("description"),
    text("timezone", None, 64),
    text("webhook_id"),
    flag("webhook_enabled", True),
    choice("agent_type", "Single_Prompt_Agent", "Single_Prompt_Agent", "Conversational_Flow_Agent"),
    choice("pipeline_type", "Cascaded", "Cascaded", "Speech_To_Speech"),
    template("prompt_text"),
    text("system_prompt_text", "", 100_000),
    template("welcome_message"),
    template("inbound_greeting"),
    choice("conversation_start_type", "agent_defined", "user", "agent_dynamic", "agent_defined"),
    flag("allow_interruptions", True),
    text("agent_identity"),
    text("agent_background"),
    Field("flow", None, (NODES, {**NODES, "start_node_id": "start"}), {"edges": []}, 'must be an object with "nodes"'),
    Field("node_positions", None, ('{"a": 1}', {"a": 1}, [1]), 5, "must be a string"),
    Field("json_output_instructions", None, ({"format": "x"},), "x", "must be an object"),
    flag("structured_output", False),
    Field("default_dynamic_variables", {}, ({"name": "you", "n": 1}, TRANSFER), "x", "must be an object"),
    flag("require_variables", False),
    text("language_id", "en"),
    text("llm_id"),
    number("llm_temperature", 0.1, 0, 2),
    flag("fallback_llm_enabled", False),
    number("llm_fallback_delay_ms", 500, 0, 60_000, whole=True),
    text("llm_fallback_model"),
    flag("predictive_preprocessing_enabled", False),
    flag("prompt_caching_enabled", False),
    text("voice_id", "builtin/auto"),
    text("voice_model_id"),
    number("voice_speed", 1, 0.25, 4),
    number("voice_temperature", 1, 0, 2),
    number("voice_volume", 1, 0, 10),
    number("voice_pitch", 0, -1, 1),
    Field("fallback_voices", [], ([], [VOICE] * 5), [VOICE] * 6, "must have 5 items or fewer"),
    Field("pronunciations", [], ([{"word": "SQL", "pronunciation": "sequel"}],), "x", "must be an array"),
    text("transcriber_id"),
    choice("transcription_mode", "optimize_for_speed", "optimize_for_speed", "optimize_for_accuracy"),
    flag("fallback_stt_enabled", False),
    text("stt_fallback_transcriber_id"),
    Field("stt_fallback_wait_ms", None, (0, 5000), -1, "must be at least 0"),
    Field(
        "boosted_keywords",
        "",
        ("x" * 50, ", ".join(f"term {index}" for index in range(100))),
        ",".join(["x"] * 101),
        "must be at most 100 terms and 2000 characters",
    ),
    flag("boost_dynamic_variables", False),
    choice("denoising_mode", None, "remove_noise", "remove_noise_and_speech"),
    flag("speech_normalization", False),
    flag("transcript_formatting", False),
    number("responsiveness", 0.5, 0, 5),
    number("interruption_sensitivity", 0.5, 0, 1),
    number("response_eagerness", 1, 0, 1),
    flag("backchanneling", False),
    number("backchannel_frequency", 0.5, 0, 1),
    Field(
        "backchannel_keywords",
        "",
        ("mhm, right", "x" * 30, ",".join(map(str, range(10)))),
        ",".join(map(str, range(11))),
        "must be a comma list of at most 10 words or short phrases, of 30 characters each",
    ),
    text("background_sound"),
    number("background_sound_volume", 1, 0, 2),
    flag("ambient_noise", False),
    number("reminder_message_interval", 9, 1, 300),
    number("reminder_message_frequency", 1, 0, 20, whole=True),
    flag("audio_cache_enabled", True),
    flag("voicemail_detection", True),
    flag("hangup_on_voicemail", False),
    template("voicemail_message", "Please leave a message after the beep."),
    flag("listen_for_keypad", True),
    number("keypad_timeout_sec", 5, 0, 15),
    Field("termination_key", "#", (*"0123456789*#",), "A", "must match ^[0-9*#]$"),
    number("digit_limit", 1, 1, 50, whole=True),
    number("end_call_on_silence_sec", 15, 5, 600),
    number("max_call_duration_sec", 600, 60, 5400),
    number("pause_before_speaking_sec", 2, 0, 60),
    number("ring_duration_sec", 30, 1, 300),
    Field("knowledge_base_ids", [], (["kb_1", "kb_2"],), "kb_1", "must be an array"),
    number("kb_max_chunks", 5, 1, 10, whole=True),
    number("kb_min_score", 0.5, 0, 1),
    flag("opt_out_sensitive_data_storage", False),
    flag("opt_in_secure_urls", False),
    Field("agent_functions", [], ([FUNCTION],), {}, "must be an array"),
    Field("post_call_analysis", [], ([],), "x", "must be an array"),
    text("post_call_analysis_llm_id"),
]
BY_NAME = {field.name: field for field in FIELDS}
SCALED = {"responsiveness"}
"""Kept otherwise than it was sent (H.7)."""


def read(body: dict[str, Any], *, nested: bool) -> AgentConfig:
    flat, unknown = flatten(nest(body)) if nested else (body, [])
    assert unknown == []
    return AgentConfig.model_validate(flat)


def mistakes(body: dict[str, Any], *, nested: bool) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        read(body, nested=nested)
    return sentences(refused.value.errors(), FLAT_TO_NESTED if nested else {})


def test_the_table_names_every_field() -> None:
    assert [field.name for field in FIELDS if field.name not in AgentConfig.model_fields] == []
    assert [name for name in AgentConfig.model_fields if name not in BY_NAME] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_a_field_has_its_default_and_null_brings_it_back(name: str) -> None:
    default = BY_NAME[name].default
    assert AgentConfig().model_dump()[name] == default
    assert read({name: None}, nested=False).model_dump()[name] == default


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_field_takes_what_lies_within_its_limits(name: str, nested: bool) -> None:
    for value in BY_NAME[name].good:
        kept = read({name: value}, nested=nested).model_dump()[name]
        assert name in SCALED or kept == value, value


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("name", BY_NAME)
def test_a_field_says_what_is_wrong_with_what_does_not(name: str, nested: bool) -> None:
    field = BY_NAME[name]
    spelled = FLAT_TO_NESTED.get(name, name) if nested else name
    said = mistakes({name: field.bad}, nested=nested)
    assert any(one.startswith(spelled) and field.sentence in one for one in said), said


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"voice_speed": 0.2}, "voice_speed must be at least 0.25"),
        ({"llm_temperature": "warm"}, "llm_temperature must be a number"),
        ({"backchannel_keywords": "I see, " + "x" * 31}, "of 30 characters each, such as mhm, right, I see"),
        ({"boosted_keywords": "fine, not_fine"}, 'boosted_keywords has the term "not_fine": use letters'),
        ({"boosted_keywords": "x" * 51}, "use letters, digits and spaces, 50 at most"),
        ({"boosted_keywords": " " * 2001}, "2000 characters"),
        (
            {"default_dynamic_variables": {"agent_transfer_destinations": "call me"}},
            "agent_transfer_destinations, which must be 1 to 7 numbers with | between them",
        ),
        ({"default_dynamic_variables": {"agent_transfer_destinations": SEVEN}}, "must be 1 to 7 numbers"),
        ({"default_dynamic_variables": {"agent_transfer_destinations": ["+14155550100"]}}, "must be 1 to 7 numbers"),
        ({"pronunciations": [{"word": "SQL"}]}, "pronunciations[0].pronunciation should not be empty"),
        ({"pronunciations": [{"word": "!!", "say": "x"}]}, "pronunciations[0].word must match"),
        ({"fallback_voices": [{"voice_name": "Rachel"}]}, "fallback_voices[0].voice_id should not be empty"),
        ({"fallback_voices": ["builtin/auto"]}, "fallback_voices[0] must be an object"),
        ({"agent_functions": [{"type": "custom", "config": {}}]}, "config.url should not be empty"),
    ],
)
def test_what_else_is_refused(body: dict[str, Any], sentence: str) -> None:
    assert any(sentence in one for one in mistakes(body, nested=False))


@pytest.mark.parametrize(("sent", "kept"), [(0, 0), (0.7, 0.7), (1, 1), (2.5, 0.5), (5, 1)])
def test_responsiveness_is_read_on_the_older_scale_too(sent: float, kept: float) -> None:
    assert read({"responsiveness": sent}, nested=False).responsiveness == kept


def test_keywords_may_come_one_by_one() -> None:
    assert read({"boosted_keywords": ["Nexa", "b c"]}, nested=False).boosted_keywords == "Nexa, b c"


# --- the two forms ---------------------------------------------------------------------------------------------------

ROUTING = ("folder_id", "inbound_phone_number_id", "outbound_phone_number_id", "is_published")
SETTINGS = st.fixed_dictionaries(
    {},
    optional={field.name: st.sampled_from(field.good) for field in FIELDS}
    | {name: st.sampled_from(["", "phn_1"]) for name in ROUTING},
)


@given(SETTINGS)
def test_flat_to_nested_and_back_is_the_same(flat: dict[str, Any]) -> None:
    assert flatten(nest(flat)) == (flat, [])


@given(SETTINGS)
def test_our_own_nested_answers_can_be_sent_back(flat: dict[str, Any]) -> None:
    told = nest(AgentConfig.model_validate({**flat, "title": "x"}).model_dump(mode="json"))
    assert AgentConfig.model_validate(flatten(told)[0]) == AgentConfig.model_validate({**flat, "title": "x"})


@pytest.mark.parametrize(
    ("body", "flat"),
    [
        ({"prompts": {"conversation_start_type": "user"}}, {"conversation_start_type": "user"}),
        ({"conversation_start_type": "agent"}, {"conversation_start_type": "agent_defined"}),
        ({"prompts": {"conversation_start_type": "agent"}}, {"conversation_start_type": "agent_defined"}),
        (
            {"language": {"id": "lang_en_us", "details": {"name": "English", "code": "en-GB"}}},
            {"language_id": "lang_en_us"},
        ),
        ({"language": {"details": {"name": "English", "code": "en-GB"}}}, {"language_id": "en-GB"}),
        ({"language": {"code": "en-GB"}}, {"language_id": "en-GB"}),
        ({"llm": {"fallback": {"fall_back_llm_id": "x"}}}, {"llm_fallback_model": "x"}),
        ({"reminders": {"reminder_message_interval": 12}}, {"reminder_message_interval": 12}),
        (
            {"reminders": {"interval": 12, "frequency": 2}},
            {"reminder_message_interval": 12, "reminder_message_frequency": 2},
        ),
        ({"is_deployement": True}, {"update_deployment": True}),
        (
            {"telephony": {"inbound": {"id": "phn_1", "details": {"number": "+1"}}}},
            {"inbound_phone_number_id": "phn_1"},
        ),
        ({"voice_speed": 2, "voice": {"settings": {"volume": 3}}}, {"voice_speed": 2, "voice_volume": 3}),
        ({"analysis": {"postcall_analysis": []}}, {"post_call_analysis": []}),
    ],
)
def test_the_oddities_of_older_clients(body: dict[str, Any], flat: dict[str, Any]) -> None:
    assert flatten(body) == (flat, [])


def test_parts_nobody_knows_are_named_by_their_path() -> None:
    flat, unknown = flatten({"voice": {"settings": {"warmth": 1}, "id": "v"}, "speech": {"mood": {"a": 1}}})
    assert (flat, unknown) == ({"voice_id": "v"}, ["voice.settings.warmth", "speech.mood"])
