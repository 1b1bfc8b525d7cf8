"""The seam between the wings: a ``CallPlan`` goes in, ``CallEvent``s stream out, a ``CallOutcome`` ends the call.

Everything here is a frozen value. The platform never sees audio, the live wing never sees a row; the worker
translates between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

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
    cached: bool = True
    """Whether phrases said before may be played again instead of being spoken anew."""


@dataclass(frozen=True, slots=True)
class Transcriber:
    """Which recogniser listens, and the words it should expect."""

    id: str = "builtin/pocketsphinx"
    language: str = "en"
    keyterms: tuple[str, ...] = ()
    formatted: bool = False
    """Whether what was understood is written as sentences: capitals and a full stop."""


@dataclass(frozen=True, slots=True)
class Model:
    """Which language model thinks: ``builtin/flow``, or any OpenAI-compatible endpoint."""

    id: str = "builtin/flow"
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    temperature: float = 0.1
    max_tokens: int = 400
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


# --- what happens ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end rings (180) or sends early media (183)."""

    kind: ClassVar[str] = "ringing"
    sip_status: int = 180


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is up; the call clock, and with it the recording, starts here."""

    kind: ClassVar[str] = "call_answered"


@dataclass(frozen=True, slots=True)
class Citation:
    """Where something that the agent knew in a turn comes from."""

    knowledge_base_id: str
    document_id: str
    title: str
    page: int
    chunk_id: str
    score: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class Passage(Citation):
    """A piece of a document, found for what the caller said."""

    text: str

    @property
    def citation(self) -> Citation:
        """Where it comes from, without what it says."""
        return Citation(self.knowledge_base_id, self.document_id, self.title, self.page, self.chunk_id, self.score)


@dataclass(frozen=True, slots=True)
class TurnSpoken:
    """One side said something. Times are ms since the answer, the same as positions in the recording."""

    kind: ClassVar[str] = "turn"
    role: Literal["agent", "user"]
    text: str
    """For the agent: what was really played."""
    start_ms: int
    end_ms: int
    intended: str = ""
    """For the agent: what it meant to say, when it was cut short."""
    interrupted: bool = False
    confidence: float | None = None
    engine: str = ""
    latency: Mapping[str, int] = field(default_factory=dict[str, int])
    """The waterfall of an agent turn: stage → ms since the caller stopped (endpoint, stt_final, llm_first_token, …)."""
    citations: tuple[Citation, ...] = ()
    """For the agent: the passages it had for this turn."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller cut the agent off."""

    kind: ClassVar[str] = "interrupted"
    at_ms: int
    heard: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The agent used a function."""

    kind: ClassVar[str] = "tool"
    name: str
    arguments: str
    result: str
    ok: bool
    took_ms: int


@dataclass(frozen=True, slots=True)
class DigitsPressed:
    """Keypad digits: from the person (``user``) or sent by the agent."""

    kind: ClassVar[str] = "dtmf"
    role: Literal["agent", "user"]
    digits: str


@dataclass(frozen=True, slots=True)
class SilenceReminder:
    """Nobody spoke for the reminder interval, so the agent asked."""

    kind: ClassVar[str] = "reminder"
    number: int


@dataclass(frozen=True, slots=True)
class VoicemailDetected:
    """A machine answered; ``evidence`` says what gave it away."""

    kind: ClassVar[str] = "voicemail_detected"
    evidence: str


class TransferState(StrEnum):
    """Where a transfer stands (contract C.7); the last six are final."""

    INITIATED = "initiated"
    HUNTING = "hunting"
    CONNECTED = "connected"
    """Both people hear each other, through us."""
    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    HUNT_TIMEOUT = "hunt_timeout"
    CUSTOMER_DISCONNECTED = "customer_disconnected"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self not in {TransferState.INITIATED, TransferState.HUNTING, TransferState.CONNECTED}


@dataclass(frozen=True, slots=True)
class TransferLeg:
    """One destination that was tried."""

    destination: str
    status: str
    """``dialing``, ``ringing``, ``answered``, ``bridged``, ``no_answer``, ``busy``, ``rejected``, ``failed`` or
    ``cancelled`` (contract C.7)."""
    sip_status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TransferMoved:
    """A transfer took a step; it is told whole each time, so the last one says all."""

    kind: ClassVar[str] = "transfer"
    id: str
    status: TransferState
    method: Literal["", "refer", "bridge", "followed"] = ""
    """``refer``: the carrier connects them and our call ends. ``bridge``: both legs stay with us. ``followed``: not the
    agent but the far end handed the call on, and the agent goes on with whom it was handed to."""
    legs: tuple[TransferLeg, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AudioCacheUsed:
    """How often the voice could play a phrase it had spoken before; told once, at the end."""

    kind: ClassVar[str] = "audio_cache"
    status: Literal["enabled", "disabled"]
    lookups: int = 0
    hits: int = 0
    misses: int = 0
    new_entries: int = 0
    hit_rate: float = 0.0
    """Hits among the lookups, 0 to 1."""


@dataclass(frozen=True, slots=True)
class FlowNodeEntered:
    """The conversation came to a node of its graph."""

    kind: ClassVar[str] = "flow_node"
    node_id: str
    label: str
    type: str
    by: Literal["start", "edge", "global", "return"]
    """``global``: the person asked for it; ``return``: back from there to where the conversation was."""
    edge_id: str = ""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """The agent sent a text message, or could not."""

    kind: ClassVar[str] = "sms"
    to: str
    text: str
    sent: bool
    detail: str = ""
    """Why not."""


@dataclass(frozen=True, slots=True)
class TextMessageSkipped:
    """A text message was due on a web call, where nobody has a number to send it to."""

    kind: ClassVar[str] = "sms_skipped_web"
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that the call survived: a lost recording, a late model, a dead recogniser."""

    kind: ClassVar[str] = "trouble"
    part: str
    message: str


@dataclass(frozen=True, slots=True)
class Signalled:
    """What SIP said since the last such event, a line per message: one at the end of set-up, one at the end."""

    kind: ClassVar[str] = "sip"
    phase: Literal["set_up", "end"]
    steps: tuple[str, ...]
    """Such as ``→ INVITE``, ``← 180 Ringing +12 ms``; times count from the first message of the call."""


Happening = (
    Ringing
    | Answered
    | TurnSpoken
    | Interrupted
    | ToolCalled
    | DigitsPressed
    | SilenceReminder
    | VoicemailDetected
    | TransferMoved
    | AudioCacheUsed
    | FlowNodeEntered
    | TextMessage
    | TextMessageSkipped
    | Trouble
    | Signalled
)


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One line of the call's timeline."""

    at: datetime
    what: Happening


# --- what was signalled ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SipMessageSeen:
    """One SIP message of a call, as it was on the wire but for its secrets."""

    at: datetime
    way: Literal["in", "out"]
    local: str
    """Our ``address:port``."""
    peer: str
    """Theirs."""
    transport: str
    """``UDP``, ``TCP`` or ``TLS``."""
    text: str
    """Whole; bytes that are no UTF-8 are surrogates (``surrogateescape``)."""
    repeated: bool = False
    """A retransmission, byte for byte."""


@dataclass(frozen=True, slots=True)
class SipLadder:
    """All SIP messages of a call, in order."""

    messages: tuple[SipMessageSeen, ...] = ()
    left_out: int = 0
    """How many are missing, for there were too many to keep."""
    gap_at: int = 0
    """How many of ``messages`` come before those that are missing."""


# --- how it ended ----------------------------------------------------------------------------------------------------


class Ending(StrEnum):
    """The final call states of seed 001, and ``cancelled``."""

    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    CANCELLED = "cancelled"


class EndReason(StrEnum):
    """Why it ended (contract B.3.5)."""

    USER_DISCONNECTED = "user_disconnected"
    AGENT_DISCONNECTED = "agent_disconnected"
    USER_DID_NOT_PICK_UP = "user_did_not_pick_up"
    USER_BUSY = "user_busy"
    USER_DECLINED = "user_declined"
    USER_UNREACHABLE = "user_unreachable"
    INVALID_PHONE_NUMBER = "invalid_phone_number"
    DESTINATION_FORBIDDEN = "destination_forbidden"
    NETWORK_FAILURE = "network_failure"
    VOICEMAIL_DETECTED = "voicemail_detected"
    SYSTEM_AT_CAPACITY = "system_at_capacity"
    SILENCE_TIMEOUT = "silence_timeout"
    MAX_DURATION_REACHED = "max_duration_reached"
    CALL_TRANSFERRED = "call_transferred"
    CANCELLED = "cancelled"
    WORKER_LOST = "worker_lost"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """A finished recording: stereo WAV, left caller, right agent."""

    path: Path
    duration_ms: int
    size_bytes: int
    lost: str = ""
    """Why part of it is missing (disk full, …); empty when whole."""


@dataclass(frozen=True, slots=True)
class HeardAudio:
    """The far end's audio, as it reached us."""

    packets: int
    """That arrived, each counted once."""
    lost: int
    """That never came; reordering is no loss."""
    duplicates: int
    late: int
    """That came too late to be played."""
    jitter_ms: float
    """Mean of the estimate of RFC 3550, A.8."""
    worst_jitter_ms: float
    concealed_ms: int
    """Audio that was missing when it was to be heard, and made up instead."""
    undecipherable: int
    """Packets under a key not agreed on, tampered with or replayed."""
    mos: float | None
    """Estimated by the E-model (ITU-T G.107), 1 to 4.5; ``None`` when too little arrived to tell."""


@dataclass(frozen=True, slots=True)
class SentAudio:
    """Our audio, as it left, and as the far end says it arrived (RTCP; ``None`` when it says nothing)."""

    packets: int
    unsent: int
    """That this machine's network would not take."""
    gaps: int
    """Pauses of more than 60 ms between two packets: this machine stalled."""
    longest_gap_ms: int
    arrived: bool | None
    """Whether the far end heard any of it."""
    lost: int | None
    jitter_ms: float | None
    mos: float | None


@dataclass(frozen=True, slots=True)
class MediaQuality:
    """How good the audio of a call was, each way."""

    codec: str
    encryption: str
    """The SRTP suite; empty: in clear."""
    round_trip_ms: float | None
    """By RTCP; ``None`` when the far end sent no reports."""
    heard: HeardAudio
    sent: SentAudio


@dataclass(frozen=True, slots=True)
class Used:
    """What a call used of its ears, mouth and mind."""

    stt: str = ""
    stt_ms: int = 0
    """Audio that was sent to the recogniser."""
    tts: str = ""
    tts_characters: int = 0
    """Characters that were given to the voice, whether or not they were heard."""
    llm: str = ""
    llm_requests: int = 0
    llm_input_tokens: int = 0
    llm_output_tokens: int = 0
    llm_estimated: bool = False
    """Whether the endpoint told no counts for some request, so that they are guessed from lengths."""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How the call ended and what there is to keep."""

    ending: Ending
    reason: EndReason
    answered_at: datetime | None
    ended_at: datetime
    duration_ms: int
    """From the answer to the end; 0 when nobody answered."""
    turns: tuple[TurnSpoken, ...] = ()
    recording: RecordingResult | None = None
    sip_status: int | None = None
    detail: str = ""
    """A sentence for the operator, when something went wrong."""
    ladder: SipLadder = field(default_factory=SipLadder)
    quality: MediaQuality | None = None
    """``None`` when no audio was set up."""
    collected: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a flow learned: answers by their slot or variable, values set on the way, what functions told."""
    used: Used = field(default_factory=Used)
