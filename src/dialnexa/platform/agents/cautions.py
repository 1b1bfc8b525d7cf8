"""What an agent asks for and calls here will not do: told with every answer, so that nobody finds out on the phone."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel

from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.catalogue.backgrounds import BACKGROUNDS, find_background
from dialnexa.platform.catalogue.service import Catalogue

_USUAL_SILENCE_S = (15, 30)
_SHORTEST_RING_S = 15
_VOICE_SPEEDS = (0.5, 2)


class Caution(BaseModel):
    """A setting that is kept, but does not do here what it says."""

    field: str
    message: str


Says = Callable[[AgentConfig, Catalogue], str | None]


def cautions(config: AgentConfig, catalogue: Catalogue) -> list[Caution]:
    """Return what to know about an agent's settings before it is called; empty when all of them hold."""
    found = ((field, says(config, catalogue)) for field, says in _CAUTIONS)
    return [Caution(field=field, message=message) for field, message in found if message]


def _pipeline(config: AgentConfig, _: Catalogue) -> str | None:
    if config.pipeline_type != "Speech_To_Speech":
        return None
    return "No speech-to-speech model is set up here: recogniser, language model and voice do the work one by one."


def _prompt(config: AgentConfig, catalogue: Catalogue) -> str | None:
    """The embedded engine takes messages; whatever else a prompt asks for needs a language model."""
    if config.agent_type != "Single_Prompt_Agent" or not _embedded(config, catalogue):
        return None
    return (
        "builtin/flow does not understand free prompts: the agent speaks its opening and takes a message. Set up a "
        "language model (DIALNEXA_LLM_BASE_URL, DIALNEXA_LLM_MODEL), or make it a Conversational_Flow_Agent."
    )


def _fallback_llm(config: AgentConfig, catalogue: Catalogue) -> str | None:
    if not config.fallback_llm_enabled:
        return None
    if not config.llm_fallback_model:
        return "No model is named in llm_fallback_model, so none steps in. GET /v1/llms/fallback lists them."
    if _embedded(config, catalogue):
        return "builtin/flow answers at once and from this machine; no other model steps in for it."
    return None


def _fallback_stt(config: AgentConfig, catalogue: Catalogue) -> str | None:
    if not config.fallback_stt_enabled:
        return None
    if config.stt_fallback_transcriber_id in {entry.id for entry in catalogue.fallback_transcribers}:
        return None
    return (
        "There is no other transcriber here, so none steps in. Set one up (DIALNEXA_STT_BASE_URL, DIALNEXA_STT_MODEL); "
        "GET /v1/transcribers/fallback lists them."
    )


def _voice_speed(config: AgentConfig, _: Catalogue) -> str | None:
    slowest, fastest = _VOICE_SPEEDS
    if slowest <= config.voice_speed <= fastest:
        return None
    return f"The voices here speak at {slowest:g} to {fastest:g} times their usual speed; the nearer end is used."


def _silence(config: AgentConfig, _: Catalogue) -> str | None:
    least, most = _USUAL_SILENCE_S
    if least <= config.end_call_on_silence_sec <= most:
        return None
    return f"Hosted DialNexa allows {least} to {most} seconds; {config.end_call_on_silence_sec:g} are honoured here."


def _ring(config: AgentConfig, _: Catalogue) -> str | None:
    if config.ring_duration_sec >= _SHORTEST_RING_S:
        return None
    return "Mobile phones often need ten seconds before they ring at all; 30 is a good value."


def _background(config: AgentConfig, _: Catalogue) -> str | None:
    """Nobody can save such a name any more; there may be some from before."""
    if find_background(config.background_sound or "") is not None:
        return None
    return f'There is no sound "{config.background_sound}", so none is played. Use one of: {", ".join(BACKGROUNDS)}.'


def _when(wished: Callable[[AgentConfig], object], message: str) -> Says:
    return lambda config, _: message if wished(config) else None


def _embedded(config: AgentConfig, catalogue: Catalogue) -> bool:
    return catalogue.is_embedded(config.llm_id)


_CAUTIONS: tuple[tuple[str, Says], ...] = (
    ("pipeline_type", _pipeline),
    ("prompt_text", _prompt),
    (
        "structured_output",
        _when(lambda agent: agent.structured_output, "Replies are spoken as the model writes them, not as JSON."),
    ),
    (
        "predictive_preprocessing_enabled",
        _when(
            lambda agent: agent.predictive_preprocessing_enabled,
            "Replies are not prepared before the caller has finished; nothing is asked of the model twice.",
        ),
    ),
    (
        "prompt_caching_enabled",
        _when(
            lambda agent: agent.prompt_caching_enabled,
            "OpenAI's own endpoint is told which calls begin alike; whether another server caches prompts is up to it.",
        ),
    ),
    ("fallback_llm_enabled", _fallback_llm),
    ("voice_speed", _voice_speed),
    (
        "voice_temperature",
        _when(lambda agent: agent.voice_temperature != 1, "The voices here have no temperature; they never vary."),
    ),
    ("fallback_stt_enabled", _fallback_stt),
    (
        "denoising_mode",
        _when(
            lambda agent: agent.denoising_mode == "remove_noise_and_speech",
            "Noise is removed from what the recogniser hears; other people's voices beside the caller's are not.",
        ),
    ),
    ("background_sound", _background),
    ("end_call_on_silence_sec", _silence),
    ("ring_duration_sec", _ring),
)
"""Field → what to say about it, in the order of ``AgentConfig``."""
