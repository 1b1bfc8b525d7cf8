"""What a call is to be: a ``CallPlan`` goes in, and nothing is looked up after it.

It is one of the three values that cross between the wings, with ``live.timeline`` (``CallEvent``s stream out) and
``live.outcome`` (a ``CallOutcome`` ends the call). All are frozen: the platform never sees audio, the live wing never
sees a row; the worker translates between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from dialnexa.kit import phone

# --- who and where ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a trunk asks for when it answers 401 or 407."""

    username: str
    password: str = field(repr=False)


class Encryption(StrEnum):
    """What a trunk makes of encrypted audio (SDES-SRTP, RFC 4568)."""

    NEVER = "never"
    OFFERED = "offered"
    """Encrypted when the far end can, else plain."""
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a trunk wants dialled numbers written."""

    plus: bool = True
    """Whether E.164 numbers keep their ``+``."""
    strip: str = ""
    """Leading digits to take off, such as a country code, and the ``+`` with them; other numbers stay whole."""
    add: str = ""
    """What to put in front: of the stripped numbers when ``strip`` is given, else of all."""

    def write(self, number: str) -> str:
        """Return a number as the trunk wants it; what is no E.164 number stays as it is."""
        if not number.startswith("+"):
            return number
        digits = number[1:]
        if self.strip and digits.startswith(self.strip):
            return self.add + digits.removeprefix(self.strip)
        whole = number if self.plus else digits
        return whole if self.strip else self.add + whole

    def meanings(self, written: str) -> frozenset[str]:
        """Return the E.164 numbers that a trunk may read in this; none in names and extensions."""
        local = written.removeprefix(self.add)
        readings = [written, local]
        if self.strip and written.startswith(self.add) and not written.startswith("+"):
            readings.append(self.strip + local)
        return frozenset(number for text in readings if (number := phone.from_sip_user(text)))


class Dtmf(StrEnum):
    """How a trunk is sent keypad digits."""

    AUTO = "auto"
    """RFC 4733 where negotiated, else INFO where the far end allows it, else tones."""
    RFC4733 = "rfc4733"
    """RFC 4733 where negotiated, else tones."""
    INFO = "info"
    INBAND = "inband"
    """Tones in the audio."""


@dataclass(frozen=True, slots=True)
class SipRoute:
    """Where an outbound call goes: ``sip:<number>@host:port`` through one trunk, and the trunk's habits."""

    host: str
    port: int
    """0: wherever the name's NAPTR and SRV records say, else the transport's usual port (RFC 3263)."""
    credentials: Credentials | None = None
    trunk_id: str = ""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    proxy: str = ""
    """An outbound proxy as ``host[:port][;transport=…]``: requests go there first, with a Route (RFC 3261 §8.1.2).
    Empty: none."""
    from_user: str = ""
    """Shown in From instead of the caller id, for trunks that want their account there; the caller id then goes into
    P-Asserted-Identity (RFC 3325)."""
    from_domain: str = ""
    """Host part of From and P-Asserted-Identity; empty: our own address."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the INVITE."""
    codecs: tuple[str, ...] = ()
    """Codec names in order of preference, such as ``("PCMA", "G722")``; empty: all of ours in our order."""
    encryption: Encryption = Encryption.NEVER
    accept_transfers: bool = False
    """Whether the far end may hand our side on to somebody else on the trunk (REFER, INVITE with Replaces)."""
    dtmf: Dtmf = Dtmf.AUTO
    hide_caller: bool = False
    """Whether the caller id is kept from whom we call (``Privacy: id``, RFC 3325); the trunk still hears it."""
    identity_header: str = "P-Asserted-Identity"
    """Where a caller id goes that From does not show."""
    number_format: NumberFormat = NumberFormat()
    contact: str = ""
    """The URI of a phone or PBX that registered with us: it is called as it named itself, at ``host`` and ``port``
    where it was seen. Empty: the trunk is called, not a phone."""
    path: tuple[str, ...] = ()
    """Proxies that the phone registered through (RFC 3327), as name-addrs; requests take the same way back."""
    also: tuple[SipRoute, ...] = ()
    """Further phones of the same login, called at the same time: who answers first has the call."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Caps that the leg enforces, whatever the conversation does."""

    ring_s: float = 30.0
    """How long an outbound call may ring before it counts as not answered."""
    duration_s: float = 600.0
    """Longest call, counted from the answer."""
    no_audio_s: float = 30.0
    """An answered leg on which no packet arrives this long is taken for dead."""


# --- the agent -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Voice:
    """Which voice speaks. ``builtin/auto`` takes flite when the machine has it, else espeak-ng."""

    id: str = "builtin/auto"
    speed: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0
    fallbacks: tuple[str, ...] = ()
    """Voices that speak when this one fails, in this order."""
    pronunciations: tuple[tuple[str, str], ...] = ()
    """Written → as it is to be read, such as ``("Nguyen", "win")``; whole words, in any case."""
    reads_fully: bool = False
    """Whether units, dates in figures, ranges, addresses and shorthand are read out as people say them."""
    cached: bool = True
    """Whether phrases said before may be played again instead of being spoken anew."""


@dataclass(frozen=True, slots=True)
class Background:
    """What the caller hears beneath the agent, from the answer to the end."""

    sounds: tuple[str, ...]
    """Names of ``live.media.beds``, mixed."""
    volume: float = 1.0
    """0 to 2; 1 is some 20 dB below the agent's voice."""


@dataclass(frozen=True, slots=True)
class Transcriber:
    """Which recogniser listens, and the words it should expect."""

    id: str = "builtin/pocketsphinx"
    language: str = "en"
    keyterms: tuple[str, ...] = ()
    formatted: bool = False
    """Whether what was understood is written as sentences: capitals and a full stop."""
    denoised: bool = False
    """Whether steady noise is taken out of what the recogniser hears."""
    base_url: str = ""
    """Where an OpenAI-compatible endpoint is that transcribes; empty: the recogniser is embedded."""
    api_key: str = field(default="", repr=False)
    fallback: Transcriber | None = None
    """Is asked when this one has not understood anything ``fallback_wait_s`` after the caller fell silent."""
    fallback_wait_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """Which language model thinks: ``builtin/flow``, or any OpenAI-compatible endpoint."""

    id: str = "builtin/flow"
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    temperature: float = 0.1
    max_tokens: int = 400
    cache_key: str = ""
    """Names what requests of an agent have in common, for an endpoint that keeps such beginnings; empty: not told."""
    fallback: Model | None = None
    """Answers instead when this one fails, or says nothing for ``fallback_delay_s``."""
    fallback_delay_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Opening:
    """Who speaks first, and what. ``text`` is already rendered."""

    mode: Literal["agent_defined", "agent_dynamic", "user"] = "agent_defined"
    text: str = ""
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """How the agent takes turns; numbers are the contract's own (C.2.2), the machine derives its times from them."""

    allow_interruptions: bool = True
    responsiveness: float = 0.5
    eagerness: float = 1.0
    """1 answers as soon as the caller seems to be done; less leaves them more time to go on."""
    careful: bool = False
    """Whether the words of a turn matter more than the speed of the answer."""
    interruption_sensitivity: float = 0.5
    backchannel_frequency: float = 0.0
    """How many of the occasions to say "mhm" while the caller speaks at length are taken; 0: none."""
    backchannels: tuple[str, ...] = ()
    """What is said then; empty: what is usual in the language."""
    reminder_interval_s: float = 9.0
    reminder_count: int = 1
    silence_end_s: float = 15.0
    """Hang up after this much mutual silence."""
    keypad: bool = True
    keypad_timeout_s: float = 5.0
    keypad_digits: int = 1
    keypad_end: str = "#"


@dataclass(frozen=True, slots=True)
class VoicemailHandling:
    """What to do when a machine answers an outbound call."""

    detect: bool = True
    hang_up: bool = False
    message: str = ""
    """Spoken after the beep, already rendered; empty: hang up instead."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function the model may call. ``kind`` is the contract's ``type`` (C.5): end_call, custom, …"""

    name: str
    kind: str
    description: str
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    """JSON schema of the arguments."""
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    offered: bool = True
    """Whether the model may call it by itself; what a flow's nodes do is the flow's alone."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Which knowledge bases the agent may look things up in, and how much of them a turn may carry."""

    base_ids: tuple[str, ...] = ()
    max_chunks: int = 5
    min_score: float = 0.5
    """From 0 to 1: how much of a question a passage must speak of."""


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """One published version, with every variable already rendered."""

    agent_id: str
    version_id: str
    name: str
    prompt: str
    """Everything the model is told before the first turn (system prompt, then prompt)."""
    opening: Opening = field(default_factory=Opening)
    voice: Voice = field(default_factory=Voice)
    background: Background | None = None
    transcriber: Transcriber = field(default_factory=Transcriber)
    model: Model = field(default_factory=Model)
    turns: TurnTaking = field(default_factory=TurnTaking)
    voicemail: VoicemailHandling = field(default_factory=VoicemailHandling)
    functions: tuple[FunctionSpec, ...] = ()
    knowledge: Knowledge = field(default_factory=Knowledge)
    flow: Mapping[str, object] | None = None
    """The conversation graph (C.12) as JSON, for flow agents."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """For the flow engine's messages and for words the recogniser should know."""


def _anybody(e164: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class CallPlan:
    """All that a live call needs to know; nothing is looked up later."""

    call_id: str
    direction: Literal["outbound", "inbound"]
    from_number: str
    to_number: str
    agent: AgentPlan
    limits: CallLimits = field(default_factory=CallLimits)
    route: SipRoute | None = None
    """The trunk an outbound call goes through, or an inbound one came over."""
    recording: Path | None = None
    """Where the stereo recording goes; ``None`` records nothing."""
    may_call: Callable[[str], bool] = _anybody
    """Whether an E.164 number may be called when the far end sends us there."""
    channel: Literal["phone", "web"] = "phone"
