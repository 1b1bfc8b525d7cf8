"""What an agent version holds: every field of the contract (C.2.2) with its default and its limits."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import AliasChoices, Field, field_validator, model_validator

from dialnexa.platform.agents import analysis_fields
from dialnexa.platform.agents.flow_schema import ShownAsFlow
from dialnexa.platform.agents.functions import AgentFunction, Template, clashes
from dialnexa.platform.agents.speaking import FallbackVoice, Pronunciation
from dialnexa.platform.agents.transfer import (
    DESTINATIONS_VARIABLE,
    MOST_DESTINATIONS,
    read_destination,
    split_destinations,
)
from dialnexa.platform.catalogue.entries import TRANSCRIBERS
from dialnexa.platform.wire import Body

AgentType = Literal["Single_Prompt_Agent", "Conversational_Flow_Agent"]
PipelineType = Literal["Cascaded", "Speech_To_Speech"]
MOST_KEYTERMS, LONGEST_KEYTERM = 100, 50
MOST_BACKCHANNELS, LONGEST_BACKCHANNEL = 10, 30
_KEYTERMS_LENGTH = 2000
_SILENCE_MARGIN_S = 5
_S2S_MAX_CALL_S = 3600


def _comma_list(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for each in text.split(",") if (part := each.strip())))


Ratio = Annotated[float, Field(ge=0, le=1)]


class AgentConfig(Body):
    """The flat form of an agent version."""

    # identity
    title: Annotated[str, Field(min_length=1, max_length=70)] = "Agent"
    version_title: Annotated[str, Field(max_length=35)] | None = None
    description: str | None = None
    timezone: Annotated[str, Field(max_length=64)] | None = None
    webhook_id: str | None = None
    webhook_enabled: bool = True
    """Whether calls of this agent are told to webhooks at all."""
    agent_type: AgentType = "Single_Prompt_Agent"
    pipeline_type: PipelineType | None = "Cascaded"
    # prompt
    prompt_text: Template = ""
    system_prompt_text: Annotated[str, Field(max_length=100_000)] = ""
    welcome_message: Template = ""
    inbound_greeting: Template = ""
    """Said instead of the welcome message to whoever dials in (C.13)."""
    conversation_start_type: Literal["user", "agent_dynamic", "agent_defined"] = "agent_defined"
    allow_interruptions: bool = True
    agent_identity: str | None = None
    agent_background: str | None = None
    flow: Annotated[dict[str, object], ShownAsFlow()] | None = None
    """The conversation graph of a flow agent (C.12)."""
    node_positions: str | dict[str, object] | list[object] | None = None
    json_output_instructions: dict[str, object] | None = None
    structured_output: bool = False
    default_dynamic_variables: dict[str, object] = Field(default_factory=dict[str, object])
    require_variables: bool = False
    """Refuse a call whose variables are not all given (H.4)."""
    # language model
    language_id: str = "en"
    llm_id: str | None = None
    llm_temperature: Annotated[float, Field(ge=0, le=2)] = 0.1
    fallback_llm_enabled: bool = False
    llm_fallback_delay_ms: Annotated[int, Field(ge=0, le=60_000)] | None = 500
    llm_fallback_model: str | None = None
    predictive_preprocessing_enabled: bool = False
    prompt_caching_enabled: bool = False
    # voice
    voice_id: str = "builtin/auto"
    voice_model_id: str | None = None
    voice_speed: Annotated[float, Field(ge=0.25, le=4)] = 1
    voice_temperature: Annotated[float, Field(ge=0, le=2)] = 1
    voice_volume: Annotated[float, Field(ge=0, le=10)] = 1
    voice_pitch: Annotated[float, Field(ge=-1, le=1)] = 0
    fallback_voices: list[FallbackVoice] = Field(default_factory=list[FallbackVoice], max_length=5)
    pronunciations: list[Pronunciation] = Field(default_factory=list[Pronunciation], max_length=500)
    # transcriber
    transcriber_id: str | None = None
    transcription_mode: Literal["optimize_for_speed", "optimize_for_accuracy"] = "optimize_for_speed"
    fallback_stt_enabled: bool = False
    stt_fallback_transcriber_id: str | None = None
    stt_fallback_wait_ms: Annotated[int, Field(ge=0)] | None = None
    boosted_keywords: str = ""
    boost_dynamic_variables: bool = False
    denoising_mode: Literal["remove_noise", "remove_noise_and_speech"] | None = None
    speech_normalization: bool = False
    transcript_formatting: bool = False
    # turn taking
    responsiveness: Annotated[float, Field(ge=0, le=5)] = 0.5
    interruption_sensitivity: Ratio = 0.5
    response_eagerness: Ratio = 1
    backchanneling: bool = False
    backchannel_frequency: Ratio = 0.5
    backchannel_keywords: str = ""
    background_sound: str | None = None
    background_sound_volume: Annotated[float, Field(ge=0, le=2)] = 1
    ambient_noise: bool = False
    reminder_message_interval: Annotated[float, Field(ge=1, le=300)] = 9
    reminder_message_frequency: Annotated[int, Field(ge=0, le=20)] = 1
    audio_cache_enabled: bool = True
    # call
    voicemail_detection: bool = True
    hangup_on_voicemail: bool = False
    voicemail_message: Template = "Please leave a message after the beep."
    listen_for_keypad: bool = True
    keypad_timeout_sec: Annotated[float, Field(ge=0, le=15)] = 5
    termination_key: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "#"
    digit_limit: Annotated[int, Field(ge=1, le=50)] = 1
    end_call_on_silence_sec: Annotated[float, Field(ge=5, le=600)] = 15
    max_call_duration_sec: Annotated[float, Field(ge=60, le=5400)] = 600
    pause_before_speaking_sec: Annotated[float, Field(ge=0, le=60)] = 2
    ring_duration_sec: Annotated[float, Field(ge=1, le=300)] = 30
    """Upstream's 5 s cannot reach a mobile phone (H.7)."""
    # knowledge, privacy, tools, analysis
    knowledge_base_ids: list[str] = Field(default_factory=list[str])
    kb_max_chunks: Annotated[int, Field(ge=1, le=10)] = 5
    kb_min_score: Ratio = 0.5
    opt_out_sensitive_data_storage: bool = False
    opt_in_secure_urls: bool = False
    agent_functions: list[AgentFunction] = Field(default_factory=list[AgentFunction], max_length=64)
    post_call_analysis: list[dict[str, object]] = Field(
        default_factory=list[dict[str, object]],
        validation_alias=AliasChoices("post_call_analysis", "postcall_analysis"),
    )
    post_call_analysis_llm_id: str | None = None

    @field_validator("post_call_analysis")
    @classmethod
    def _in_one_form(cls, fields: list[dict[str, object]]) -> list[dict[str, object]]:
        """Write fields of the analysis in one spelling; ``contradictions`` names those that cannot be read."""
        return analysis_fields.stored(fields)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        """Let ``null`` reset a field that cannot be empty, as ``[]`` resets a list."""
        if not isinstance(data, dict):
            return data
        values = dict(cast(dict[str, object], data))
        for name, field in cls.model_fields.items():
            if name in values and values[name] is None and not field.is_required():
                values[name] = field.get_default(call_default_factory=True, validated_data={})
        return values

    @field_validator("responsiveness")
    @classmethod
    def _scale_of_five(cls, value: float) -> float:
        """Read the older scale of 0 to 5 as well (H.7)."""
        return value / 5 if value > 1 else value

    @field_validator("boosted_keywords", mode="before")
    @classmethod
    def _listed(cls, terms: object) -> object:
        """Read a list of terms as the comma list it stands for."""
        return ", ".join(map(str, cast("list[object]", terms))) if isinstance(terms, list) else terms

    @field_validator("boosted_keywords")
    @classmethod
    def _keyterms(cls, text: str) -> str:
        terms = [term.strip() for term in text.split(",") if term.strip()]
        if len(terms) > MOST_KEYTERMS or len(text) > _KEYTERMS_LENGTH:
            raise ValueError(f"must be at most {MOST_KEYTERMS} terms and {_KEYTERMS_LENGTH} characters")
        for term in terms:
            if len(term) > LONGEST_KEYTERM or not all(letter.isalnum() or letter == " " for letter in term):
                raise ValueError(f'has the term "{term}": use letters, digits and spaces, {LONGEST_KEYTERM} at most')
        return ", ".join(terms)

    @field_validator("backchannel_keywords", mode="before")
    @classmethod
    def _listed_words(cls, words: object) -> object:
        """Read a list of words as the comma list it stands for."""
        return ", ".join(map(str, cast("list[object]", words))) if isinstance(words, list) else words

    @field_validator("backchannel_keywords")
    @classmethod
    def _short_words(cls, text: str) -> str:
        words = _comma_list(text)
        if len(words) > MOST_BACKCHANNELS or any(len(word) > LONGEST_BACKCHANNEL for word in words):
            raise ValueError(
                f"must be a comma list of at most {MOST_BACKCHANNELS} words or short phrases, of "
                f"{LONGEST_BACKCHANNEL} characters each, such as mhm, right, I see"
            )
        return text

    @property
    def backchannels(self) -> tuple[str, ...]:
        """What is said while the caller speaks at length; empty: what is usual."""
        return _comma_list(self.backchannel_keywords)

    @field_validator("default_dynamic_variables")
    @classmethod
    def _destinations(cls, variables: dict[str, object]) -> dict[str, object]:
        """Refuse destinations nobody can call; those that come with a call are judged there."""
        given = variables.get(DESTINATIONS_VARIABLE)
        if given is None or given == "":
            return variables
        listed = split_destinations(given) if isinstance(given, str) else []
        if not 1 <= len(listed) <= MOST_DESTINATIONS or not all(read_destination(one) for one in listed):
            raise ValueError(
                f"has {DESTINATIONS_VARIABLE}, which must be 1 to {MOST_DESTINATIONS} numbers with | between them, "
                "such as +14155550100|+14155550101"
            )
        return variables

    @field_validator("flow")
    @classmethod
    def _has_nodes(cls, flow: dict[str, object] | None) -> dict[str, object] | None:
        if flow is not None and not (isinstance(flow.get("nodes"), list | dict) and flow["nodes"]):
            raise ValueError('must be an object with "nodes", such as {"nodes": [{"id": "start", …}], "edges": […]}')
        return flow


def contradictions(config: AgentConfig) -> list[str]:
    """Return a sentence for each pair of fields that cannot both hold; empty when all is well."""
    found = analysis_fields.mistakes(config.post_call_analysis)
    margin = config.end_call_on_silence_sec - config.reminder_message_interval
    if config.reminder_message_frequency and margin <= _SILENCE_MARGIN_S:
        found.append(
            f"end_call_on_silence_sec ({config.end_call_on_silence_sec:g}) must exceed reminder_message_interval "
            f"({config.reminder_message_interval:g}) by more than {_SILENCE_MARGIN_S} seconds"
        )
    if config.pipeline_type == "Speech_To_Speech" and config.max_call_duration_sec > _S2S_MAX_CALL_S:
        found.append(f"max_call_duration_sec must be at most {_S2S_MAX_CALL_S} for speech-to-speech agents")
    ears = config.transcriber_id or TRANSCRIBERS[0].id
    if config.fallback_stt_enabled and config.stt_fallback_transcriber_id in {None, ears}:
        found.append("stt_fallback_transcriber_id must name a transcriber other than transcriber_id")
    return found + clashes(config.agent_functions)


def obstacles(config: AgentConfig) -> list[str]:
    """Return what keeps a draft from being published."""
    if config.agent_type == "Conversational_Flow_Agent" and config.flow is None:
        return ["flow should not be empty: a Conversational_Flow_Agent needs its graph before it can be published"]
    return []
