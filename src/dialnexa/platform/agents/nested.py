"""The nested form of an agent (``/agents2``, C.2.1) and its way to and from the flat one: one table, read both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from dialnexa.platform.wire import misspelt

FLAT_TO_NESTED: dict[str, str] = {
    "language_id": "language.id",
    "prompt_text": "prompts.prompt_text",
    "system_prompt_text": "prompts.system_prompt_text",
    "welcome_message": "prompts.welcome_message",
    "agent_identity": "prompts.agent_identity",
    "agent_background": "prompts.agent_background",
    "flow": "prompts.flow",
    "node_positions": "prompts.node_positions",
    "json_output_instructions": "prompts.json_output_instructions",
    "default_dynamic_variables": "prompts.default_dynamic_variables",
    "llm_id": "llm.id",
    "fallback_llm_enabled": "llm.fallback.fallback_llm_enabled",
    "llm_fallback_delay_ms": "llm.fallback.llm_fallback_delay_ms",
    "llm_fallback_model": "llm.fallback.llm_fallback_model",
    "llm_temperature": "llm.settings.temperature",
    "structured_output": "llm.settings.structured_output",
    "voice_id": "voice.id",
    "voice_model_id": "voice.model_id",
    "voice_speed": "voice.settings.speed",
    "voice_temperature": "voice.settings.temperature",
    "voice_volume": "voice.settings.volume",
    "voice_pitch": "voice.settings.pitch",
    "fallback_voices": "voice.settings.fallback_voices",
    "pronunciations": "voice.settings.pronunciations",
    "end_call_on_silence_sec": "telephony.call_limits.end_call_on_silence_sec",
    "max_call_duration_sec": "telephony.call_limits.max_call_duration_sec",
    "pause_before_speaking_sec": "telephony.call_limits.pause_before_speaking_sec",
    "ring_duration_sec": "telephony.call_limits.ring_duration_sec",
    "voicemail_detection": "telephony.voicemail.voicemail_detection",
    "hangup_on_voicemail": "telephony.voicemail.hangup_on_voicemail",
    "voicemail_message": "telephony.voicemail.voicemail_message",
    "listen_for_keypad": "telephony.keypad.listen_for_keypad",
    "keypad_timeout_sec": "telephony.keypad.keypad_timeout_sec",
    "termination_key": "telephony.keypad.termination_key",
    "digit_limit": "telephony.keypad.digit_limit",
    "inbound_phone_number_id": "telephony.inbound.id",
    "outbound_phone_number_id": "telephony.outbound.id",
    "background_sound": "speech.background_sound",
    "background_sound_volume": "speech.background_sound_volume",
    "ambient_noise": "speech.ambient_noise",
    "responsiveness": "speech.responsiveness",
    "interruption_sensitivity": "speech.interruption_sensitivity",
    "response_eagerness": "speech.response_eagerness",
    "backchanneling": "speech.backchanneling",
    "backchannel_frequency": "speech.backchannel_frequency",
    "backchannel_keywords": "speech.backchannel_keywords",
    "transcription_mode": "speech.transcription_mode",
    "denoising_mode": "speech.denoising_mode",
    "speech_normalization": "speech.speech_normalization",
    "transcript_formatting": "speech.transcript_formatting",
    "boosted_keywords": "speech.boosted_keywords",
    "boost_dynamic_variables": "speech.boost_dynamic_variables",
    "transcriber_id": "speech.transcriber_id",
    "fallback_stt_enabled": "speech.fallback_stt_enabled",
    "stt_fallback_transcriber_id": "speech.stt_fallback_transcriber_id",
    "stt_fallback_wait_ms": "speech.stt_fallback_wait_ms",
    "audio_cache_enabled": "speech.audio_cache_enabled",
    "reminder_message_interval": "reminders.reminder_message_interval",
    "reminder_message_frequency": "reminders.reminder_message_frequency",
    "post_call_analysis": "analysis.post_call_analysis",
    "post_call_analysis_llm_id": "analysis.post_call_analysis_llm_id",
    "knowledge_base_ids": "knowledge_base.ids",
    "kb_max_chunks": "knowledge_base.max_chunks",
    "kb_min_score": "knowledge_base.min_score",
    "agent_functions": "functions",
}
"""Flat field → its path in the nested form. Fields not named here have the same name at the top of both."""

_OTHER_SPELLINGS: dict[str, str] = {
    "prompts.conversation_start_type": "conversation_start_type",  # the Python client's README puts it there
    "prompts.allow_interruptions": "allow_interruptions",
    "llm.fallback.fall_back_llm_id": "llm_fallback_model",
    "agent_functions": "agent_functions",
    "analysis.postcall_analysis": "post_call_analysis",
    "reminders.interval": "reminder_message_interval",
    "reminders.frequency": "reminder_message_frequency",
    "is_deployement": "update_deployment",
    "is_deployment": "update_deployment",
}
_OLDER_WORDS: dict[tuple[str, object], str] = {("conversation_start_type", "agent"): "agent_defined"}
"""Values that clients of the nested form send, and what they are called today."""
_DESCRIPTIONS = {
    "language.details",
    "language.code",
    "language.name",
    "telephony.inbound.details",
    "telephony.outbound.details",
}
"""Parts of our own answers that say nothing new when a client sends them back."""
_NESTED_TO_FLAT = {path: name for name, path in FLAT_TO_NESTED.items()} | _OTHER_SPELLINGS
_PATHS = (*_NESTED_TO_FLAT, *_DESCRIPTIONS)


def flatten(body: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return a nested body in flat form, and the paths nobody knows. Flat fields in between stay as they are."""
    flat, unknown = dict[str, object](), list[str]()
    _walk(body, "", flat, unknown)
    if (code := _language_code(body)) and "language_id" not in flat:
        flat["language_id"] = code
    return flat, unknown


def misspellings(body: Mapping[str, object], prefix: str = "", also: Iterable[str] = ()) -> dict[str, str]:
    """Return the paths of a nested body that are misspellings, and the names that were meant in their place.

    ``also`` are names at the top that are the same in both forms.
    """
    inside = [path.removeprefix(prefix).partition(".")[0] for path in _PATHS if path.startswith(prefix)]
    known = {name: name for name in (*inside, *also)}
    found = {f"{prefix}{name}": right for name, right in misspelt(body, known).items()}
    for name, value in body.items():
        if isinstance(value, Mapping) and any(path.startswith(f"{prefix}{name}.") for path in _PATHS):
            found |= misspellings(cast(Mapping[str, object], value), f"{prefix}{name}.")
    return found


def nest(flat: Mapping[str, object]) -> dict[str, object]:
    """Return flat fields in nested form."""
    nested = dict[str, object]()
    for name, value in flat.items():
        *groups, last = FLAT_TO_NESTED.get(name, name).split(".")
        place = nested
        for group in groups:
            place = cast(dict[str, object], place.setdefault(group, {}))
        place[last] = value
    return nested


def _language_code(body: Mapping[str, object]) -> object:
    """Return the language of a body that names it by its code alone."""
    language = _mapping(body.get("language"))
    return language.get("code") or _mapping(language.get("details")).get("code")


def _mapping(value: object) -> Mapping[str, object]:
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else {}


def _walk(body: Mapping[str, object], prefix: str, flat: dict[str, object], unknown: list[str]) -> None:
    for key, value in body.items():
        path = f"{prefix}{key}"
        if path in _NESTED_TO_FLAT:
            name = _NESTED_TO_FLAT[path]
            flat[name] = _today(name, value)
        elif path in _DESCRIPTIONS:
            continue
        elif isinstance(value, Mapping) and any(known.startswith(f"{path}.") for known in _NESTED_TO_FLAT):
            _walk(cast(Mapping[str, object], value), f"{path}.", flat, unknown)
        elif not prefix:
            flat[key] = _today(key, cast(object, value))
        else:
            unknown.append(path)


def _today(name: str, value: object) -> object:
    return _OLDER_WORDS.get((name, value), value) if isinstance(value, str) else value
