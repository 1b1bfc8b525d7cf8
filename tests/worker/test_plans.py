"""From an agent's settings to the plan of a call: every field the live wing can use reaches it."""

from __future__ import annotations

from typing import Any

from dialnexa.live.media.beds import SOUNDS
from dialnexa.live.plan import AgentPlan, Background, Model, Transcriber
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.calls.records import ClaimedCall
from dialnexa.platform.catalogue.backgrounds import BACKGROUNDS
from dialnexa.platform.tenancy.telephony import TelephonyRules
from dialnexa.worker.plans import EarsDefaults, ModelDefaults, build_plan

ENDPOINT = ModelDefaults("http://127.0.0.1:11434/v1", "key", "qwen")
NOTHING = ModelDefaults("", "", "")
WHISPER, NO_EARS = EarsDefaults("http://127.0.0.1:8000/v1", "key", "whisper-1"), EarsDefaults()


def planned(
    models: ModelDefaults = ENDPOINT,
    variables: dict[str, object] | None = None,
    ears: EarsDefaults = NO_EARS,
    **fields: Any,
) -> AgentPlan:
    call = ClaimedCall(
        call_id="call_1",
        workspace_id="ws_1",
        account_id="acct_1",
        livemode=True,
        direction="outbound",
        from_number="+14155550100",
        to_number="+16505550199",
        agent_id="agent_1",
        agent_version_id="av_1",
        agent_version_number=1,
        agent_title="Ada",
        config=AgentConfig.model_validate(fields),
        variables=variables or {},
        trunk_id=None,
    )
    return build_plan(call, None, None, models=models, ears=ears, no_audio_s=30, rules=TelephonyRules()).plan.agent


def test_the_voice_and_what_steps_in_for_it() -> None:
    voice = planned(
        voice_id="builtin/flite/slt",
        voice_speed=1.2,
        voice_pitch=-0.2,
        voice_volume=2,
        fallback_voices=[{"voice_id": "builtin/espeak/en-us", "voice_name": "Echo"}, {"id": "builtin/auto"}],
        pronunciations=[{"word": "Nguyen", "pronunciation": "win"}, {"text": "SQL", "say": "sequel"}],
        audio_cache_enabled=False,
        speech_normalization=True,
    ).voice
    assert (voice.id, voice.speed, voice.pitch, voice.volume) == ("builtin/flite/slt", 1.2, -0.2, 2)
    assert voice.fallbacks == ("builtin/espeak/en-us", "builtin/auto")
    assert voice.pronunciations == (("Nguyen", "win"), ("SQL", "sequel"))
    assert not voice.cached
    assert voice.reads_fully


def test_the_model_and_what_steps_in_for_it() -> None:
    fallback: dict[str, Any] = {"fallback_llm_enabled": True, "llm_fallback_delay_ms": 1500, "llm_temperature": 0.7}
    model = planned(llm_fallback_model="llama", **fallback).model
    assert (model.id, model.fallback_delay_s, model.temperature) == ("qwen", 1.5, 0.7)
    assert model.fallback == Model("llama", ENDPOINT.base_url, "key", 0.7)
    embedded = planned(llm_fallback_model="builtin/flow", **fallback).model.fallback
    assert embedded is not None
    assert (embedded.id, embedded.base_url) == ("builtin/flow", "")


def test_calls_of_one_version_begin_alike() -> None:
    assert planned(prompt_caching_enabled=True).model.cache_key == "av_1"
    assert planned().model.cache_key == ""


def test_nothing_steps_in_unless_it_is_another_model_and_wanted() -> None:
    assert planned(llm_fallback_model="llama").model.fallback is None
    assert planned(fallback_llm_enabled=True).model.fallback is None
    assert planned(fallback_llm_enabled=True, llm_fallback_model="qwen").model.fallback is None
    assert planned(NOTHING, fallback_llm_enabled=True, llm_fallback_model="builtin/flow").model.fallback is None


def test_words_to_expect_are_the_agent_s_and_the_call_s() -> None:
    ears = planned(
        variables={"name": "Anna-Lena O'Neil", "order": {"id": 7}, "note": "x" * 51, "product": "Snack_Box (large)"},
        boosted_keywords="Nexa Prime, deluxe",
        boost_dynamic_variables=True,
        transcript_formatting=True,
    ).transcriber
    assert ears.keyterms[:2] == ("Nexa Prime", "deluxe")
    assert {"Anna-Lena O'Neil", "Snack Box large"} <= set(ears.keyterms)
    assert not [term for term in ears.keyterms if "{" in term or len(term) > 50]
    assert ears.formatted


def test_noise_is_removed_for_both_modes_and_only_if_wanted() -> None:
    assert planned(denoising_mode="remove_noise").transcriber.denoised
    assert planned(denoising_mode="remove_noise_and_speech").transcriber.denoised
    assert not planned().transcriber.denoised


def test_only_the_agent_s_words_unless_it_wants_the_call_s() -> None:
    assert planned(variables={"name": "Anna"}, boosted_keywords="deluxe").transcriber.keyterms == ("deluxe",)


def test_the_ears_and_what_steps_in_for_them() -> None:
    fallback: dict[str, Any] = {"fallback_stt_enabled": True, "boosted_keywords": "deluxe"}
    ears = planned(
        ears=WHISPER, stt_fallback_transcriber_id="whisper-1", stt_fallback_wait_ms=700, **fallback
    ).transcriber
    assert (ears.id, ears.base_url, ears.fallback_wait_s) == ("builtin/pocketsphinx", "", 0.7)
    assert ears.fallback == Transcriber("whisper-1", "en", ("deluxe",), base_url=WHISPER.base_url, api_key="key")
    other = planned(
        ears=WHISPER, transcriber_id="whisper-1", stt_fallback_transcriber_id="builtin/pocketsphinx", **fallback
    )
    assert (other.transcriber.id, other.transcriber.base_url) == ("whisper-1", WHISPER.base_url)
    assert other.transcriber.fallback == Transcriber("builtin/pocketsphinx", "en", ("deluxe",))
    assert other.transcriber.fallback_wait_s == 1.0


def test_no_ears_step_in_that_are_not_wanted_or_not_there_any_more() -> None:
    assert planned(ears=WHISPER, stt_fallback_transcriber_id="whisper-1").transcriber.fallback is None
    gone = planned(stt_fallback_transcriber_id="whisper-1", fallback_stt_enabled=True)
    assert gone.transcriber.fallback is None


def test_taking_turns() -> None:
    turns = planned(response_eagerness=0.3, transcription_mode="optimize_for_accuracy", digit_limit=4).turns
    assert (turns.eagerness, turns.careful, turns.keypad_digits) == (0.3, True, 4)
    assert not planned().turns.careful


def test_who_the_agent_is_stands_between_system_prompt_and_prompt() -> None:
    agent = planned(
        variables={"name": "Mia"},
        system_prompt_text="Be brief. {{not a template",
        agent_identity="You are {{name}}.",
        agent_background="The clinic opens at nine.",
        prompt_text="Ask for the date.",
    )
    assert agent.prompt.split("\n\n") == [
        "Be brief. {{not a template",
        "You are Mia.",
        "The clinic opens at nine.",
        "Ask for the date.",
    ]


def test_how_the_agent_shows_that_it_listens() -> None:
    listening: dict[str, Any] = {"backchanneling": True, "backchannel_frequency": 0.8}
    turns = planned(backchannel_keywords="yes, I see,, yes", **listening).turns
    assert (turns.backchannel_frequency, turns.backchannels) == (0.8, ("yes", "I see"))
    assert planned(backchannel_keywords=["mhm"], **listening).turns.backchannels == ("mhm",)
    assert planned(backchannel_frequency=0.8).turns.backchannel_frequency == 0


def test_the_background_by_our_name_or_another_s() -> None:
    assert planned(background_sound="Coffee Shop", background_sound_volume=1.5).background == Background(("cafe",), 1.5)
    both = planned(background_sound="office", ambient_noise=True).background
    assert both == Background(("office", "room-tone"))
    assert planned(ambient_noise=True).background == Background(("room-tone",))


def test_no_background_where_none_would_be_heard() -> None:
    assert planned().background is None
    assert planned(background_sound="none").background is None
    assert planned(background_sound="office", background_sound_volume=0).background is None
    assert planned(background_sound="kept before names were checked").background is None


def test_every_sound_an_agent_may_name_can_be_played() -> None:
    assert tuple(SOUNDS) == BACKGROUNDS
