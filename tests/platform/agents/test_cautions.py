"""Settings that are kept, but do not do here what they say, are named with every answer."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.platform.agents.cautions import cautions
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.catalogue.service import Catalogue

WITH_MODEL = Catalogue.of_installation(llm_model="qwen", llm_base_url="http://127.0.0.1/v1", flite_voices=())
EMBEDDED = Catalogue()


def named(catalogue: Catalogue, **fields: Any) -> list[str]:
    return [caution.field for caution in cautions(AgentConfig.model_validate(fields), catalogue)]


def test_an_agent_that_asks_for_nothing_special_gets_no_caution() -> None:
    assert named(WITH_MODEL) == []
    assert named(EMBEDDED, agent_type="Conversational_Flow_Agent") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pipeline_type", "Speech_To_Speech"),
        ("structured_output", True),
        ("predictive_preprocessing_enabled", True),
        ("prompt_caching_enabled", True),
        ("fallback_llm_enabled", True),
        ("fallback_stt_enabled", True),
        ("voice_speed", 3),
        ("voice_speed", 0.3),
        ("voice_temperature", 0.5),
        ("denoising_mode", "remove_noise_and_speech"),
        ("end_call_on_silence_sec", 180),
        ("ring_duration_sec", 5),
    ],
)
def test_what_is_not_carried_out_is_named(field: str, value: object) -> None:
    assert named(WITH_MODEL, **{field: value}) == [field]


def test_a_prompt_needs_a_model_that_reads_it() -> None:
    assert named(EMBEDDED, prompt_text="Sell shoes.") == ["prompt_text"]
    assert named(WITH_MODEL, prompt_text="Sell shoes.", llm_id="builtin/flow") == ["prompt_text"]
    unnamed = Catalogue.of_installation(llm_model="", llm_base_url="http://127.0.0.1/v1", flite_voices=())
    assert named(unnamed, prompt_text="Sell shoes.") == ["prompt_text"]
    assert named(unnamed, prompt_text="Sell shoes.", llm_id="gpt-x") == []


def test_a_model_that_can_step_in_needs_one_it_steps_in_for() -> None:
    fallback: dict[str, Any] = {"fallback_llm_enabled": True, "llm_fallback_model": "builtin/flow"}
    assert named(WITH_MODEL, **fallback) == []
    assert named(EMBEDDED, agent_type="Conversational_Flow_Agent", **fallback) == ["fallback_llm_enabled"]


def test_a_background_kept_before_its_name_was_checked_is_named() -> None:
    assert named(WITH_MODEL, background_sound="disco") == ["background_sound"]
    assert named(WITH_MODEL, background_sound="office", ambient_noise=True) == []


def test_ears_that_can_step_in_must_be_there() -> None:
    both = Catalogue.of_installation(
        llm_model="", llm_base_url="", flite_voices=(), stt_model="whisper-1", stt_base_url="http://127.0.0.1/v1"
    )
    flow: dict[str, Any] = {"agent_type": "Conversational_Flow_Agent", "fallback_stt_enabled": True}
    assert named(both, stt_fallback_transcriber_id="whisper-1", **flow) == []
    assert named(EMBEDDED, stt_fallback_transcriber_id="whisper-1", **flow) == ["fallback_stt_enabled"]


def test_noise_alone_is_removed_as_asked() -> None:
    assert named(WITH_MODEL, denoising_mode="remove_noise") == []
