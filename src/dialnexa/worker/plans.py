"""Turns a claimed call and its agent version into a ``CallPlan``: every variable rendered, nothing left to look up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dialnexa.kit import templates
from dialnexa.kit.secrets import Vault
from dialnexa.live.plan import (
    AgentPlan,
    Background,
    CallLimits,
    CallPlan,
    FunctionSpec,
    Knowledge,
    Model,
    Opening,
    SipRoute,
    Transcriber,
    TurnTaking,
    Voice,
    VoicemailHandling,
)
from dialnexa.live.speech.embedded.flow import acting, checks, graph
from dialnexa.live.speech.embedded.flow.graph import Graph
from dialnexa.platform.agents import sealing, transfer
from dialnexa.platform.agents.config import LONGEST_KEYTERM, MOST_KEYTERMS, AgentConfig
from dialnexa.platform.agents.functions import AgentFunction
from dialnexa.platform.agents.transfer import TransferFunction
from dialnexa.platform.calls.records import ClaimedCall
from dialnexa.platform.catalogue.backgrounds import ROOM, find_background
from dialnexa.platform.catalogue.service import language_code
from dialnexa.platform.tenancy.telephony import TelephonyRules

FLOW_AGENT = "Conversational_Flow_Agent"
END_CALL = "end_call"
EMBEDDED_MODEL = "builtin/flow"
EMBEDDED_TRANSCRIBER = "builtin/pocketsphinx"
_STT_FALLBACK_WAIT_MS = 1000
"""For agents that say nothing of it: the embedded recogniser needs some 300 ms."""
_NOT_SPOKEN = re.compile(r"[^\w\s'’-]|_")


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """The installation's language model, for agents that name none; an empty ``model`` means the embedded engine."""

    base_url: str
    api_key: str
    model: str


@dataclass(frozen=True, slots=True)
class EarsDefaults:
    """The installation's endpoint that transcribes; an empty ``model`` means there is none."""

    base_url: str = ""
    api_key: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class BuiltPlan:
    """A plan, and the variables its texts wanted but nobody gave."""

    plan: CallPlan
    unresolved: tuple[str, ...]


class _Renderer:
    """Renders texts of one call and remembers what was missing."""

    def __init__(self, call: ClaimedCall, config: AgentConfig, rules: TelephonyRules) -> None:
        self.rules = rules
        self.person = person = call.to_number if call.direction == "outbound" else call.from_number
        built_in = templates.built_ins(
            call_id=call.call_id, agent_id=call.agent_id, agent_name=call.agent_title, caller_number=person
        )
        self._values: Mapping[str, object] = {**built_in, **call.variables}
        self._defaults = config.default_dynamic_variables
        self.unresolved: dict[str, None] = {}

    def __call__(self, template: str) -> str:
        rendered = templates.render(template, self._values, self._defaults)
        self.unresolved.update(dict.fromkeys(rendered.unresolved))
        return rendered.text

    def everything(self) -> dict[str, str]:
        """All variables as text, for the flow engine."""
        merged = {**self._defaults, **{name: value for name, value in self._values.items() if value is not None}}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in merged.items()}


def with_secrets(call: ClaimedCall, vault: Vault) -> ClaimedCall:
    """Return a call whose settings have their secrets in clear, for its plan and for nothing that is stored.

    Raises ``SealBroken`` when they were sealed with another master key.
    """
    return replace(call, config=sealing.in_clear(call.config, vault))


def build_plan(
    call: ClaimedCall,
    route: SipRoute | None,
    recording: Path | None,
    *,
    models: ModelDefaults,
    ears: EarsDefaults = EarsDefaults(),
    no_audio_s: float,
    rules: TelephonyRules,
) -> BuiltPlan:
    """Build the plan of a call. ``rules`` say where it may be transferred to.

    Raises ``ValueError`` when the stored version cannot be run (template, graph)."""
    config = AgentConfig.model_validate(call.config)
    flow = graph.parse(config.flow) if config.flow is not None and config.agent_type == FLOW_AGENT else None
    render = _Renderer(call, config, rules)
    plan = CallPlan(
        call_id=call.call_id,
        direction=call.direction,
        from_number=call.from_number,
        to_number=call.to_number,
        agent=_agent(call, config, render, models, ears, flow),
        limits=CallLimits(
            ring_s=config.ring_duration_sec, duration_s=config.max_call_duration_sec, no_audio_s=no_audio_s
        ),
        route=route,
        recording=recording,
        may_call=rules.allow,
        channel=call.channel,
    )
    return BuiltPlan(plan, tuple(render.unresolved))


def _agent(
    call: ClaimedCall,
    config: AgentConfig,
    render: _Renderer,
    models: ModelDefaults,
    ears: EarsDefaults,
    flow: Graph | None,
) -> AgentPlan:
    return AgentPlan(
        agent_id=call.agent_id,
        version_id=call.agent_version_id,
        name=call.agent_title,
        prompt=_prompt(config, render),
        opening=_opening(call, config, render, flow),
        voice=_voice(config),
        background=_background(config),
        transcriber=_transcriber(config, render, ears),
        model=_model(call, config, models),
        turns=_turn_taking(config),
        voicemail=VoicemailHandling(
            detect=config.voicemail_detection and call.direction == "outbound",
            hang_up=config.hangup_on_voicemail,
            message=render(config.voicemail_message),
        ),
        functions=(
            *(_function(function, render) for function in config.agent_functions),
            *_own(config, render, flow),
        ),
        knowledge=Knowledge(tuple(config.knowledge_base_ids), config.kb_max_chunks, config.kb_min_score),
        flow=config.flow if flow is not None else None,
        variables=render.everything(),
    )


def _prompt(config: AgentConfig, render: _Renderer) -> str:
    """Everything the model is told, in the contract's order (C.4); who a flow agent is comes before its nodes."""
    texts = (config.system_prompt_text, config.agent_identity, config.agent_background, config.prompt_text)
    return "\n\n".join(text for text in (texts[0], *(render(text or "") for text in texts[1:])) if text)


def _voice(config: AgentConfig) -> Voice:
    return Voice(
        config.voice_id,
        config.voice_speed,
        config.voice_pitch,
        config.voice_volume,
        fallbacks=tuple(voice.voice_id for voice in config.fallback_voices),
        pronunciations=tuple((each.word, each.pronunciation) for each in config.pronunciations),
        reads_fully=config.speech_normalization,
        cached=config.audio_cache_enabled,
    )


def _background(config: AgentConfig) -> Background | None:
    """What is heard beneath the agent; nothing costs less than a bed at volume 0."""
    wanted = (find_background(config.background_sound or ""), ROOM if config.ambient_noise else "")
    sounds = tuple(dict.fromkeys(name for name in wanted if name))
    volume = config.background_sound_volume
    return Background(sounds, volume) if sounds and volume else None


def _own(config: AgentConfig, render: _Renderer, flow: Graph | None) -> list[FunctionSpec]:
    """Return what the nodes of a graph do by themselves; the model is not offered it."""
    if flow is None:
        return []
    has_end = any(END_CALL in {function.type, function.tool_name} for function in config.agent_functions)
    found = [] if has_end else [FunctionSpec(END_CALL, END_CALL, "", offered=False)]
    for node in flow.nodes.values():
        name = acting.own_name(node)
        if node.kind == "transfer" and checks.destinations(node):
            wanted = TransferFunction.model_validate(dict(node.config)).model_dump()
            own = transfer.rendered(wanted, render, render.rules.allow)
            found.append(FunctionSpec(name, "call_transfer", "", config=own, offered=False))
        elif node.kind == "sms" and not node.function:
            found.append(FunctionSpec(name, "sms", "", config={"to": render.person}, offered=False))
    return found


def _opening(call: ClaimedCall, config: AgentConfig, render: _Renderer, flow: Graph | None) -> Opening:
    """Who dials in hears the inbound greeting when the agent has one (C.13): nobody called *them*.

    A flow agent without a welcome message says the words of its start.
    """
    greeting = config.welcome_message or (flow.start.message if flow is not None else "")
    if call.direction == "inbound" and config.inbound_greeting:
        greeting = config.inbound_greeting
    return Opening(config.conversation_start_type, render(greeting), config.pause_before_speaking_sec)


def _transcriber(config: AgentConfig, render: _Renderer, ears: EarsDefaults) -> Transcriber:
    terms = [term.strip() for term in config.boosted_keywords.split(",") if term.strip()]
    if config.boost_dynamic_variables:
        terms += _key_terms(render.everything().values())
    named = config.transcriber_id or EMBEDDED_TRANSCRIBER
    common = Transcriber(
        named,
        language_code(config.language_id),
        tuple(dict.fromkeys(terms))[:MOST_KEYTERMS],
        formatted=config.transcript_formatting,
        denoised=config.denoising_mode is not None,
    )
    first = _heard_by(named, common, ears)
    second = config.stt_fallback_transcriber_id if config.fallback_stt_enabled else None
    there = second in {EMBEDDED_TRANSCRIBER, ears.model} and second != named
    if not second or not there:
        return first
    wait_ms = _STT_FALLBACK_WAIT_MS if config.stt_fallback_wait_ms is None else config.stt_fallback_wait_ms
    return replace(first, fallback=_heard_by(second, common, ears), fallback_wait_s=wait_ms / 1000)


def _heard_by(transcriber_id: str, common: Transcriber, ears: EarsDefaults) -> Transcriber:
    """Return one transcriber; one that is not this installation's any more is refused when the call begins."""
    if transcriber_id != ears.model:
        return replace(common, id=transcriber_id)
    return replace(common, id=transcriber_id, base_url=ears.base_url, api_key=ears.api_key)


def _key_terms(values: Iterable[str]) -> list[str]:
    """Return what of a call's variables may be said by the caller: plain words, nothing long and nothing nested."""
    plain = (" ".join(_NOT_SPOKEN.sub(" ", value).split()) for value in values if not value.startswith(("{", "[")))
    return [term for term in plain if 0 < len(term) <= LONGEST_KEYTERM]


def _model(call: ClaimedCall, config: AgentConfig, models: ModelDefaults) -> Model:
    """The agent's own model, else the installation's, else the embedded engine."""
    wanted = config.llm_id or models.model or EMBEDDED_MODEL
    if wanted == EMBEDDED_MODEL or not models.base_url:
        return Model(EMBEDDED_MODEL, temperature=config.llm_temperature)
    second = config.llm_fallback_model if config.fallback_llm_enabled else None
    return Model(
        wanted,
        models.base_url,
        models.api_key,
        config.llm_temperature,
        cache_key=call.agent_version_id if config.prompt_caching_enabled else "",
        fallback=_fallback(second, config, models) if second and second != wanted else None,
        fallback_delay_s=(config.llm_fallback_delay_ms or 0) / 1000,
    )


def _fallback(model_id: str, config: AgentConfig, models: ModelDefaults) -> Model:
    if model_id == EMBEDDED_MODEL:
        return Model(EMBEDDED_MODEL)
    return Model(model_id, models.base_url, models.api_key, config.llm_temperature)


def _turn_taking(config: AgentConfig) -> TurnTaking:
    return TurnTaking(
        allow_interruptions=config.allow_interruptions,
        responsiveness=config.responsiveness,
        eagerness=config.response_eagerness,
        careful=config.transcription_mode == "optimize_for_accuracy",
        interruption_sensitivity=config.interruption_sensitivity,
        backchannel_frequency=config.backchannel_frequency if config.backchanneling else 0,
        backchannels=config.backchannels,
        reminder_interval_s=config.reminder_message_interval,
        reminder_count=config.reminder_message_frequency,
        silence_end_s=config.end_call_on_silence_sec,
        keypad=config.listen_for_keypad,
        keypad_timeout_s=config.keypad_timeout_sec,
        keypad_digits=config.digit_limit,
        keypad_end=config.termination_key,
    )


def _function(function: AgentFunction, render: _Renderer) -> FunctionSpec:
    """Describe a function to the model; what is said while it runs is rendered, its request only when it is made."""
    config = dict(function.config)
    if function.type == "call_transfer":
        config = transfer.rendered(config, render, render.rules.allow)
    elif function.type == "sms":
        config = {"to": render.person, **config}
    elif isinstance(holding := config.get("holding_message"), str):
        config["holding_message"] = render(holding)
    return FunctionSpec(
        name=function.tool_name,
        kind=function.type,
        description=render(function.description),
        parameters=function.parameters,
        config=config,
    )
